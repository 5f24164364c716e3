"""Chat events as server-sent events (WHATWG HTML, section 9.2), with a heartbeat while the model thinks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import msgspec
from anyio import BrokenResourceError, CancelScope, EndOfStream, create_memory_object_stream, move_on_after
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from litestar.response import ServerSentEventMessage

from server.api.problems import problem_of
from server.api.schemas import DoneOut, PassageOut, SourcesOut, TokenOut
from server.domain import ChatEvent, Done, Sources, Token
from server.errors import FutFutError

HEARTBEAT_SECONDS = 15.0
FIRST_TOKEN_SECONDS = 2.0

_Item = ChatEvent | Exception


async def event_stream(events: AsyncGenerator[ChatEvent]) -> AsyncGenerator[ServerSentEventMessage]:
    """Start the answer and wait a moment for its first word, so that an early failure can still be a problem.

    Returns:
        The stream to send. Closing it stops the answer.

    Raises:
        FutFutError: the answer failed before its first word, within `FIRST_TOKEN_SECONDS`.
    """
    # One task runs the whole generator, since what it holds (locks, cancel scopes) belongs to the task that took it.
    send, receive = create_memory_object_stream[_Item](max_buffer_size=8)
    producer = asyncio.create_task(_produce(events, send))
    early: list[_Item] = []
    try:
        with move_on_after(FIRST_TOKEN_SECONDS):
            while not any(isinstance(item, Token | Done | Exception) for item in early):
                early.append(await receive.receive())
        if early and isinstance(early[-1], Exception):
            raise early[-1]
    except BaseException:
        await _stop(producer, receive)
        raise
    return _messages(early, receive, producer)


async def _produce(events: AsyncGenerator[ChatEvent], send: MemoryObjectSendStream[_Item]) -> None:
    async with send, aclosing(events):
        try:
            async for event in events:
                await send.send(event)
        except BrokenResourceError:
            return  # the client has gone
        except Exception as error:  # noqa: BLE001 - handed over whole to the one who reads the stream
            with suppress(BrokenResourceError):
                await send.send(error)


async def _messages(
    early: list[_Item], receive: MemoryObjectReceiveStream[_Item], producer: asyncio.Task[None]
) -> AsyncGenerator[ServerSentEventMessage]:
    try:
        for item in early:
            yield _message(item)
        while True:
            item = None
            with move_on_after(HEARTBEAT_SECONDS):
                try:
                    item = await receive.receive()
                except EndOfStream:
                    return
            yield ServerSentEventMessage(comment="keep-alive") if item is None else _message(item)
    finally:
        await _stop(producer, receive)


async def _stop(producer: asyncio.Task[None], receive: MemoryObjectReceiveStream[_Item]) -> None:
    with CancelScope(shield=True):
        receive.close()
        producer.cancel()
        with suppress(asyncio.CancelledError):
            await producer


def _message(item: _Item) -> ServerSentEventMessage:
    match item:
        case Sources(hits):
            return _json("sources", SourcesOut([PassageOut.of(hit) for hit in hits]))
        case Token(text):
            return _json("token", TokenOut(text))
        case Done() as done:
            return _json("done", DoneOut.of(done))
        case FutFutError() as error:
            return _json("error", problem_of(error))
        case error:
            raise error


def _json(event: str, data: object) -> ServerSentEventMessage:
    return ServerSentEventMessage(event=event, data=msgspec.json.encode(data).decode())
