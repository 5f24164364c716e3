"""Faults that a real Ollama can be made to show: its words for them are those of the stand-in."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.ollama_http import HALF_COPIED, RUNNER_DIED
from tests.real_ollama import RealOllama, processes_of
from tests.tiny_model import MODELFILE_LINES, write_modelfile, write_tiny_model

pytestmark = pytest.mark.ollama

ASKED = {"model": "faulty", "messages": [{"role": "user", "content": "안녕"}]}


@pytest.fixture
def http(real_ollama: RealOllama, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of an Ollama with a model that never stops."""
    model = write_tiny_model(tmp_path / "tiny.gguf", ["▁풋", "살"])
    modelfile = write_modelfile(tmp_path / "Modelfile", model, *MODELFILE_LINES)
    real_ollama.run("create", "faulty", "-f", str(modelfile))
    with httpx.Client(base_url=real_ollama.url, timeout=60, trust_env=False) as client:
        yield client
    real_ollama.run("rm", "faulty")


def test_runner_dies(real_ollama: RealOllama, http: httpx.Client) -> None:
    """A llama-server that dies while it answers is an error in the last line; then it is loaded anew."""
    with http.stream("POST", "/api/chat", json=ASKED) as answer:
        pieces = answer.iter_lines()
        next(pieces)
        for process, name in processes_of(real_ollama.models).items():
            if name == "llama-server":
                os.kill(process, signal.SIGKILL)
        *_, last = pieces
    assert json.loads(last) == {"error": RUNNER_DIED.text}
    again = http.post("/api/chat", json={**ASKED, "options": {"num_predict": 1}, "stream": False})
    assert again.json()["done_reason"] == "length"


def test_half_copied(real_ollama: RealOllama, http: httpx.Client) -> None:
    """A manifest that is being written may be found empty: status 500, and the name isn't listed."""
    (manifest,) = (real_ollama.models / "manifests").rglob("faulty/latest")
    content = manifest.read_bytes()
    manifest.write_bytes(b"")
    try:
        failed = http.post("/api/chat", json=ASKED)
        listed = {model["name"] for model in http.get("/api/tags").json()["models"]}
    finally:
        manifest.write_bytes(content)
    assert (failed.status_code, failed.json()) == (HALF_COPIED.status, {"error": HALF_COPIED.text})
    assert "faulty:latest" not in listed
