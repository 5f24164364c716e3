"""Another generator answers while the first can't."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from server.domain import GenerationEvent, Loading, Prompt
from server.errors import GenerationError, ModelUnavailableError
from server.protocols import Generator, Model
from server.telemetry import Telemetry

log = logging.getLogger(__name__)


class WithFallback:
    """Implements `server.protocols.Generator` by two: the second answers whenever the first can't.

    Only before the first word: an answer that breaks off later is not taken up by another.
    """

    def __init__(self, first: Generator, second: Generator, telemetry: Telemetry) -> None:
        """The generators belong to the caller, who closes them."""
        self._first = first
        self._second = second
        self._telemetry = telemetry

    def model(self, *, fresh: bool = False) -> Model:
        """The first's model, or the second's while there is none."""
        try:
            return self._first.model(fresh=fresh)
        except ModelUnavailableError:
            return self._second.model(fresh=fresh)

    async def stream(
        self, prompt: Prompt, question: str, *, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        """The first's answer, or the second's, whose `Finished` says so by its mode.

        Raises:
            GenerationError, ModelUnavailableError: the answer broke off.
        """
        begun = False
        try:
            async with aclosing(self._first.stream(prompt, question, max_tokens=max_tokens)) as events:
                async for event in events:
                    begun = begun or not isinstance(event, Loading)
                    yield event
                return
        except (GenerationError, ModelUnavailableError) as failed:
            if begun:
                raise
            log.warning("%s This question is answered from the passages, without it.", failed)
        self._telemetry.fallback_answers.inc()
        async with aclosing(self._second.stream(prompt, question, max_tokens=max_tokens)) as events:
            async for event in events:
                yield event
