"""An answer as server-sent events (WHATWG HTML, section 9.2), with a heartbeat while the model is silent."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
from anyio import move_on_after
from litestar import Response
from litestar.background_tasks import BackgroundTask
from litestar.response import Stream

from server.api.answering import Answer
from server.api.problems import problem_of
from server.api.schemas import DoneOut, LoadingOut, PassageOut, QueueOut, SourcesOut, TokenOut
from server.domain import ChatEvent, Done, Loading, Queued, Sources, Token

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": keep-alive\n\n"
HEARTBEAT_SECONDS = 15.0
FIRST_TOKEN_SECONDS = 2.0


class EventStream:
    """The events of an answer as they go over the wire; iterate once."""

    def __init__(self, early: Sequence[ChatEvent], answer: Answer) -> None:
        """`early` are those that the answer has given already."""
        self._early = deque(early)
        self._answer = answer
        self._failed = False

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> bytes:
        """The next event, or a heartbeat after `HEARTBEAT_SECONDS` without one. An `error` is the last."""
        if self._early:
            return _encode(self._early.popleft())
        if self._failed:
            raise StopAsyncIteration
        with move_on_after(HEARTBEAT_SECONDS):
            try:
                return _encode(await anext(self._answer))
            except StopAsyncIteration:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
                self._failed = True
                return _event(b"error", problem_of(error))
        return HEARTBEAT


async def event_stream(answer: Answer) -> Response[Any]:
    """Wait a moment for an answer's first word, so that an early failure can still be a problem.

    Returns:
        The response to send; the answer is stopped when it ends, also because the client has gone.

    Raises:
        Exception: the answer failed before there was anything to show, within `FIRST_TOKEN_SECONDS`.
    """
    try:
        early = await _first_words(answer)
    except BaseException:
        await answer.aclose()
        raise
    return Stream(
        EventStream(early, answer),
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        background=BackgroundTask(answer.aclose),
    )


async def _first_words(answer: Answer) -> list[ChatEvent]:
    """What comes until there is something that a player wants to see at once, and that too."""
    early: list[ChatEvent] = []
    with move_on_after(FIRST_TOKEN_SECONDS):
        async for event in answer:
            early.append(event)
            if not isinstance(event, Sources):
                break
    return early


def _encode(event: ChatEvent) -> bytes:
    match event:
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


def _event(name: bytes, data: object) -> bytes:
    # JSON escapes line ends inside of strings, so that all of it is one line of data.
    return b"event: %b\ndata: %b\n\n" % (name, msgspec.json.encode(data))
