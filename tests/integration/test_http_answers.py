"""Answers over HTTP: whole, streamed, from passages and without; what breaks off, and what is refused."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from kiwipiepy import Kiwi
from litestar import Litestar
from litestar.testing import TestClient

from server.errors import GenerationError
from tests.integration.http_service import (
    LINES,
    QUESTION,
    SIGN_OFF,
    Service,
    Step,
    chat_body,
    is_korean,
    running,
)

Start = Callable[..., tuple[Service, TestClient[Litestar]]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, kiwi: Kiwi) -> Path:
    """A folder with an index, for all services here."""
    folder = tmp_path_factory.mktemp("home")
    Service(folder, kiwi).publish()
    return folder


@pytest.fixture
def start(home: Path, kiwi: Kiwi) -> Iterator[Start]:
    """Starts a service whose generator follows a script."""
    with ExitStack() as stack:

        def start(*script: Step, at_once: int = 4) -> tuple[Service, TestClient[Litestar]]:
            service = Service(home, kiwi, *script, at_once=at_once)
            return service, stack.enter_context(TestClient(service.app))

        yield start


def events(body: str) -> list[tuple[str, dict[str, object]]]:
    """Server-sent events as their names and data; comments are left out."""
    blocks = [block for block in body.split("\n\n") if block and not block.startswith(":")]
    parsed = []
    for block in blocks:
        name, data = block.split("\n")
        parsed.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return parsed


def test_query(start: Start) -> None:
    """The first version's endpoint answers with a text that is signed off once, and its sources."""
    _, client = start()
    answered = client.post("/query", json={"query": QUESTION})
    assert answered.status_code == 200
    assert set(answered.json()) == {"response", "sources"}
    assert answered.json()["response"] == f"킥인은 4초 안에 차야 해요. {SIGN_OFF}"
    assert {source["text"] for source in answered.json()["sources"]} <= set(LINES)
    assert len(answered.json()["sources"]) == 2


def test_chat_whole(start: Start) -> None:
    """The history is given to the model; the answer comes with sources, usage, mode and timings."""
    service, client = start()
    answered = client.post(
        "/chat", json=chat_body("킥인이 뭐야?", "옆줄에서 차는 거예요.", "몇 초 안에?")
    ).json()
    assert answered["message"] == {"role": "assistant", "content": f"킥인은 4초 안에 차야 해요. {SIGN_OFF}"}
    roles = [message.role for message in service.generator.prompts[0].messages]
    assert roles == ["system", "user", "assistant", "user"]
    done = answered["done"]
    assert (done["finish_reason"], done["mode"], done["left_out"]) == ("stop", "model", [])
    assert (
        done["usage"]["total_tokens"] == done["usage"]["prompt_tokens"] + done["usage"]["completion_tokens"]
    )
    assert (
        0
        < done["timings"]["retrieved_ms"]
        <= done["timings"]["first_token_ms"]
        <= done["timings"]["total_ms"]
    )


def test_chat_streamed(start: Start) -> None:
    """A stream is sources, tokens, done; its text is the whole answer's, and Hangul isn't escaped."""
    _, client = start()
    streamed = client.post("/chat", json=chat_body(stream=True))
    assert streamed.status_code == 200
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.headers["cache-control"] == "no-cache"
    assert streamed.headers["x-accel-buffering"] == "no"
    assert "풋풋" in streamed.text
    (first, sources), *tokens, (last, done) = events(streamed.text)
    assert (first, last) == ("sources", "done")
    assert {name for name, _ in tokens} == {"token"}
    whole = client.post("/chat", json=chat_body()).json()
    assert "".join(str(data["text"]) for _, data in tokens) == whole["message"]["content"]
    assert sources["sources"] == whole["sources"]
    assert set(done) == set(whole["done"])


def test_without_retrieval(start: Start) -> None:
    """With `rag: false` nothing is looked for, and the model has the question alone."""
    service, client = start()
    answered = client.post("/chat", json=chat_body(rag=False)).json()
    assert answered["sources"] == []
    assert service.generator.prompts[0].messages[-1].content == QUESTION


def test_passages_that_have_no_room(start: Start) -> None:
    """Passages that were found and left out of the prompt are named at the end, streamed and whole."""
    service, client = start()
    # The system prompt, the question and one passage fit into what the answer leaves.
    service.generator.context_tokens = 400 + 85
    whole = client.post("/chat", json=chat_body()).json()
    assert len(whole["sources"]) == len(whole["done"]["left_out"]) == 1
    *_, (_, done) = events(client.post("/chat", json=chat_body(stream=True)).text)
    assert done["left_out"] == whole["done"]["left_out"]


