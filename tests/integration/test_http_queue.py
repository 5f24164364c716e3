"""Questions that wait for their turn: told their place, answered fairly, and out of the way when they go."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from kiwipiepy import Kiwi

from server.api import sse
from server.domain import Loading
from server.errors import GenerationError
from tests.integration.http_service import Running, Service, chat_body, running

SOON = 10.0  # seconds, on a busy machine
Event = tuple[str, Any]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, kiwi: Kiwi) -> Path:
    folder = tmp_path_factory.mktemp("home")
    Service(folder, kiwi).publish()
    return folder


@pytest.fixture
def service(home: Path, kiwi: Kiwi) -> Service:
    """One answer at once, six that wait."""
    return Service(home, kiwi, "네, ", 0.05, "그래요.", at_once=1, max_waiting=6)


@pytest.fixture
def server(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(sse, "FIRST_TOKEN_SECONDS", 60.0)  # nothing is sent just because time passes
    with running(service.app) as started:
        yield started


@contextmanager
def asking(server: Running, question: str) -> Iterator[Iterator[Event]]:
    """The events of a streamed answer, as they come."""

    def events(response: httpx.Response) -> Iterator[Event]:
        lines = (line for line in response.iter_lines() if line and not line.startswith(":"))
        for name in lines:
            yield name.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))

    with httpx.stream(
        "POST", f"{server.url}/chat", json=chat_body(question, stream=True), timeout=60
    ) as response:
        assert response.status_code == 200
        yield events(response)


@contextmanager
def held(service: Service, server: Running) -> Iterator[None]:
    """The only slot is taken until the block ends."""
    service.generator.script, script = ["네, ", 60.0], service.generator.script
    with asking(server, "먼저") as events:
        assert next(events)[0] == "sources"
        service.generator.script = script
        yield


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_who_waits_is_told_its_place(service: Service, server: Running) -> None:
    """The place comes at once, and again whenever it changes; then the answer as ever."""
    with ExitStack() as stays:
        with held(service, server):
            with asking(server, "둘째") as second:
                assert next(second) == ("queue", {"place": 1})
                third = stays.enter_context(asking(server, "셋째"))
                assert next(third) == ("queue", {"place": 2})
            assert next(third) == ("queue", {"place": 1})
            fourth = stays.enter_context(asking(server, "넷째"))
            assert next(fourth) == ("queue", {"place": 2})
        assert [name for name, _ in third if name != "token"] == ["sources", "done"]
        assert next(fourth) == ("queue", {"place": 1})
        *_, (last, done) = fourth
    assert last == "done"
    timings = done["timings"]
    assert 0 < timings["admitted_ms"] <= timings["retrieved_ms"] <= timings["first_token_ms"]
    assert service.generator.asked == ["먼저", "셋째", "넷째"]


def test_whole_answers_wait_as_well(service: Service, server: Running) -> None:
    """A question that isn't streamed waits without a word, and is answered."""
    with ThreadPoolExecutor() as pool:
        with held(service, server):
            asked = pool.submit(httpx.post, f"{server.url}/query", json={"query": "둘째"}, timeout=60)
            wait_until(lambda: service.admission.waiting == 1)
        assert asked.result().status_code == 200


def test_clients_take_turns(service: Service, server: Running) -> None:
    """A client with one question isn't behind all those of another."""
    service.generator.script = ["네."]

    def ask(host: str, question: str) -> "Future[httpx.Response]":
        def post() -> httpx.Response:
            with httpx.Client(transport=httpx.HTTPTransport(local_address=host)) as client:
                return client.post(f"{server.url}/query", json={"query": question}, timeout=60)

        waiting = service.admission.waiting
        asked = pool.submit(post)
        wait_until(lambda: service.admission.waiting == waiting + 1)
        return asked

    with ThreadPoolExecutor() as pool:
        with held(service, server):
            answers = [ask("127.0.0.2", f"가{number}") for number in range(4)] + [ask("127.0.0.3", "나0")]
        assert [answer.result().status_code for answer in answers] == [200] * 5
    assert service.generator.asked == ["먼저", "가0", "나0", "가1", "가2", "가3"]


def test_the_queue_is_bounded(service: Service, server: Running) -> None:
    """Beyond its end a question is refused with 503 and when to come again; one that goes makes room."""
    with held(service, server), ExitStack() as waiting:
        waits = [waiting.enter_context(asking(server, f"질문 {place}")) for place in range(1, 7)]
        assert [next(events) for events in waits] == [("queue", {"place": place}) for place in range(1, 7)]
        for stream in (False, True):
            refused = httpx.post(f"{server.url}/chat", json=chat_body(stream=stream))
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/busy")
            assert 1 <= int(refused.headers["retry-after"]) <= 60
        waiting.close()
        wait_until(lambda: service.admission.waiting == 0)
        with asking(server, "다시") as events:
            assert next(events) == ("queue", {"place": 1})


def test_failure_after_the_queue(service: Service, server: Running) -> None:
    """Once a place has been told a failure is an event, and who waits behind has its turn."""
    service.generator.script = [GenerationError("broke")]
    with ExitStack() as waiting:
        with held(service, server):
            waits = [waiting.enter_context(asking(server, name)) for name in ("둘째", "셋째")]
            for events in waits:
                assert next(events)[0] == "queue"
        for events in waits:
            *_, (name, problem) = events
            assert (name, problem["type"]) == ("error", "/problems/generation-failed")


def test_loading_is_told_at_once(service: Service, server: Running) -> None:
    """A player sees that the model is being loaded while it is, not after."""
    service.generator.script = [Loading("big-q5_k_m"), 60.0]
    with asking(server, "질문") as events:
        assert next(events)[0] == "sources"
        assert next(events) == ("loading", {"model": "big-q5_k_m"})
    service.generator.script = [Loading("big-q5_k_m"), "네."]
    whole = httpx.post(f"{server.url}/chat", json=chat_body(), timeout=60).json()
    assert whole["message"]["content"].startswith("네")


def test_many_at_once(service: Service, server: Running) -> None:
    """However many ask, never more than one is answered at a time, and all are answered or refused."""
    service.generator.script = ["네, ", 0.01, "그래요."]
    most = 0
    going = threading.Event()

    def watch() -> None:
        nonlocal most
        while not going.is_set():
            most = max(most, service.admission.answering)
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(20) as pool:
        asked = [
            pool.submit(httpx.post, f"{server.url}/query", json={"query": "질문"}, timeout=60)
            for _ in range(40)
        ]
        statuses = [answer.result().status_code for answer in asked]
    going.set()
    watcher.join()
    assert most == 1
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) == len(service.generator.asked) >= 7
    assert (service.admission.answering, service.admission.waiting) == (0, 0)
