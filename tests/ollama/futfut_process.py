"""`futfut serve` as a process of its own in front of an Ollama, and how a client asks it."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

FUTFUT = [sys.executable, "-c", "from server.cli import main; main()"]
SIGN_OFF = "언제든지 물어보세요! 풋풋~!"
QUESTION = "킥인은 몇 초 안에 해야 해?"
RULES = """# 킥인

공이 옆줄을 넘어가면 킥인으로 경기를 다시 시작해요. 킥인은 4초 안에 차야 해요.
"""
ASK_SECONDS = 120

Event = tuple[str, Any]


def index(home: Path, encoder: Path) -> None:
    """Give a home an encoder, and the index of a small corpus."""
    models, corpus = home / "models", home / "corpus"
    models.mkdir(exist_ok=True)
    (models / encoder.name).symlink_to(encoder)
    corpus.mkdir()
    (corpus / "규칙.md").write_text(RULES, encoding="utf-8")
    command = [*FUTFUT, "index", "--corpus", str(corpus), "--home", str(home)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def asked(question: str = QUESTION, **fields: object) -> dict[str, Any]:
    """The body of a `POST /chat`."""
    return {"messages": [{"role": "user", "content": question}], **fields}


def events_of(lines: Iterable[str]) -> Iterator[Event]:
    """Server-sent events as they come: names and data."""
    told = (line for line in lines if line and not line.startswith(":"))
    for name in told:
        yield name.removeprefix("event: "), json.loads(next(told).removeprefix("data: "))


def text_of(events: Iterable[Event]) -> str:
    """The answer that events make up."""
    return "".join(data["text"] for name, data in events if name == "token")


class FutfutProcess:
    """A service from entry to exit.

    Attributes:
        url: where it serves.
        http: a client of it.
    """

    def __init__(self, home: Path, **settings: object) -> None:
        """Args: where models and index are, and settings by their names without `FUTFUT_`."""
        self._home = home
        self._environment = {f"FUTFUT_{name.upper()}": str(value) for name, value in settings.items()}
        self._log: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [*FUTFUT, "serve", "--home", str(self._home), "--port", "0"],
            env={**os.environ, **self._environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self._stderr = self._process.stderr
        for line in self._stderr:
            self._log.append(line)
            if address := re.search(r"http://127\.0\.0\.1:[1-9]\d*", line):
                break
        else:
            self._process.wait()
            raise AssertionError(self.log)
        # The pipe is read to its end, or the service would one day wait for room in it.
        self._reader = threading.Thread(target=lambda: self._log.extend(self._stderr))
        self._reader.start()
        self.url = address[0]
        self.http = httpx.Client(base_url=self.url, timeout=ASK_SECONDS, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self._process.terminate()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._reader.join()
            self._stderr.close()

    @property
    def log(self) -> str:
        """What it has logged."""
        return "".join(self._log)

    def chat(self, question: str = QUESTION, **fields: object) -> httpx.Response:
        """The whole answer to a question."""
        return self.http.post("/chat", json=asked(question, **fields))

    @contextmanager
    def streaming(self, question: str = QUESTION) -> Iterator[Iterator[Event]]:
        """The events of a streamed answer; whoever leaves the block early leaves the service."""
        with self.http.stream("POST", "/chat", json=asked(question, stream=True)) as response:
            assert response.status_code == 200, response.read()
            yield events_of(response.iter_lines())

    def metrics(self) -> dict[str, float]:
        """Its own metrics, those with labels as `name{label="value"}`."""
        samples = (line.rpartition(" ") for line in self.http.get("/metrics").text.splitlines())
        return {
            name: float(value)
            for name, _, value in samples
            if name.startswith("futfut_") and "_created" not in name
        }
