"""Streams over a real connection: heartbeats, clients that leave, and an event loop that never waits."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from kiwipiepy import Kiwi

from server.api import sse
from tests.integration.http_service import Running, Service, Step, chat_body, running
from tests.integration.indexing import HashEmbedder

SOON = 10.0  # seconds, on a busy machine; a script that nobody stops takes much longer


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, kiwi: Kiwi) -> Path:
    folder = tmp_path_factory.mktemp("home")
    Service(folder, kiwi).publish()
    return folder


@pytest.fixture(scope="module")
def shared(home: Path, kiwi: Kiwi) -> Service:
    return Service(home, kiwi, at_once=1)


@pytest.fixture
def service(shared: Service) -> Service:
    """The module's service, of which no stream has been started or closed yet."""
    shared.generator.started = threading.Semaphore(0)
    shared.generator.closed = threading.Semaphore(0)
    return shared


@pytest.fixture(scope="module")
def server(shared: Service) -> Iterator[Running]:
    with running(shared.app) as started:
        httpx.get(f"{started.url}/health/ready").raise_for_status()
        yield started


def ask_and_go(url: str, body: object, started: threading.Semaphore) -> None:
    """Ask, and go without having read anything as soon as the model is at work."""

    async def run() -> None:
        async with httpx.AsyncClient() as client:
            asked = asyncio.create_task(client.post(url, json=body, timeout=60))
            assert await asyncio.to_thread(started.acquire, timeout=SOON)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked

    asyncio.run(run())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lines(response: httpx.Response) -> Iterator[str]:
    return (line for line in response.iter_lines() if line)