def test_search(start: Start) -> None:
    """Search returns passages with their source, text, score and rank in both legs, within the limit."""
    _, client = start()
    passages = client.post("/search", json={"query": LINES[1], "limit": 2}).json()["passages"]
    assert len(passages) == 2
    assert set(passages[0]) == {
        "id", "text", "source", "title", "locator", "score", "lexical_rank", "dense_rank",
    }  # fmt: skip
    assert (passages[0]["text"], passages[0]["source"]) == (LINES[1], "규칙.txt")
    assert (passages[0]["lexical_rank"], passages[0]["dense_rank"]) == (1, 1)


@pytest.mark.parametrize("value", ["규칙.txt", ["없음.txt", "규칙.txt"]])
def test_filters(start: Start, value: object) -> None:
    """A filter takes one value or several, and leaves out what has none of them."""
    _, client = start()
    found = client.post("/search", json={"query": "킥인", "filters": {"source": value}})
    assert len(found.json()["passages"]) == 3
    nothing = client.post("/search", json={"query": "킥인", "filters": {"source": "없음.txt"}})
    assert nothing.json() == {"passages": []}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "problem"), [(GenerationError("broke"), "generation-failed"), (OSError("disk"), "internal")]
)
def test_failure_before_the_first_word(
    start: Start, error: Exception, problem: str, *, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """An early failure is a problem response with its status, whether or not a stream was asked for."""
    service, client = start(error)
    failed = client.post("/chat", json=chat_body(stream=stream))
    assert (failed.status_code, failed.json()["type"]) == (500, f"/problems/{problem}")
    assert failed.headers["content-type"] == "application/problem+json"
    assert str(error) not in failed.text
    assert len(caplog.records) == 1
    service.generator.script = ["네."]
    assert client.post("/chat", json=chat_body()).status_code == 200


@pytest.mark.parametrize("error", [GenerationError("broke"), OSError("disk")])
def test_failure_after_the_first_word(start: Start, error: Exception) -> None:
    """A late failure is an `error` event, the last one, that holds a problem."""
    _, client = start("킥인은 4초 안에 ", error)
    *before, (name, problem) = events(client.post("/chat", json=chat_body(stream=True)).text)
    assert [name for name, _ in before] == ["sources", "token"]
    assert name == "error"
    assert problem["status"] == 500
    assert str(problem["type"]).startswith("/problems/")
    assert is_korean(str(problem["detail"]))


@pytest.mark.parametrize("stream", [False, True])
def test_places_come_back(start: Start, *, stream: bool) -> None:
    """Answers that end and answers that fail give their places back."""
    service, client = start(at_once=1)
    scripts: list[list[Step]] = [["네."], [GenerationError("broke")], ["네, ", OSError("disk")]]
    for script in scripts * 2:
        service.generator.script = script
        assert client.post("/chat", json=chat_body(stream=stream)).status_code in {200, 500}
    service.generator.script = ["네."]
    assert client.post("/chat", json=chat_body(stream=stream)).status_code == 200


def test_more_questions_than_places(home: Path, kiwi: Kiwi) -> None:
    """Beyond the limit a question is refused with 503 and when to come again; search and health go on."""
    service = Service(home, kiwi, "킥인은 ", "4초 ", 30.0, at_once=1)
    with running(service.app) as server:
        with httpx.stream("POST", f"{server.url}/chat", json=chat_body(stream=True)) as first:
            lines = first.iter_lines()
            assert next(lines) == "event: sources"
            for stream in (False, True):
                refused = httpx.post(f"{server.url}/chat", json=chat_body(stream=stream))
                assert (refused.status_code, refused.json()["type"]) == (503, "/problems/busy")
                assert int(refused.headers["retry-after"]) > 0
            assert httpx.post(f"{server.url}/search", json={"query": "킥인"}).status_code == 200
            assert httpx.get(f"{server.url}/health/ready").status_code == 200
        assert service.generator.closed.acquire(timeout=10)
        service.generator.script = ["네."]
        assert httpx.post(f"{server.url}/chat", json=chat_body()).status_code == 200


def test_questions_at_once(home: Path, kiwi: Kiwi) -> None:
    """Streams that run at the same time don't mix, and none waits for the other."""
    script: list[Step] = ["가 ", 0.05]
    service = Service(home, kiwi, *script * 10, at_once=8)
    bodies: list[str] = []

    def ask() -> None:
        bodies.append(httpx.post(f"{server.url}/chat", json=chat_body(stream=True), timeout=60).text)

    with running(service.app) as server:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    texts = {"".join(str(data["text"]) for name, data in events(body) if name == "token") for body in bodies}
    assert texts == {"가 " * 9 + f"가예요. {SIGN_OFF}"}
