"""Which call is answered how."""

from collections.abc import Awaitable, Callable

from tests.ollama_http.exchange import Exchange
from tests.ollama_http.failure import Failure
from tests.ollama_http.library import Library
from tests.ollama_http.runners import Runners
from tests.ollama_http.speech import Speech

VERSION = "0.32.15"
BLOBS = "/api/blobs/"


class Routes:
    """Ollama's paths."""

    def __init__(self, library: Library, runners: Runners, speech: Speech) -> None:
        self._library = library
        self._runners = runners
        self._speech = speech
        self._routes: dict[tuple[str, str], Callable[[Exchange], Awaitable[None]]] = {
            ("GET", "/"): lambda exchange: exchange.reply("Ollama is running"),
            ("GET", "/api/version"): lambda exchange: exchange.reply({"version": VERSION}),
            ("GET", "/api/tags"): lambda exchange: exchange.reply({"models": library.tags()}),
            ("GET", "/api/ps"): lambda exchange: exchange.reply({"models": runners.listed()}),
            ("POST", "/api/create"): self._create,
            ("POST", "/api/copy"): self._copy,
            ("DELETE", "/api/delete"): self._delete,
            ("POST", "/api/show"): self._show,
        }

    async def answer(self, exchange: Exchange) -> bool:
        """Answer a call; False if its connection is to be closed before the answer's end.

        Raises:
            Failure: what the answer is instead.
        """
        method, path = exchange.call.method, exchange.call.path
        if path.startswith(BLOBS):
            await self._blob(exchange, path.removeprefix(BLOBS))
        elif (method, path) in {("POST", "/api/chat"), ("POST", "/api/generate")}:
            return await self._speech.answer(exchange)
        elif route := self._routes.get(("GET" if method == "HEAD" else method, path)):
            await route(exchange)
        else:
            await exchange.reply("404 page not found", 404)
        return True

    async def _blob(self, exchange: Exchange, digest: str) -> None:
        if exchange.call.method == "POST":
            await exchange.reply(status=self._library.upload(digest, exchange.raw_body))
        elif self._library.blob(digest).exists():
            await exchange.reply()
        else:
            raise Failure(f'blob "{digest}" not found', 404)

    async def _create(self, exchange: Exchange) -> None:
        body = exchange.body()
        progress = self._library.create(body)
        if body.get("stream") is False:
            await exchange.reply({"status": list(progress)[-1]})
            return
        for status in progress:
            await exchange.line({"status": status})
        await exchange.end()

    async def _copy(self, exchange: Exchange) -> None:
        body = exchange.body()
        self._library.copy(body.get("source", ""), body.get("destination", ""))
        await exchange.reply()

    async def _delete(self, exchange: Exchange) -> None:
        self._library.delete(exchange.body().get("model", ""))
        await exchange.reply()

    async def _show(self, exchange: Exchange) -> None:
        body = exchange.body()
        await exchange.reply(self._library.show(body.get("model", ""), verbose=bool(body.get("verbose"))))
