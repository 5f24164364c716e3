"""The stand-in itself: its routes, and what a test does with it."""

import asyncio
import hashlib
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.ollama_http.exchange import Call, Exchange, Receive, Scope, Send
from tests.ollama_http.failure import Failure
from tests.ollama_http.library import Library
from tests.ollama_http.manifest import Entry
from tests.ollama_http.routes import Routes
from tests.ollama_http.runners import Runners
from tests.ollama_http.speech import Speech, Step
from tests.tiny_model import CHATML, END, write_tiny_model


class OllamaHttp:
    """The server, on a free port from entry to exit. A fresh one has no model.

    Attributes:
        library: the models it holds, for a look behind the API.
        runners: those that are loaded; load times, load failures and limits are set there.
        speech: what they say; the default script and the miscount are set there.
        calls: every request so far, the oldest first.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="futfut-stand-in-"))
        self.library = Library(self._folder)
        self.runners = Runners(self.library)
        self.speech = Speech(self.library, self.runners)
        self.calls: list[Call] = []
        self._routes = Routes(self.library, self.runners, self.speech)
        self._refusals: list[tuple[Failure, tuple[str, ...]]] = []
        self._port = 0
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    @property
    def url(self) -> str:
        """Where it answers; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Serve; models are there as before, but none is loaded."""
        self.runners.clear()
        self._server = _Server(self._app, self._port)
        self._port = self._server.port

    def kill(self) -> None:
        """Be gone: every connection is closed, in the middle of answers, too."""
        server, self._server = self._server, None
        if server:
            server.stop()

    def restart(self) -> None:
        """Be there again, or anew."""
        self.kill()
        self.start()

    def add(
        self,
        name: str,
        gguf: Path | None = None,
        *,
        template: str = CHATML,
        system: str = "",
        **parameters: Any,
    ) -> str:
        """Put a model there without a request, one of its own bytes if no file is given; its digest."""
        content = (gguf or write_tiny_model(self._folder / "tiny.gguf", [f"▁{name}", END])).read_bytes()
        blob = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.library.upload(blob, content)
        for _ in self.library.create(
            {
                "model": name,
                "files": {"model.gguf": blob},
                "template": template,
                "system": system,
                "parameters": {"stop": [END], **parameters},
            }
        ):
            pass
        return self._entry(name).manifest.digest

    def say(self, name: str, *script: Step) -> None:
        """What a model and its copies answer from now on."""
        self.speech.scripts[self._entry(name).manifest.digest] = script

    def refuse(self, failure: Failure, *paths: str, times: int = 1) -> None:
        """Answer the next calls, of these paths if any are given, with an error."""
        self._refusals += [(failure, paths)] * times

    def asked(self, path: str) -> list[Call]:
        """The calls of one path so far."""
        return [call for call in self.calls if call.path == path]

    def wait_for(self, condition: Callable[[], bool], *, seconds: float = 10) -> None:
        """Wait until something holds.

        Raises:
            TimeoutError: it doesn't, in that time.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Not within {seconds} s. Calls: {self.calls}")
            time.sleep(0.002)

    def _entry(self, name: str) -> Entry:
        entry = self.library.find(name)
        assert entry is not None, f"no model is called {name}"
        return entry

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        self.calls.append(exchange.call)
        await exchange.read()
        await exchange.run(self._answer(exchange))

    async def _answer(self, exchange: Exchange) -> None:
        for refusal in self._refusals:
            failure, paths = refusal
            if not paths or exchange.call.path in paths:
                self._refusals.remove(refusal)
                raise failure.again()
        if not await self._routes.answer(exchange):
            self._hang_up(exchange)

    def _hang_up(self, exchange: Exchange) -> None:
        exchange.call.answered = time.monotonic()
        assert self._server is not None
        self._server.close(exchange.client)


class _Server(uvicorn.Server):
    """uvicorn in a thread, which stops when it is told to instead of looking ten times a second."""

    def __init__(self, app: Any, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                port=port,
                http="h11",
                ws="none",
                log_config=None,
                access_log=False,
                lifespan="off",
                interface="asgi3",
            )
        )
        self._stopped = asyncio.Event()
        self._serving = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()))
        self._thread.start()
        while not self._serving.wait(0.1):
            assert self._thread.is_alive()
        self.port: int = self.servers[0].sockets[0].getsockname()[1]

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._serving.set()
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        del sockets
        for server in self.servers:
            server.close()
        self.close()
        await asyncio.gather(*self.server_state.tasks)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def close(self, client: tuple[str, int] | None = None) -> None:
        for connection in list(self.server_state.connections):
            assert isinstance(connection, H11Protocol)
            if client is None or connection.client == client:
                connection.transport.close()
