"""The HTTP service with stand-ins for encoder and model, in this process or on a real port."""

import asyncio
import re
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import uvicorn
from anyio import CapacityLimiter
from kiwipiepy import Kiwi
from litestar import Litestar
from pydantic import SecretStr

from modelfiles.catalog import load
from server.admission import Admission
from server.api.answering import Answers
from server.app import create_app
from server.chat import Chat
from server.domain import Finished, GenerationEvent, Loading, Message, Mode, Prompt, TextDelta, Usage
from server.index import Compatibility, EdgeIndex, build
from server.lexical import Terms
from server.model_swaps import ModelSwaps
from server.protocols import Generator
from server.resources import Resources, Search
from server.retrieve import HybridRetriever
from server.settings import Settings
from server.telemetry import Telemetry
from tests.integration.indexing import HashEmbedder, LineChunker, no_progress

LINES = [
    "킥인은 4초 안에 차야 해요.",
    "골키퍼는 공을 4초까지 가질 수 있어요.",
    "경기는 전반과 후반 20분씩이에요.",
]
JSON = {"content-type": "application/json"}
QUESTION = "킥인은 몇 초 안에 해야 해?"
SIGN_OFF = "언제든지 물어보세요! 풋풋~!"

T = TypeVar("T")

Step = str | float | Loading | Exception


class ScriptedGenerator:
    """Says the strings of its script, pauses for its numbers (in seconds), raises its exceptions.

    Attributes:
        asked: the questions that it was given, in order.
        closings: the end of each question's answer, by `time.monotonic()`.
    """

    name = "scripted"
    mode: Mode = "model"
    context_tokens = 4096
    system: str | None = None

    def __init__(self, *script: Step) -> None:
        self.script: Sequence[Step] = script or ("킥인은 4초 ", "안에 차야 합니다.")
        self.prompts: list[Prompt] = []
        self.asked: list[str] = []
        self.closings: dict[str, float] = {}
        self.said = 0
        self.started = threading.Semaphore(0)
        self.closed = threading.Semaphore(0)

    def model(self, *, fresh: bool = False) -> Self:
        """It is its own."""
        del fresh
        return self

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """A token a character."""
        return sum(len(message.content) for message in messages)

    async def stream(
        self, prompt: Prompt, question: str, *, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        """Follow the script."""
        del max_tokens
        self.prompts.append(prompt)
        self.asked.append(question)
        self.started.release()
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, Loading):
                    yield step
                elif isinstance(step, str):
                    yield TextDelta(step)
                    self.said += 1
                else:
                    await asyncio.sleep(step)
            yield Finished("stop", Usage(prompt.tokens, len(self.script)))
        finally:
            self.closings[question] = time.monotonic()
            self.closed.release()


class Service:
    """One service on a folder, whose parts tests may look at."""

    def __init__(  # noqa: PLR0913 - what a test may want otherwise
        self,
        folder: Path,
        kiwi: Kiwi,
        *script: Step,
        generator: Generator | None = None,
        embedder: HashEmbedder | None = None,
        at_once: int = 4,
        max_waiting: int = 0,
        admin_key: str | None = None,
        ollama_url: str | None = None,
    ) -> None:
        self.generator = ScriptedGenerator(*script)
        self.admission = Admission(at_once, max_waiting=max_waiting)
        self._folder = folder
        self._terms = Terms(kiwi)
        embedder = embedder or HashEmbedder()
        self.index = EdgeIndex(
            folder / "index", compatible_with=Compatibility(embedder.fingerprint, self._terms.fingerprint)
        )
        retriever = HybridRetriever(
            self.index,
            embedder,
            self._terms,
            limiter=CapacityLimiter(2),
            candidates=20,
            dense_weight=1.0,
            lexical_weight=1.0,
            rrf_k=60,
        )
        self.chat = Chat(
            retriever,
            generator or self.generator,
            kiwi,
            system="너는 풋풋이야.",
            passages=2,
            max_answer_tokens=400,
            admission=self.admission,
            workers=CapacityLimiter(2),
        )
        search = Search(self.index, embedder, retriever)
        settings = Settings(
            home=folder,
            max_question_chars=100,
            max_messages=5,
            admin_key=SecretStr(admin_key) if admin_key else None,
        )
        self.answers = Answers()
        telemetry = Telemetry()
        swaps = ModelSwaps(ollama_url, load(), folder, telemetry) if ollama_url else None
        self.app: Litestar = create_app(
            settings,
            Resources(search, generator or self.generator, self.chat, telemetry, swaps),
            self.answers,
        )

    def publish(self, *lines: str) -> None:
        """Index these lines, or the usual ones."""
        corpus = self._folder / "corpus"
        corpus.mkdir(exist_ok=True)
        (corpus / "규칙.txt").write_text("\n".join(lines or LINES), encoding="utf-8")
        build(
            corpus,
            self.index,
            folder=self._folder / "index",
            chunker=LineChunker(),
            embedder=HashEmbedder(),
            terms=self._terms,
            progress=no_progress,
        )


class Running:
    """A service on a real port of this machine."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done on the server's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def tasks(self) -> int:
        """How many tasks the server's event loop has now."""
        return self.run(self._count())

    async def _count(self) -> int:
        return len(asyncio.all_tasks()) - 1


@contextmanager
def running(
    app: Litestar, new_server: Callable[[uvicorn.Config], uvicorn.Server] = uvicorn.Server
) -> Iterator[Running]:
    """Serve on a free port from a thread, and stop at the end."""
    config = uvicorn.Config(app, port=0, log_config=None, ws="none", timeout_graceful_shutdown=2)
    server = new_server(config)
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Running(f"http://127.0.0.1:{port}", loops[0])
    finally:
        server.should_exit = True
        thread.join()


def chat_body(*contents: str, **fields: object) -> dict[str, Any]:
    """A conversation that ends with the player's message."""
    contents = contents or (QUESTION,)
    roles = ["user" if number % 2 == 0 else "assistant" for number in range(len(contents))]
    messages = [{"role": role, "content": text} for role, text in zip(roles, contents, strict=True)]
    return {"messages": messages, **fields}


def is_korean(text: str) -> bool:
    """Whether there is Hangul in it."""
    return re.search("[가-힣]", text) is not None
