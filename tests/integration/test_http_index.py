"""The service and its index: none yet, one that appears, ones that replace it, one that doesn't fit."""

import threading
import time
from pathlib import Path

import httpx
import pytest
from kiwipiepy import Kiwi
from litestar.testing import TestClient

from tests.integration.http_service import Service, chat_body, is_korean, running
from tests.integration.indexing import HashEmbedder


def test_ready_when_an_index_appears(tmp_path: Path, kiwi: Kiwi) -> None:
    """Without an index the service lives, isn't ready and says why; it is ready as soon as there is one."""
    service = Service(tmp_path, kiwi)
    with TestClient(service.app) as client:
        assert client.get("/health/live").json() == {"status": "ok"}
        for response in (
            client.get("/health/ready"),
            client.post("/search", json={"query": "킥인"}),
            client.post("/query", json={"query": "킥인"}),
            client.post("/chat", json=chat_body(stream=True)),
        ):
            assert (response.status_code, response.json()["type"]) == (503, "/problems/index-missing")
            assert response.headers["content-type"] == "application/problem+json"
            assert is_korean(response.json()["detail"])
        assert client.post("/chat", json=chat_body(rag=False)).status_code == 200

        service.publish()
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        manifest = service.index.manifest()
        assert manifest is not None
        assert ready.json() == {
            "status": "ready",
            "generation": manifest.generation,
            "passages": 3,
            "encoder": "hash-1",
            "model": "scripted",
            "mode": "model",
        }
        assert client.post("/search", json={"query": "킥인"}).status_code == 200


def test_index_of_another_encoder(tmp_path: Path, kiwi: Kiwi) -> None:
    """An index that the encoder in use can't read is a 503 that says to build it again."""
    Service(tmp_path, kiwi).publish()
    service = Service(tmp_path, kiwi, embedder=HashEmbedder("hash-2"))
    with TestClient(service.app) as client:
        response = client.get("/health/ready")
    assert (response.status_code, response.json()["type"]) == (503, "/problems/index-mismatch")


def test_broken_encoder_and_model(tmp_path: Path, kiwi: Kiwi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readiness tries: an encoder or a model that has stopped working is noticed, and life goes on."""

    def broken(*_: object) -> None:
        raise OSError("gone")

    service = Service(tmp_path, kiwi)
    service.publish()
    with TestClient(service.app) as client:
        for part, method in ((HashEmbedder, "embed_query"), (service.generator, "count_tokens")):
            with monkeypatch.context() as patch:
                patch.setattr(part, method, broken)
                unready = client.get("/health/ready")
                assert (unready.status_code, unready.json()["type"]) == (503, "/problems/not-ready")
            assert client.get("/health/ready").status_code == 200
        assert client.get("/health/live").status_code == 200


def found_by(url: str) -> str:
    """The first words of the passages that a search finds."""
    found = httpx.post(f"{url}/search", json={"query": "킥인"}).json()["passages"]
    return " ".join(sorted(passage["text"].split()[0] for passage in found))


def test_new_generations_without_a_failed_request(tmp_path: Path, kiwi: Kiwi) -> None:
    """Ten generations are published under steady load: no search fails, and each is taken up."""
    service = Service(tmp_path, kiwi)
    service.publish("0판 킥인은 4초 안에 차요.")
    ended = threading.Event()
    statuses: list[int] = []
    editions: set[str] = set()

    def search_on() -> None:
        with httpx.Client(base_url=server.url) as client:
            while not ended.is_set():
                response = client.post("/search", json={"query": "킥인"})
                statuses.append(response.status_code)
                time.sleep(0.01)
                editions.add(response.json()["passages"][0]["text"].split()[0])

    with running(service.app) as server:
        searchers = [threading.Thread(target=search_on) for _ in range(2)]
        for thread in searchers:
            thread.start()
        taken_up = []
        for number in range(1, 11):
            service.publish(f"{number}판 킥인은 4초 안에 차요.", "골키퍼는 4초까지 가져요.")
            # One search opens the new generation; those beside it don't wait for that.
            deadline = time.monotonic() + 10
            while (found := found_by(server.url)) != f"{number}판 골키퍼는" and time.monotonic() < deadline:
                time.sleep(0.01)
            taken_up.append(found)
        ended.set()
        for thread in searchers:
            thread.join()
    assert set(statuses) == {200}
    assert len(statuses) > 20
    assert taken_up == [f"{number}판 골키퍼는" for number in range(1, 11)]
    assert editions - {"골키퍼는"} <= {f"{number}판" for number in range(11)}
