"""Clients that leave at random moments: their answers' requests upstream are closed at once.

    python tests/integration/leaving_clients.py FOLDER CLIENTS [SEED]

A real server (uvicorn in a thread) answers with a model behind the Ollama stand-in, eight questions at once.
The clients ask, streamed and whole, all in the same moment, over sockets of their own. Each goes after a
random time, by closing its connection or by resetting it: most of them when their answer is under way
upstream, before its first word or in the middle, the others while they wait for their turn.

Prints a JSON object: how many went at which stage; in milliseconds how long after that their requests
upstream were closed, null if they weren't; and how many questions the service still held at the end. Exits
with 1 if a request was closed later than 250 ms after its client had gone, or something was held.
"""

import asyncio
import json
import math
import random
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from server.analyzer import load_kiwi
from server.resources import open_ollama
from server.settings import Settings
from server.telemetry import Telemetry
from tests.integration.http_service import Service, chat_body, running
from tests.ollama_http import Call, OllamaHttp, Step

ASKED = "질문 "
AT_ONCE = 8
SILENCE = 0.3  # before the first word
GOES_WITHIN = 0.6  # of the beginning upstream
SOON_MS = 250.0
ENOUGH = 10.0  # seconds after which a request that is still open counts as never closed
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close that doesn't wait is a reset


@dataclass
class Client:
    """What one client did."""

    number: int
    path: str
    stream: bool
    patient: bool
    resets: bool
    after: float
    left: float = math.inf
    stage: str = ""

    def request(self) -> bytes:
        """The bytes that it sends."""
        question = f"{ASKED}{self.number}"
        body = (
            chat_body(question, stream=self.stream, rag=False)
            if self.path == "/chat"
            else {"query": question}
        )
        content = json.dumps(body).encode()
        head = f"POST {self.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


class Upstream:
    """The requests that have come to the stand-in.

    Attributes:
        calls: those that have been seen, by their client's number.
    """

    def __init__(self, ollama: OllamaHttp) -> None:
        self.calls: dict[int, Call] = {}
        self._ollama = ollama
        self._looked_at = 0

    def look(self) -> None:
        """See what has come since the last look."""
        for call in self._ollama.calls[self._looked_at :]:
            if call.path == "/api/chat" and call.body is None and not call.is_over:
                return  # it is being read
            if call.path == "/api/chat" and call.body is not None:  # else its client went while it was sent
                self.calls[int(call.body["messages"][-1]["content"].rpartition(ASKED)[2])] = call
            self._looked_at += 1


def crowd(clients: int, chance: random.Random) -> list[Client]:
    """Of every five clients one doesn't wait for its turn."""
    kinds = [("/chat", True), ("/chat", True), ("/chat", False), ("/query", False)]
    return [
        Client(
            number,
            *chance.choice(kinds),
            patient=number % 5 != 4,
            resets=chance.random() < 0.5,
            after=chance.uniform(0, GOES_WITHIN),
        )
        for number in range(clients)
    ]


async def visit(client: Client, url: str, upstream: Upstream) -> None:
    """Ask, wait for the moment, and go."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    reading = asyncio.create_task(reader.read(-1))
    writer.write(client.request())
    while client.patient and client.number not in upstream.calls:  # noqa: ASYNC110 - it comes to another thread
        await asyncio.sleep(0.005)
    await asyncio.sleep(client.after)
    call = upstream.calls.get(client.number)
    client.stage = "waiting" if call is None else "before the first word" if call.lines == 0 else "mid-stream"
    if client.resets:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.left = time.monotonic()
    writer.transport.abort()
    await asyncio.gather(reading, return_exceptions=True)


@contextmanager
def serving(folder: Path, waiting: int) -> Iterator[tuple[str, Upstream, Service]]:
    """A service in front of the stand-in: its address, and what is upstream of it."""
    with OllamaHttp() as ollama:
        ollama.add("mini-q4_k_m", num_ctx=2048)
        ollama.library.copy("mini-q4_k_m", "futfut")
        ollama.runners.parallel = AT_ONCE - 2  # so that some wait there, too
        script: list[Step] = ["네, ", 0.1, "그래요. ", 0.1] * 1000
        ollama.say("mini-q4_k_m", SILENCE, *script)
        generator = open_ollama(Settings(home=folder), ollama.url, Telemetry())
        service = Service(folder, load_kiwi(), generator=generator, at_once=AT_ONCE, max_waiting=waiting)
        service.publish()
        with running(service.app) as server:
            yield server.url, Upstream(ollama), service
            server.run(generator.close())


@dataclass
class Result:
    """What came of it, as it is printed."""

    stages: dict[str, int]
    closed_ms: list[float | None]
    left_over: int
    seed: int

    @property
    def is_good(self) -> bool:
        """Everything ended soon after its client had gone."""
        return self.left_over == 0 and all(ms is not None and ms <= SOON_MS for ms in self.closed_ms)


def run(folder: Path, clients: int, seed: int) -> Result:
    """Have them come and go; what came of it."""
    with serving(folder, clients) as (url, upstream, service):
        visitors = crowd(clients, random.Random(seed))  # noqa: S311 - moments, no secrets

        async def look() -> None:
            while True:
                upstream.look()
                await asyncio.sleep(0.002)

        async def visits() -> None:
            async with asyncio.TaskGroup() as tasks:
                looking = tasks.create_task(look())
                await asyncio.gather(*(visit(client, url, upstream) for client in visitors))
                looking.cancel()

        asyncio.run(visits())
        deadline = time.monotonic() + ENOUGH
        while time.monotonic() < deadline and (
            service.admission.answering or any(not call.is_over for call in upstream.calls.values())
        ):
            time.sleep(0.01)
            upstream.look()
        calls = upstream.calls
        left_over = service.admission.answering + service.admission.waiting
    began = [client for client in visitors if client.number in calls]  # some of them may just have gone
    closed = [
        round((at - client.left) * 1000, 1) if (at := calls[client.number].closed) else None
        for client in began
    ]
    return Result(
        stages=dict(Counter(client.stage for client in visitors)),
        closed_ms=sorted(closed, key=lambda ms: math.inf if ms is None else ms),
        left_over=left_over,
        seed=seed,
    )


def main() -> None:
    """Run it and print what came of it."""
    folder, clients = Path(sys.argv[1]), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(10**6)
    folder.mkdir(parents=True, exist_ok=True)
    result = run(folder, clients, seed)
    sys.stdout.write(f"{json.dumps(asdict(result))}\n")
    if not result.is_good:
        sys.exit(f"Not all requests were closed within {SOON_MS} ms.")


if __name__ == "__main__":
    main()
