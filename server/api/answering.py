"""Answers under way: each in a task of its own, and all of them ended in words when the service stops."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from anyio import (
    BrokenResourceError,
    CancelScope,
    ClosedResourceError,
    EndOfStream,
    create_memory_object_stream,
)

from modelfiles.errors import FutFutError
from server.domain import ChatEvent


class StoppingError(FutFutError):
    """The service is being stopped, and won't wait for the answer any longer."""

    def __init__(self) -> None:
        super().__init__("The service is being stopped. Ask again when it is back.")


class Answer:
    """The events of one answer; iterate once. `aclose` stops it at once."""

    def __init__(self, events: AsyncGenerator[ChatEvent]) -> None:
        """Begin to answer. Needs a running event loop."""
        # Unbounded, for an answer's length is bounded: a client that doesn't read keeps nobody else waiting.
        self._send, self._receive = create_memory_object_stream[ChatEvent | Exception](math.inf)
        self._scope = CancelScope()
        # One task runs the answer from beginning to end: the cancel scopes and limiters that it enters belong
        # to the task that entered them, and who reads the events is first the handler, then the response.
        self.task = asyncio.create_task(self._run(events))

    def __aiter__(self) -> "Answer":
        return self

    async def __anext__(self) -> ChatEvent:
        """The next event.

        Raises:
            Exception: the answer failed.
        """
        try:
            item = await self._receive.receive()
        except EndOfStream:
            raise StopAsyncIteration from None
        if isinstance(item, Exception):
            raise item
        return item

    def break_off(self, error: Exception) -> None:
        """Stop it, and have the one who reads told why."""
        # Nobody may read any more, or it may just have ended.
        with suppress(BrokenResourceError, ClosedResourceError):
            self._send.send_nowait(error)
        self._scope.cancel()

    async def aclose(self) -> None:
        """Stop it, if it isn't at its end, and wait until all that it held has been given back."""
        with CancelScope(shield=True):
            self._scope.cancel()
            self._receive.close()
            await asyncio.wait([self.task])

    async def _run(self, events: AsyncGenerator[ChatEvent]) -> None:
        with self._scope:
            async with self._send, aclosing(events):
                try:
                    async for event in events:
                        await self._send.send(event)
                except Exception as error:  # noqa: BLE001 - handed over whole to the one who reads
                    await self._send.send(error)


class Answers:
    """Those of one service. Used from its event loop only."""

    def __init__(self) -> None:
        self._under_way: dict[asyncio.Task[None], Answer] = {}
        self._stopped = False

    def begin(self, events: AsyncGenerator[ChatEvent]) -> Answer:
        """Run an answer in a task of its own, whether or not anybody reads.

        Raises:
            StoppingError: the service has been stopped.
        """
        if self._stopped:
            raise StoppingError
        answer = Answer(events)
        self._under_way[answer.task] = answer
        answer.task.add_done_callback(self._under_way.pop)
        return answer

    def stop(self) -> None:
        """Break off what is under way and let nothing more begin."""
        self._stopped = True
        for answer in self._under_way.values():
            answer.break_off(StoppingError())
