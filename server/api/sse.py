"""An answer as server-sent events (WHATWG HTML, section 9.2), with a heartbeat while the model is silent."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from anyio import CancelScope, EndOfStream, create_memory_object_stream, move_on_after
from litestar import Response
from litestar.background_tasks import BackgroundTask
from litestar.response import Stream

from server.api.problems import problem_of
from server.api.schemas import DoneOut, LoadingOut, PassageOut, QueueOut, SourcesOut, TokenOut
from server.domain import ChatEvent, Done, Loading, Queued, Sources, Token

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": keep-alive\n\n"
HEARTBEAT_SECONDS = 15.0
FIRST_TOKEN_SECONDS = 2.0

_Item = ChatEvent | Exception


class AnswerEvents:
    """The events of one answer as they go over the wire; iterate once. `aclose` stops the answer at once."""

    def __init__(self, answer: AsyncGenerator[ChatEvent]) -> None:
        """Begin to answer. Needs a running event loop."""
        self._early: deque[_Item] = deque()
        # Unbounded, for an answer's length is bounded: a client that doesn't read keeps nobody else waiting.
        self._send, self._receive = create_memory_object_stream[_Item](math.inf)
        self._scope = CancelScope()
        # One task runs the answer from beginning to end: the cancel scopes and limiters that it enters belong
        # to the task that entered them, and who reads the events is first the handler, then the response.
        self._producer = asyncio.create_task(self._produce(answer))

    async def first_words(self) -> None:
        """Wait for the first token, but no longer than `FIRST_TOKEN_SECONDS`.

        Raises:
            Exception: the answer failed instead; it is closed.
        """
        try:
            with move_on_after(FIRST_TOKEN_SECONDS):
                while not isinstance(item := await self._receive.receive(), Token | Done | Exception):
                    self._early.append(item)
                self._early.append(item)
        except BaseException:
            await self.aclose()
            raise
        if self._early and isinstance(self._early[-1], Exception):
            await self.aclose()
            raise self._early[-1]

    def __aiter__(self) -> "AnswerEvents":
        return self

    async def __anext__(self) -> bytes:
        """The next event, or a heartbeat after `HEARTBEAT_SECONDS` without one."""
        if self._early:
            return _encode(self._early.popleft())
        with move_on_after(HEARTBEAT_SECONDS):
            try:
                return _encode(await self._receive.receive())
            except EndOfStream:
                raise StopAsyncIteration from None
        return HEARTBEAT

    async def aclose(self) -> None:
        """Stop the answer, if it isn't at its end, and wait until all that it held has been given back."""
        with CancelScope(shield=True):
            self._scope.cancel()
            self._receive.close()
            await asyncio.wait([self._producer])

    async def _produce(self, answer: AsyncGenerator[ChatEvent]) -> None:
        with self._scope:
            async with self._send, aclosing(answer):
                try:
                    async for event in answer:
                        await self._send.send(event)
                except Exception as error:  # noqa: BLE001 - handed over whole to the one who reads
                    await self._send.send(error)


async def event_stream(answer: AsyncGenerator[ChatEvent]) -> Response[Any]:
    """Start an answer and wait a moment for its first word, so that an early failure can still be a problem.

    Returns:
        The response to send; the answer is stopped when it ends, also because the client has gone.

    Raises:
        Exception: the answer failed before its first word, within `FIRST_TOKEN_SECONDS`.
    """
    events = AnswerEvents(answer)
    await events.first_words()
    return Stream(
        events,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        background=BackgroundTask(events.aclose),
    )


def _encode(item: _Item) -> bytes:
    match item:
        case Queued(place):
            return _event(b"queue", QueueOut(place))
        case Loading(model):
            return _event(b"loading", LoadingOut(model))
        case Sources(hits):
            return _event(b"sources", SourcesOut([PassageOut.of(hit) for hit in hits]))
        case Token(text):
            return _event(b"token", TokenOut(text))
        case Done() as done:
            return _event(b"done", DoneOut.of(done))
        case error:
            return _event(b"error", problem_of(error))


def _event(name: bytes, data: object) -> bytes:
    # JSON escapes line ends inside of strings, so that all of it is one line of data.
    return b"event: %b\ndata: %b\n\n" % (name, msgspec.json.encode(data))
