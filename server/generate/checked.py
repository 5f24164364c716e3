"""A model whose answers are held against the passages, sentence by sentence, before they are sent."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from anyio import CapacityLimiter, to_thread

from server.domain import Finished, GenerationEvent, Prompt, TextDelta, Usage
from server.generate.extractive import ExtractiveGenerator
from server.generate.grounding import Grounds
from server.protocols import Generator, Model
from server.telemetry import Telemetry

WORKERS = 4

_END = re.compile(r"(?<!\d)[.!?](?=\s)|\n")  # a full stop behind a digit is a list's or a decimal's
# What the prompt calls the passages means nothing to a player.
_LABEL = re.compile(r"^(\s*)(?:자료 \d+\s*[.:]|답변?\s*:)\s*")
# The persona sets its own; a model's states nothing and is no answer.
_SIGN_OFF = re.compile(r"언제(?:든지?|나)[^.!?\n]*물어[^.!?\n]*[.!?~]*|풋풋\s*[~!.]+[~!.\s]*")
_REFUSAL = re.compile(r"(?:자료|문서)에[는도]?\s.*없")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of an answer, how many pieces it came in, and the answer's end if it has run into that."""

    text: str
    pieces: int
    end: Finished | None = None


class Checked:
    """Implements `server.protocols.Generator` by two: of the first's answer, what passages support is sent.

    With the first sentence that they don't support the model is stopped. If nothing had been sent, the second
    quotes the passages in its place, and `Finished` says so by its mode; else the answer ends there. So does
    the second answer where the model says that the passages hold nothing: it says what is near. An answer
    without passages passes unchecked.
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
        self._workers = CapacityLimiter(WORKERS)
        # Which model is live is asked of a server that may hang, and must not hold up those who have begun.
        self._look_ups = CapacityLimiter(WORKERS)

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
        look_up = partial(
            to_thread.run_sync, self._is_checked, limiter=self._look_ups, abandon_on_cancel=True
        )
        if prompt.used and await look_up():
            answer = self._checked(answer, prompt, question, max_tokens)
        async with aclosing(answer):
            async for event in answer:
                yield event

    async def _checked(
        self, answer: AsyncGenerator[GenerationEvent], prompt: Prompt, question: str, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        pieces, sent = 0, False
        end: Finished | None = None
        async with aclosing(answer):
            grounds = await to_thread.run_sync(self._grounds, prompt, question, limiter=self._workers)
            async for item in _by_sentence(answer):
                if not isinstance(item, _Sentence):
                    if isinstance(item, Finished) and not sent and item.reason != "cancelled":
                        break
                    yield item
                    if isinstance(item, Finished):
                        return
                    continue
                pieces += item.pieces
                claim = _SIGN_OFF.sub("", item.text)
                if not claim.strip():
                    continue
                support = partial(grounds.support, claim)
                if not await to_thread.run_sync(support, limiter=self._workers):
                    end = item.end
                    if not _REFUSAL.search(claim):
                        self._telemetry.unsupported_answers.inc()
                    break
                sent = True
                yield TextDelta(claim)
        usage = Usage(prompt.tokens, pieces)
        if sent:
            yield end or Finished("stop", usage)
            return
        async with aclosing(self._quoting.stream(prompt, question, max_tokens=max_tokens)) as quoted:
            async for event in quoted:
                yield replace(event, usage=usage) if isinstance(event, Finished) else event

    def _is_checked(self) -> bool:
        return self._applies(self._first.model().name)

    def _grounds(self, prompt: Prompt, question: str) -> Grounds:
        return Grounds(question, self._quoting.stated(prompt), self._quoting.content)


async def _by_sentence(answer: AsyncIterator[GenerationEvent]) -> AsyncIterator[GenerationEvent | _Sentence]:
    """The answer with its text cut into sentences, none of them blank or labelled."""
    pending, pieces, searched = "", 0, 0
    async for event in answer:
        if not isinstance(event, TextDelta):
            if isinstance(event, Finished) and (text := _LABEL.sub(r"\1", pending)).strip():
                yield _Sentence(text, pieces, event)
            yield event
            continue
        pending += event.text
        pieces += 1
        while found := _END.search(pending, searched):
            text, pending, searched = _LABEL.sub(r"\1", pending[: found.end()]), pending[found.end() :], 0
            if text.strip():
                yield _Sentence(text, pieces)
                pieces = 0
        searched = max(0, len(pending) - 1)