def test_heartbeats(service: Service, server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the model is silent comments are sent, before the first word and after, and not without pause."""
    monkeypatch.setattr(sse, "FIRST_TOKEN_SECONDS", 0.1)
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.1)
    service.generator.script = [0.5, "킥인은 ", "4초 ", 0.5, "안이에요."]
    asked = time.monotonic()
    with httpx.stream("POST", f"{server.url}/chat", json=chat_body(stream=True)) as response:
        assert response.status_code == 200
        received = list(lines(response))
    kinds = [line.removeprefix("event: ") for line in received if not line.startswith("data: ")]
    events = [kind for kind in kinds if kind != ": keep-alive"]
    assert (events[0], set(events[1:-1]), events[-1]) == ("sources", {"token"}, "done")
    first, last = kinds.index("token"), len(kinds) - 1 - kinds[::-1].index("token")
    assert ": keep-alive" in kinds[kinds.index("sources") : first]
    assert ": keep-alive" in kinds[first:last]
    assert kinds.count(": keep-alive") <= (time.monotonic() - asked) / 0.1


def test_headers_do_not_wait_for_a_slow_model(
    service: Service, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while without a word the response begins, with its sources; then an error is an event."""
    monkeypatch.setattr(sse, "FIRST_TOKEN_SECONDS", 0.1)
    service.generator.script = [1.0, OSError("disk")]
    with httpx.stream("POST", f"{server.url}/chat", json=chat_body(stream=True)) as response:
        assert response.status_code == 200
        received = list(lines(response))
    assert received[0] == "event: sources"
    assert received[2] == "event: error"
    assert '"type":"/problems/internal"' in received[3]


@pytest.mark.parametrize(
    ("script", "first_token_seconds", "read"),
    [
        pytest.param([30.0], 20.0, 0, id="before headers"),
        pytest.param([30.0], 0.05, 2, id="before the first token"),
        pytest.param(["네, ", "풋살 ", "얘기예요. ", 30.0], 2.0, 4, id="between tokens"),
        pytest.param(["네, 그래요. ", 0.001] * 20_000, 2.0, 4, id="while tokens flow"),
        pytest.param(["네, 그래요. " * 2_000] * 50 + [30.0], 2.0, 4, id="behind a client that doesn't read"),
    ],
)
def test_client_leaves_a_stream(  # noqa: PLR0913, PLR0917 - fixtures, and a table's columns
    service: Service,
    server: Running,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    script: list[Step],
    first_token_seconds: float,
    read: int,
) -> None:
    """When the client goes the generator is closed at once; nothing is left behind or logged."""
    monkeypatch.setattr(sse, "FIRST_TOKEN_SECONDS", first_token_seconds)
    caplog.set_level(logging.WARNING)
    service.generator.script = script
    tasks = server.tasks()
    if read:
        with httpx.stream("POST", f"{server.url}/chat", json=chat_body(stream=True)) as response:
            incoming = lines(response)
            for _ in range(read):
                next(incoming)
            assert service.generator.started.acquire(timeout=SOON)
            time.sleep(0.3)  # what nobody reads piles up
    else:
        ask_and_go(f"{server.url}/chat", chat_body(stream=True), service.generator.started)
    assert service.generator.closed.acquire(timeout=SOON)
    assert_all_is_free(service, server, tasks)
    assert not caplog.records


@pytest.mark.parametrize(("path", "body"), [("/chat", chat_body()), ("/query", {"query": "킥인은?"})])
def test_client_leaves_a_whole_answer(
    service: Service, server: Running, caplog: pytest.LogCaptureFixture, path: str, body: object
) -> None:
    """An answer that nobody waits for any more is stopped, also where it isn't streamed."""
    caplog.set_level(logging.WARNING)
    service.generator.script = ["네, ", 30.0]
    tasks = server.tasks()
    ask_and_go(f"{server.url}{path}", body, service.generator.started)
    assert service.generator.closed.acquire(timeout=SOON)
    assert_all_is_free(service, server, tasks)
    assert not caplog.records


def assert_all_is_free(service: Service, server: Running, tasks: int) -> None:
    """The only place is free again, and the event loop has no more tasks than before."""
    wait_until(lambda: server.tasks() <= tasks)
    service.generator.script = ["네."]
    assert httpx.post(f"{server.url}/chat", json=chat_body()).status_code == 200
    assert service.generator.closed.acquire(timeout=SOON)
    assert not service.generator.closed.acquire(blocking=False)


def test_client_leaves_while_it_sends(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    """A body that breaks off is no fault of ours: nothing is logged."""
    caplog.set_level(logging.WARNING)

    async def send_half() -> None:
        url = httpx.URL(server.url)
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"POST /chat HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()
        await writer.wait_closed()

    asyncio.run(send_half())
    assert httpx.get(f"{server.url}/health/live").json() == {"status": "ok"}
    assert not caplog.records


class HeldEmbedder(HashEmbedder):
    """Holds its thread at each question until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Semaphore(0)
        self.may_go_on = threading.Event()

    def embed_query(self, text: str) -> tuple[float, ...]:
        """The text's vector."""
        self.begun.release()
        self.may_go_on.wait(SOON)
        return super().embed_query(text)


def test_client_leaves_a_search(home: Path, kiwi: Kiwi, caplog: pytest.LogCaptureFixture) -> None:
    """A search that waits for a worker isn't computed once nobody waits for it."""
    caplog.set_level(logging.WARNING)
    embedder = HeldEmbedder()
    service = Service(home, kiwi, embedder=embedder)

    async def search(client: httpx.AsyncClient) -> int:
        answer = await client.post(f"{held.url}/search", json={"query": "킥인"}, timeout=60)
        return answer.status_code

    async def run() -> list[int]:
        async with httpx.AsyncClient() as client:
            stays = [asyncio.create_task(search(client)) for _ in range(2)]
            for _ in stays:
                assert await asyncio.to_thread(embedder.begun.acquire, timeout=SOON)
            tasks = held.tasks()
            leaves = asyncio.create_task(search(client))
            await asyncio.to_thread(wait_until, lambda: held.tasks() > tasks)
            leaves.cancel()
            await asyncio.to_thread(wait_until, lambda: held.tasks() <= tasks)
            embedder.may_go_on.set()
            return await asyncio.gather(*stays)

    with running(service.app) as held:
        assert asyncio.run(run()) == [200, 200]
    assert not embedder.begun.acquire(blocking=False)
    assert not caplog.records


def test_searches_do_not_hold_the_event_loop(home: Path, kiwi: Kiwi) -> None:
    """While all workers are at work the service still answers that it is alive."""
    embedder = HeldEmbedder()
    service = Service(home, kiwi, embedder=embedder)
    statuses: list[int] = []

    def search() -> None:
        response = httpx.post(f"{held.url}/search", json={"query": "킥인"}, timeout=60)
        statuses.append(response.status_code)

    with running(service.app) as held, httpx.Client(base_url=held.url) as client:
        searches = [threading.Thread(target=search) for _ in range(2)]
        for thread in searches:
            thread.start()
        begun = [embedder.begun.acquire(timeout=SOON) for _ in searches]
        alive = [client.get("/health/live").status_code for _ in range(5)]
        answered = len(statuses)
        embedder.may_go_on.set()
        for thread in searches:
            thread.join()
    assert all(begun)
    assert alive == [200] * 5
    assert answered == 0
    assert statuses == [200, 200]
