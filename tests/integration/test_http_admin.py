"""`/admin/model`: closed without the key; which model is live, and swaps of it in plain view."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kiwipiepy import Kiwi
from litestar import Litestar
from litestar.testing import TestClient

from modelfiles.compose import FOLDER
from modelfiles.ollama.audit import read_entries
from modelfiles.ollama.lock import one_at_a_time
from tests.integration.http_service import Service, is_korean
from tests.ollama_http import OllamaHttp
from tests.tiny_model import END, write_tiny_model

KEY = "열쇠-key"
HEADERS = {b"authorization": f"Bearer {KEY}".encode()}
Client = TestClient[Litestar]


@pytest.fixture
def ollama() -> Iterator[OllamaHttp]:
    with OllamaHttp() as server:
        yield server


@pytest.fixture
def client(ollama: OllamaHttp, tmp_path: Path, kiwi: Kiwi) -> Iterator[Client]:
    """A service on an Ollama that has no model yet; files for two levels of mini are there."""
    (tmp_path / "models").mkdir()
    write_tiny_model(
        tmp_path / "models" / "mini-f16.gguf", ["▁풋", "살", "은", "▁재", "밌", "어", "요", ".", END]
    )
    write_tiny_model(
        tmp_path / "models" / "mini-q8_0.gguf", ["▁다", "섯", "명", "이", "▁", "해", "요", ".", END]
    )
    with serving(tmp_path, kiwi, admin_key=KEY, ollama_url=ollama.url) as client:
        yield client


@contextmanager
def serving(folder: Path, kiwi: Kiwi, **choices: Any) -> Iterator[Client]:
    with TestClient(Service(folder, kiwi, **choices).app) as client:
        yield client


def status(client: Client) -> Any:
    response = client.get("/admin/model", headers=HEADERS)
    assert response.status_code == 200
    return response.json()


def swap(client: Client, **body: object) -> Any:
    """Ask for a swap and wait for its end."""
    response = client.post("/admin/model", headers=HEADERS, json=body)
    assert response.status_code == 202, response.text
    assert response.json()["swap"]["state"] == "running"
    deadline = time.monotonic() + 30
    while (now := status(client))["swap"]["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return now


def test_there_and_back(client: Client, tmp_path: Path) -> None:
    """Nothing is live at first; a model, another and back; each is told, counted and in the audit log."""
    assert status(client) == {"engine": "ollama", "live": None, "swap": None}

    first = swap(client, model="mini-f16")
    assert first["swap"]["state"] == "done"
    assert (first["live"]["name"], first["live"]["level"], first["live"]["context_tokens"]) == (
        "mini-f16",
        "f16",
        4096,
    )
    assert first["live"]["previous"] is None

    second = swap(client, model="mini-q8_0")
    assert (second["live"]["model"], second["live"]["level"]) == ("mini", "q8_0")
    assert second["live"]["previous"] == "mini-f16"
    assert second["live"]["digest"] != first["live"]["digest"]
    assert second["live"]["since"] > first["live"]["since"]

    back = swap(client, rollback=True)
    assert back["swap"]["asked_for"] == "rollback"
    assert back["live"]["digest"] == first["live"]["digest"]
    assert back["live"]["previous"] == "mini-q8_0"

    entries = read_entries(tmp_path)
    assert [(entry.action, entry.asked_by, entry.to_name) for entry in entries] == [
        ("use", "admin", "mini-f16"),
        ("use", "admin", "mini-q8_0"),
        ("rollback", "admin", "mini-f16"),
    ]
    assert 'futfut_model_swaps_total{result="done"} 3.0' in client.get("/metrics").text


def test_a_model_that_the_catalogue_does_not_know(client: Client, tmp_path: Path) -> None:
    """Its Modelfile lies beside the model files: it is swapped to by its name, but not by a path."""
    models = tmp_path / "models"
    text = (FOLDER / "mini-q8_0.Modelfile").read_text(encoding="utf-8")
    (models / "mini-q6_k.Modelfile").write_text(text, encoding="utf-8")
    assert swap(client, model="mini-q6_k")["swap"]["state"] == "done"
    assert status(client)["live"]["name"] == "mini-q6_k"
    path = {"model": str(models / "mini-q6_k.Modelfile")}
    assert client.post("/admin/model", headers=HEADERS, json=path).status_code == 400


def test_a_swap_that_fails(client: Client) -> None:
    """What was live stays; the reason is told."""
    swap(client, model="mini-f16")
    failed = swap(client, model="mini-q5_k_m")
    assert failed["swap"]["state"] == "failed"
    assert "mini-q5_k_m.gguf" in failed["swap"]["reason"]
    assert failed["live"]["name"] == "mini-f16"
    assert 'futfut_model_swaps_total{result="failed"} 1.0' in client.get("/metrics").text


def test_nothing_to_go_back_to(client: Client) -> None:
    """The first model has none before it."""
    assert "nothing to go back to" in swap(client, rollback=True)["swap"]["reason"]


def test_one_at_a_time(client: Client, ollama: OllamaHttp, tmp_path: Path) -> None:
    """A second swap is refused while one runs here; one that another process makes is told as the reason."""
    ollama.runners.load_seconds = 1.0
    first = client.post("/admin/model", headers=HEADERS, json={"model": "mini-f16"})
    assert first.status_code == 202
    refused = client.post("/admin/model", headers=HEADERS, json={"rollback": True})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/swap-running")
    assert "mini-f16" in refused.json()["detail"]
    while status(client)["swap"]["state"] == "running":
        time.sleep(0.02)
    ollama.runners.load_seconds = 0.0
    with one_at_a_time(tmp_path, "counting to ten"):
        assert "counting to ten" in swap(client, model="mini-q8_0")["swap"]["reason"]


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ({"model": "huge"}, "unknown-model"),
        ({"model": "../mini.Modelfile"}, "unknown-model"),
        ({}, "no-swap-target"),
        ({"model": "mini-f16", "rollback": True}, "no-swap-target"),
        ({"model": " "}, "invalid-request"),
        ({"rollback": "yes"}, "invalid-request"),
        ({"modle": "mini"}, "invalid-request"),
    ],
)
def test_what_cannot_be_asked_for(client: Client, body: dict[str, object], slug: str) -> None:
    """A request that names no one target is refused in words, and nothing begins."""
    refused = client.post("/admin/model", headers=HEADERS, json=body)
    assert (refused.status_code, refused.json()["type"]) == (400, f"/problems/{slug}")
    assert is_korean(refused.json()["detail"])
    assert status(client)["swap"] is None


@pytest.mark.parametrize("header", [None, "", KEY, "Bearer", "Bearer 열쇠", f"Basic {KEY}", f"Bearer {KEY}x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_the_key(client: Client, method: str, header: str | None) -> None:
    """Neither looking nor swapping without exactly the key; the body isn't even read."""
    headers = {} if header is None else {b"authorization": header.encode()}
    refused = client.request(method, "/admin/model", headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/admin-key")
    assert refused.headers["www-authenticate"] == "Bearer"


def test_closed_without_a_key(tmp_path: Path, kiwi: Kiwi, ollama: OllamaHttp) -> None:
    """Where no key is configured, nobody may, not even with an empty one."""
    with serving(tmp_path, kiwi, ollama_url=ollama.url) as client:
        for headers in ({}, {b"authorization": b"Bearer "}, HEADERS):
            refused = client.get("/admin/model", headers=headers)
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/admin-closed")


def test_ollama_away(client: Client, ollama: OllamaHttp) -> None:
    """Both say that Ollama can't be reached."""
    ollama.kill()
    for refused in (
        client.get("/admin/model", headers=HEADERS),
        client.post("/admin/model", headers=HEADERS, json={"model": "mini"}),
    ):
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/model-unreachable")


def test_embedded(tmp_path: Path, kiwi: Kiwi) -> None:
    """The embedded engine tells what it runs, and can't swap it."""
    with serving(tmp_path, kiwi, admin_key=KEY) as client:
        told = status(client)
        assert (told["engine"], told["live"]["name"], told["swap"]) == ("embedded", "scripted", None)
        assert told["live"]["context_tokens"] == 4096
        refused = client.post("/admin/model", headers=HEADERS, json={"model": "mini"})
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/embedded-engine")
