"""A model whose answers are held against the passages, sentence by sentence, before they are sent."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from server.domain import Finished, GenerationEvent, Prompt, TextDelta, Usage
from server.generate.extractive import ExtractiveGenerator
from server.generate.grounding import Grounds
from server.protocols import Generator, Model
from server.telemetry import Telemetry

T = TypeVar("T")

WORKERS = 4  # a thread that waits for a hanging server must not hold up the others

# A full stop behind a digit is a list's or a decimal's.
_SENTENCE = re.compile(r"\s*\S.*?(?:(?<!\d)[.!?]+(?=\s)|\n)", re.DOTALL)
# What the prompt calls the passages means nothing to a player.
_LABEL = re.compile(r"^(\s*)자료 \d+\s*[.:]\s*")
# The persona takes it out and sets its own; it ends an answer and states nothing.
_SIGN_OFF = re.compile(r"언제든지 물어|풋풋[~!]")


class Checked:
    """Implements `server.protocols.Generator` by two: what the passages support of the answer is sent.

    With the first such sentence the model is stopped. If nothing had been sent, the second quotes the
    passages in its place, and `Finished` says so by its mode; else the answer ends there. An answer without
    passages passes unchecked.
    """

    def __init__(
        self,
        first: Generator,
        quoting: ExtractiveGenerator,
        telemetry: Telemetry,
        *,
        applies: Callable[[str], bool],
    ) -> None:
        """Check the answers of the models for whose names `applies`; the generators belong to the caller."""
        self._first = first
        self._quoting = quoting
        self._telemetry = telemetry
        self._applies = applies
        self._limiter = CapacityLimiter(WORKERS)

    def model(self, *, fresh: bool = False) -> Model:
        """The first's."""
        return self._first.model(fresh=fresh)

    async def stream(
        self, prompt: Prompt, question: str, *, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        """The first's answer, a sentence at a time as long as they hold; of a model unchecked, as it comes.

        Raises:
            GenerationError, ModelUnavailableError: from the first.
        """
        answer = self._first.stream(prompt, question, max_tokens=max_tokens)
        checked = bool(prompt.used) and await self._on_worker(self._is_checked)
        if checked:
            answer = self._checked(answer, prompt, question, max_tokens)
        async with aclosing(answer):
            async for event in answer:
                yield event

    async def _checked(
        self, answer: AsyncGenerator[GenerationEvent], prompt: Prompt, question: str, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        pieces, sent = 0, False
        async with aclosing(answer):
            grounds = await self._on_worker(lambda: self._grounds(prompt, question))
            async for event, drawn in _by_sentence(answer):
                pieces += drawn
                match event:
                    case TextDelta(sentence):
                        holds = partial(grounds.support, sentence)
                        if not _SIGN_OFF.search(sentence) and not await self._on_worker(holds):
                            break
                        sent = True
                    case Finished() if not sent:
                        break
                yield event
                if isinstance(event, Finished):
                    return
        self._telemetry.unsupported_answers.inc()
        if sent:
            yield Finished("stop", Usage(prompt.tokens, pieces))
            return
        async with aclosing(self._quoting.stream(prompt, question, max_tokens=max_tokens)) as quoted:
            async for event in quoted:
                yield event

    def _is_checked(self) -> bool:
        return self._applies(self._first.model().name)

    def _grounds(self, prompt: Prompt, question: str) -> Grounds:
        return Grounds(question, self._quoting.stated(prompt), self._quoting.content)

    async def _on_worker(self, work: Callable[[], T]) -> T:
        # Which model is live is asked of a server that may hang: who leaves doesn't wait for it.
        return await to_thread.run_sync(work, limiter=self._limiter, abandon_on_cancel=True)


async def _by_sentence(answer: AsyncIterator[GenerationEvent]) -> AsyncIterator[tuple[GenerationEvent, int]]:
    """The answer's events with its text cut into sentences, each with how many pieces came since the last."""
    pending, pieces = "", 0
    async for event in answer:
        if isinstance(event, TextDelta):
            pending += event.text
            pieces += 1
            while found := _SENTENCE.match(pending):
                pending = pending[found.end() :]
                yield TextDelta(_LABEL.sub(r"\1", found.group())), pieces
                pieces = 0
            continue
        if isinstance(event, Finished) and pending.strip():
            yield TextDelta(_LABEL.sub(r"\1", pending)), pieces
            pieces = 0
        yield event, pieces
