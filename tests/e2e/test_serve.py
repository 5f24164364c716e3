"""`futfut serve` as an operator runs it: a process of its own, the real encoder and the real model."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.model

FUTFUT = [sys.executable, "-c", "from server.cli import main; main()"]
MODELS = Path(os.environ.get("FUTFUT_HOME", ".futfut")).resolve() / "models"
SIGN_OFF = "언제든지 물어보세요! 풋풋~!"
QUESTION = "킥인은 몇 초 안에 해야 해?"
RULES = """# 킥인

공이 옆줄을 넘어가면 킥인으로 경기를 다시 시작해요. 킥인은 4초 안에 차야 해요.
4초를 넘기면 상대 팀이 킥인을 해요.

# 골키퍼

골키퍼는 자기 진영에서 공을 4초까지 가지고 있을 수 있어요.
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the real models and the index of a small corpus."""
    if not MODELS.is_dir():
        pytest.skip(f"{MODELS} isn't there: run `make models`")
    folder = tmp_path_factory.mktemp("home")
    (folder / "models").symlink_to(MODELS)
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "규칙.md").write_text(RULES, encoding="utf-8")
    command = [*FUTFUT, "index", "--corpus", str(corpus), "--home", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, "subprocess.Popen[str]", list[str]]]:
    """A server's address, process and log, once it serves."""
    process = subprocess.Popen(
        [*FUTFUT, "serve", "--home", str(home), "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    stderr = process.stderr
    log: list[str] = []
    try:
        address = None
        while address is None:
            line = stderr.readline()
            assert line, "".join(log)
            log.append(line)
            address = re.search(r"http://127\.0\.0\.1:[1-9]\d*", line)
        # The pipe is read to its end, or the server would one day wait for room in it.
        reader = threading.Thread(target=lambda: log.extend(stderr))
        reader.start()
        yield address[0], process, log
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        stderr.close()


def test_a_question_answered(home: Path) -> None:
    """The service says its port, is ready, answers streamed and whole, signed off once; SIGTERM ends it."""
    with serving(home) as (url, process, log), httpx.Client(base_url=url, timeout=120) as client:
        ready = client.get("/health/ready").json()
        assert (ready["status"], ready["mode"]) == ("ready", "model")

        body = {"messages": [{"role": "user", "content": QUESTION}], "stream": True}
        with client.stream("POST", "/chat", json=body) as response:
            assert response.status_code == 200
            blocks = "".join(response.iter_text()).strip().split("\n\n")
        events = [block.split("\n") for block in blocks if not block.startswith(":")]
        names = [name.removeprefix("event: ") for name, _ in events]
        assert (names[0], names[-1], set(names[1:-1])) == ("sources", "done", {"token"})
        data = [json.loads(line.removeprefix("data: ")) for _, line in events]
        assert any("4초" in source["text"] for source in data[0]["sources"])
        assert_signed_off("".join(item["text"] for item in data[1:-1]))
        assert data[-1]["mode"] == "model"
        assert data[-1]["usage"]["completion_tokens"] > 0

        answered = client.post("/query", json={"query": QUESTION})
        assert answered.status_code == 200
        assert_signed_off(answered.json()["response"])
        assert answered.json()["sources"]

        long = client.post("/search", json={"query": "퉳뷁쀍 " * 480})  # more tokens than the encoder reads
        assert long.status_code == 200
        assert long.json()["passages"]
        odd = client.post("/search", json={"query": "\u0000\u200b🥅"})
        assert odd.status_code == 200

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert "Traceback" not in "".join(log)
    assert "Finished server process" in "".join(log)


def assert_signed_off(answer: str) -> None:
    """The sign-off is the end of the answer, and stands there once."""
    assert answer.endswith(SIGN_OFF)
    assert answer.count("풋풋~!") == 1
    assert len(answer) > len(SIGN_OFF) + 1


def test_interrupted_while_it_answers(home: Path) -> None:
    """Ctrl-C in the middle of an answer ends the process, without a traceback."""
    body = {"messages": [{"role": "user", "content": "풋살 규칙을 모두 자세히 알려줘."}], "stream": True}
    with serving(home) as (url, process, log):
        with httpx.stream("POST", f"{url}/chat", json=body, timeout=120) as response:
            assert next(response.iter_lines())
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    assert "Traceback" not in "".join(log)


def test_terminated_while_it_answers(home: Path) -> None:
    """SIGTERM lets an answer end, or ends it in words when that takes too long; nobody sees a traceback."""
    body = {"messages": [{"role": "user", "content": "풋살 규칙을 모두 자세히 알려줘."}], "stream": True}
    with serving(home) as (url, process, log):
        with httpx.stream("POST", f"{url}/chat", json=body, timeout=120) as response:
            lines = (line for line in response.iter_lines() if line.startswith("event: "))
            assert next(lines)
            process.send_signal(signal.SIGTERM)
            *_, last = lines
        assert last in {"event: done", "event: error"}
        assert process.wait(timeout=60) == 0
    assert "Traceback" not in "".join(log)
    assert "Finished server process" in "".join(log)


def test_nothing_there(tmp_path: Path) -> None:
    """Without an encoder the service doesn't start: one line says what to run, and the exit code is 1."""
    command = [*FUTFUT, "serve", "--home", str(tmp_path), "--port", "0"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert ended.stderr.startswith("futfut: No encoder at ")
    assert ended.stderr.count("\n") == 1


def test_without_a_model(home: Path, tmp_path: Path) -> None:
    """Without the model's file the service says so and answers from the passages alone."""
    (tmp_path / "models").mkdir()
    encoder = next(MODELS.glob("e5-*-int8"))
    (tmp_path / "models" / encoder.name).symlink_to(encoder)
    shutil.copytree(home / "index", tmp_path / "index")
    with serving(tmp_path) as (url, _, log):
        answered = httpx.post(f"{url}/query", json={"query": QUESTION}, timeout=120).json()
        ready = httpx.get(f"{url}/health/ready", timeout=120).json()
    assert ready["mode"] == "extractive"
    assert "4초" in answered["response"]
    assert_signed_off(answered["response"])
    assert "futfut-convert fetch" in " ".join("".join(log).split())
