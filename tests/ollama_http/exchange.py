"""One call to the Ollama stand-in: what was asked, how it is answered, and when its client went away."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from tests.ollama_http.failure import Failure
from tests.ollama_http.manifest import Json

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass
class Call:
    """What one request was and became; times are of `time.monotonic()`.

    Attributes:
        body: the JSON that was sent; None for blobs and where there was none.
        lines: how many lines of a stream were sent.
        answered: when the answer was complete.
        closed: when the client closed the connection before that.
    """

    method: str
    path: str
    body: Json | None = None
    opened: float = field(default_factory=time.monotonic)
    lines: int = 0
    answered: float | None = None
    closed: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was answered, or its client is gone."""
        return self.answered is not None or self.closed is not None


class Exchange:
    """A request that is being answered, over ASGI."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.call = Call(scope["method"], scope["path"])
        self.client = scope["client"]
        self.raw_body = b""
        self._receive = receive
        self._send = send
        self._started = False

    async def read(self) -> None:
        """Take in what is sent; to be done before `run`."""
        content = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.call.closed = time.monotonic()
                break
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.raw_body = bytes(content)

    def body(self) -> Json:
        """The JSON that was sent.

        Raises:
            Failure: there is none.
        """
        if not self.raw_body:
            raise Failure("missing request body", 400)
        try:
            body: Json = json.loads(self.raw_body)
        except ValueError as error:
            raise Failure("unexpected EOF", 400) from error
        self.call.body = body
        return body

    async def reply(self, content: Any = None, status: int = 200) -> None:
        """Answer at once: JSON, or plain text, or nothing."""
        body, kind = b"", b"application/json; charset=utf-8"
        if isinstance(content, str):
            body, kind = content.encode(), b"text/plain"
        elif content is not None:
            body = json.dumps(content, ensure_ascii=False).encode()
        headers = [(b"content-length", str(len(body)).encode()), *([(b"content-type", kind)] if body else [])]
        self._started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._finish(b"" if self.call.method == "HEAD" else body)

    async def line(self, content: Json | bytes) -> None:
        """Stream a line; bytes go out as they are."""
        if not self._started:
            self._started = True
            headers = [(b"content-type", b"application/x-ndjson")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        raw = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
        self.call.lines += 1
        await self._send({"type": "http.response.body", "body": raw + b"\n", "more_body": True})
        await asyncio.sleep(0)  # sending alone lets nobody else have a turn

    async def end(self) -> None:
        """End the stream."""
        if self.call.answered is None:
            await self._finish(b"")

    async def fail(self, failure: Failure) -> None:
        """Tell an error: by a status, or by a line if the answer has begun."""
        if self._started:
            await self.line({"error": failure.text})
            await self.end()
        else:
            await self.reply({"error": failure.text}, failure.status)

    async def run(self, answer: Awaitable[None]) -> None:
        """Answer, and stop at once when the client goes away."""
        answering = asyncio.ensure_future(answer)
        leaving = asyncio.ensure_future(self._gone(answering))
        try:
            await answering
        except Failure as failure:
            await self.fail(failure)
        except asyncio.CancelledError:
            if self.call.closed is None:
                raise  # the server is stopped
        finally:
            leaving.cancel()

    async def _gone(self, answering: asyncio.Future[None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self.call.answered is None:
            self.call.closed = time.monotonic()
            answering.cancel()

    async def _finish(self, body: bytes) -> None:
        self.call.answered = time.monotonic()
        await self._send({"type": "http.response.body", "body": body})
