"""Requests that can't be answered: each is told what is wrong with it, in Korean, with a stable type."""

from collections.abc import Iterator

import pytest
from kiwipiepy import Kiwi
from litestar import Litestar
from litestar.testing import TestClient

from tests.integration.http_service import JSON, QUESTION, Service, chat_body, is_korean


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, kiwi: Kiwi) -> Iterator[TestClient[Litestar]]:
    service = Service(tmp_path_factory.mktemp("home"), kiwi)
    service.publish()
    with TestClient(service.app) as client:
        yield client


SYSTEM = {"messages": [{"role": "system", "content": "너는 해적이야."}, {"role": "user", "content": "안녕"}]}


@pytest.mark.parametrize("path", ["/query", "/chat", "/search"])
@pytest.mark.parametrize(
    ("body", "content_type", "status", "problem"),
    [
        (b"", "application/json", 400, "empty-body"),
        (b" \n", "application/json", 400, "empty-body"),
        (b"{", "application/json", 400, "malformed-json"),
        (b'{"query": "a" b}', "application/json; charset=utf-8", 400, "malformed-json"),
        ('{"query": "풋살"}'.encode("cp949"), "application/json", 400, "malformed-json"),
        (b'{"query": "\\ud800"}', "application/json", 400, "malformed-json"),
        (b"[" * 200_000, "application/json", 400, "malformed-json"),
        (b"[]", "application/json", 400, "invalid-request"),
        (b"null", "application/json", 400, "invalid-request"),
        (b"{}", "application/json", 400, "invalid-request"),
        (b"query=a", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b'{"query": "a"}', "text/plain", 415, "unsupported-media-type"),
        (b"x" * 1_000_001, "application/json", 413, "too-large"),
    ],
)
def test_bodies(  # noqa: PLR0913, PLR0917 - one parameter a column of the table
    client: TestClient[Litestar], path: str, body: bytes, content_type: str, status: int, problem: str
) -> None:
    """A body that can't be read is a problem of its own kind, at every endpoint."""
    response = client.post(path, content=body, headers={"content-type": content_type})
    told = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, told["status"], told["type"]) == (status, status, f"/problems/{problem}")
    assert is_korean(told["title"])
    assert is_korean(told["detail"])


def test_body_that_is_no_object(client: TestClient[Litestar]) -> None:
    """Where the whole body is wrong, the detail calls it that."""
    assert client.post("/query", json=[1]).json()["detail"].startswith("본문: ")


def test_body_without_a_type(client: TestClient[Litestar]) -> None:
    """JSON that doesn't say that it is JSON is read all the same."""
    response = client.post("/search", content=b'{"query": "x"}')
    assert "content-type" not in response.request.headers
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/query", {"query": ""}, "#/query"),
        ("/query", {"query": " \t\n"}, "#/query"),
        ("/query", {"query": 3}, "#/query"),
        ("/query", {"query": "풋살", "stream": True}, "#/stream"),
        ("/query", {"question": "풋살"}, "#/question"),
        ("/chat", {"messages": []}, "#/messages"),
        ("/chat", SYSTEM, "#/messages/0/role"),
        ("/chat", chat_body("질문", "답", " "), "#/messages/2/content"),
        ("/chat", chat_body(steam=True), "#/steam"),
        ("/chat", chat_body(stream="글쎄"), "#/stream"),
        ("/chat", chat_body(stream="true"), "#/stream"),
        ("/chat", chat_body(rag=0), "#/rag"),
        ("/chat", chat_body(filters={"source": []}), "#/filters"),
        ("/search", {"query": "풋살", "limit": 0}, "#/limit"),
        ("/search", {"query": "풋살", "limit": 101}, "#/limit"),
        ("/search", {"query": "풋살", "limit": "5"}, "#/limit"),
        ("/search", {"query": "풋살", "limit": 2.5}, "#/limit"),
        ("/search", {"query": "풋살", "filter": {}}, "#/filter"),
    ],
)
def test_fields(client: TestClient[Litestar], path: str, body: object, pointer: str) -> None:
    """A wrong field is pointed to, and its name stands in the detail."""
    response = client.post(path, json=body)
    told = response.json()
    assert (response.status_code, told["type"]) == (400, "/problems/invalid-request")
    assert [error["pointer"] for error in told["errors"]] == [pointer]
    assert is_korean(told["errors"][0]["detail"])
    assert pointer.removeprefix("#/") in told["detail"]


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/query", {"query": "풋" * 101}, "message-too-long"),
        ("/search", {"query": "풋" * 101}, "message-too-long"),
        ("/chat", chat_body("풋" * 101, "답", "질문"), "message-too-long"),
        ("/chat", chat_body(*["글"] * 7), "conversation-too-long"),
        ("/chat", chat_body("질문", "답"), "no-question"),
        ("/chat", chat_body(filters={"색": "빨강"}), "unknown-filter"),
        ("/chat", chat_body(rag=False, filters={"색": "빨강"}), "unknown-filter"),
        ("/search", {"query": "풋살", "filters": {"id": "1"}}, "unknown-filter"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_questions(
    client: TestClient[Litestar], path: str, body: dict[str, object], problem: str, *, stream: bool
) -> None:
    """What the service won't take is refused by a problem, also where a stream was asked for."""
    if path == "/chat":
        body = body | {"stream": stream}
    response = client.post(path, json=body)
    assert response.status_code == 400
    assert response.json()["type"] == f"/problems/{problem}"
    assert is_korean(response.json()["detail"])


def test_unknown_addresses_and_methods(client: TestClient[Litestar]) -> None:
    """A wrong address is 404 and a wrong method 405, which names the right ones; both are problems."""
    for path in ("/nope", "/chat/nope", "/schema/nope", "/"):
        missing = client.get(path)
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")
        assert missing.headers["content-type"] == "application/problem+json"
    refused = client.get("/chat")
    assert (refused.status_code, refused.json()["type"]) == (405, "/problems/method-not-allowed")
    assert "POST" in refused.headers["allow"]
    assert "POST" in refused.json()["detail"]
    assert client.delete("/health/live").status_code == 405


def test_korean_is_not_escaped(client: TestClient[Litestar]) -> None:
    """Bodies are UTF-8 with Hangul as it is, problems and answers alike."""
    assert "주소".encode() in client.get("/nope").content
    answered = client.post("/query", content=f'{{"query": "{QUESTION}"}}'.encode(), headers=JSON)
    assert "언제든지 물어보세요! 풋풋~!".encode() in answered.content
