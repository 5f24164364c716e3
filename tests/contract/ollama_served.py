"""Calls that the contract's cases make of an Ollama, be it the stand-in or a real one."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.ollama_http import OllamaHttp, Step
from tests.real_ollama import RealOllama
from tests.tiny_model import CHATML, END, write_tiny_model

WORDS = ["▁풋", "살", "은", "▁재", "밌", "어", "요", "."]
HELLO = [{"role": "user", "content": "안녕"}]
Json = dict[str, Any]


class Served:
    """Either of the two, with nothing in it at first.

    Attributes:
        gguf: the file of the model that was created last.
    """

    def __init__(self, ollama: OllamaHttp | RealOllama, folder: Path) -> None:
        self.ollama = ollama
        self.http = httpx.Client(base_url=ollama.url, timeout=60, trust_env=False)
        self.gguf = folder / "tiny.gguf"

    def close(self) -> None:
        """Leave nothing behind for the next test."""
        for model in self.tags():
            self.unload(model)
            self.http.request("DELETE", "/api/delete", json={"model": model})
        self.http.close()

    def post(self, path: str, **body: object) -> httpx.Response:
        """The answer to a POST of JSON."""
        return self.http.post(path, json=body)

    def upload(self, content: bytes) -> str:
        """Send a blob; its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.http.post(f"/api/blobs/{digest}", content=content).raise_for_status()
        return digest

    def create(self, name: str, *script: str, **fields: object) -> list[Json]:
        """Create a model that says a script, and over again unless its end is in it; the progress."""
        gguf = write_tiny_model(self.gguf, script or [*WORDS, END])
        blob = self.upload(gguf.read_bytes())
        parameters = {"num_ctx": 512, "temperature": 0, "stop": [END]}
        request = {"model": name, "files": {"m.gguf": blob}, "template": CHATML, "parameters": parameters}
        said = lines(self.post("/api/create", **{**request, **fields}))
        if isinstance(self.ollama, OllamaHttp) and said[-1] == {"status": "success"}:
            steps: list[Step] = [piece.replace("▁", " ") for piece in script or WORDS if piece != END]
            if script and END not in script:
                steps = [step for piece in steps for step in (piece, 0.001)] * 2000
            self.ollama.say(name, *steps)
        return said

    def chat(self, name: str, **fields: object) -> httpx.Response:
        """The answer to a chat, a greeting if nothing else is said."""
        return self.post("/api/chat", **{"model": name, "messages": HELLO, **fields})

    def unload(self, name: str) -> None:
        """Have a model out of memory."""
        self.post("/api/generate", model=name, keep_alive=0).raise_for_status()
        self.wait_until(lambda: full(name) not in [model["name"] for model in self.loaded()])

    def tags(self) -> dict[str, Json]:
        """The models there are, by name."""
        return {model["name"]: model for model in self.http.get("/api/tags").json()["models"]}

    def loaded(self) -> list[Json]:
        """The models in memory."""
        models: list[Json] = self.http.get("/api/ps").json()["models"]
        return models

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def lines(response: httpx.Response) -> list[Json]:
    """The lines of a streamed answer."""
    return [json.loads(line) for line in response.text.splitlines()]


def full(name: str) -> str:
    """The name with its tag."""
    return name if ":" in name else f"{name}:latest"


def error(response: httpx.Response) -> tuple[int, str]:
    """Status and text of a refusal."""
    return response.status_code, response.json()["error"]
