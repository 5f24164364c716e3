"""The lines of one answer from Ollama, each in its time, and the request's end when nobody reads on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Any, cast

import stamina
from anyio import CancelScope, fail_after, move_on_after
from ollama import ChatResponse

from server.errors import OllamaRepeatsError, OllamaSilentError

_ATTEMPTS = 3
_GOODBYE_SECONDS = 0.2


class AnswerLines:
    """One request, sent at once, and what comes back. To be closed.

    The first line is waited for in a task of its own, so that one can look elsewhere meanwhile.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[Any]],
        *,
        may_retry: Callable[[Exception], bool],
        as_failure: Callable[[Exception, bool], Exception],
        retry_seconds: float,
    ) -> None:
        """Send the request. Needs a running event loop.

        Args:
            ask: makes a new stream of lines; nothing is sent before its first is asked for.
            may_retry: whether an error means that nothing was sent.
            as_failure: the error to raise for one, and for whether a line had come.
            retry_seconds: how long to try at most.
        """
        self._ask = ask
        self._as_failure = as_failure
        self._attempts = stamina.retry_context(
            on=may_retry,
            attempts=_ATTEMPTS,
            timeout=retry_seconds,
            wait_initial=0.1,
            wait_max=retry_seconds / _ATTEMPTS,
            wait_jitter=0.1,
        )
        self._ended = False
        self._sent_at = monotonic()
        self.opening = asyncio.create_task(self._open())

    async def first(self, seconds: float) -> ChatResponse:
        """The first line, within so many seconds of the request.

        Raises:
            OllamaSilentError: it didn't come in time.
            Exception: what `as_failure` makes of a failure.
        """
        await asyncio.wait([self.opening], timeout=max(0.0, self._sent_at + seconds - monotonic()))
        if not self.opening.done():
            raise OllamaSilentError(seconds=seconds, first_token=True)
        try:
            line, _ = self.opening.result()
        except Exception as error:
            raise self._as_failure(error, False) from error
        return self._seen(line)

    async def next(self, seconds: float) -> ChatResponse:
        """The line after the last one, which wasn't the end.

        Raises:
            OllamaSilentError: it didn't come in time.
            OllamaRepeatsError: there is none.
            Exception: what `as_failure` makes of a failure.
        """
        _, lines = self.opening.result()
        try:
            with fail_after(seconds):
                return self._seen(await anext(lines))
        except TimeoutError as error:
            raise OllamaSilentError(seconds=seconds, first_token=False) from error
        except StopAsyncIteration as error:
            raise OllamaRepeatsError from error
        except Exception as error:
            raise self._as_failure(error, True) from error

    async def aclose(self) -> None:
        """End the request, wherever it is; Ollama stops computing. After the last line it takes nothing."""
        with CancelScope(shield=True):
            self.opening.cancel()
            await asyncio.wait([self.opening])
            if self.opening.cancelled() or self.opening.exception():
                return
            _, lines = self.opening.result()
            if self._ended:  # read to the end, the connection serves the next question
                # The answer is whole: a connection that is cut behind it, or a line too much, fails nobody.
                with suppress(Exception), move_on_after(_GOODBYE_SECONDS):
                    await anext(lines, None)
            await lines.aclose()

    async def _open(self) -> tuple[ChatResponse, AsyncGenerator[ChatResponse]]:
        async for attempt in self._attempts:
            with attempt:
                lines = cast(AsyncGenerator[ChatResponse], await self._ask())
                return await anext(lines), lines
        raise AssertionError("unreachable: the last attempt's error is let through")

    def _seen(self, line: ChatResponse) -> ChatResponse:
        self._ended = bool(line.done)
        return line
