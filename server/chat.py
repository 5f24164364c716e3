"""From a conversation to an answer: retrieve → prompt → generate → persona → events, and nothing else."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from time import perf_counter
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from kiwipiepy import Kiwi

from server.admission import Admission
from server.domain import (
    ChatEvent,
    Done,
    Finished,
    Hit,
    Loading,
    Message,
    Prompt,
    Queued,
    Sources,
    TextDelta,
    Token,
)
from server.persona import PersonaStream
from server.prompt import build_prompt
from server.protocols import Generator, Retriever

T = TypeVar("T")


class Chat:
    """Answers conversations. One instance serves all requests."""

    def __init__(  # noqa: PLR0913 - one parameter a collaborator or a number of the operator's
        self,
        retriever: Retriever,
        generator: Generator,
        kiwi: Kiwi,
        *,
        system: str,
        passages: int,
        max_answer_tokens: int,
        admission: Admission,
        workers: CapacityLimiter,
    ) -> None:
        """Nothing is opened here; `workers` bounds how many threads count tokens and rewrite sentences."""
        self._retriever = retriever
        self._generator = generator
        self._kiwi = kiwi
        self._system = system
        self._passages = passages
        self._max_answer_tokens = max_answer_tokens
        self._admission = admission
        self._workers = workers

    async def answer(
        self,
        messages: Sequence[Message],
        *,
        rag: bool = True,
        filters: Mapping[str, tuple[str, ...]] | None = None,
        client: str = "",
    ) -> AsyncGenerator[ChatEvent]:
        """Answer the last message: `Sources`, then `Token`s, then one `Done`.

        A question that has to wait begins with a `Queued` whenever its place changes; a `Loading` may come
        before the first `Token`.

        Args:
            messages: the conversation, the player's question last.
            rag: look for passages first; without it the model has only the conversation.
            filters: passage fields that the passages must match.
            client: who asks; clients whose questions wait take turns.

        Raises:
            BusyError: too many questions wait already.
            QuestionTooLongError: the question doesn't fit into the model's context.
            IndexMissingError, IndexMismatchError, IndexUnreachableError, UnknownFilterError: from the search.
            GenerationError: the engine failed.
        """
        started = perf_counter()
        timings: dict[str, float] = {}

        def mark(stage: str) -> None:
            timings[stage] = round((perf_counter() - started) * 1000, 1)

        *history, question = messages
        with self._admission.ticket(client) as ticket:
            async for place in ticket:
                yield Queued(place)
            mark("admitted_ms")
            hits = await self._search(question.content, filters) if rag else None
            mark("retrieved_ms")
            prompt = await self._prompt(question.content, hits, history)
            yield Sources(prompt.used)

            persona = PersonaStream(self._kiwi)
            stream = self._generator.stream(prompt, question.content, max_tokens=self._max_answer_tokens)
            async with aclosing(stream):
                async for event in stream:
                    match event:
                        case Loading():
                            yield event
                            continue
                        case TextDelta(text):
                            shown = await self._on_worker(partial(persona.feed, text))
                        case Finished() as finished:
                            finish = partial(persona.finish, complete=finished.reason == "stop")
                            shown = await self._on_worker(finish)
                    if shown:
                        if "first_token_ms" not in timings:
                            mark("first_token_ms")
                        yield Token(shown)
            mark("total_ms")
            yield Done(
                reason=finished.reason,
                usage=finished.usage,
                mode=finished.mode,
                timings=timings,
                left_out=prompt.left_out,
            )

    async def _search(self, question: str, filters: Mapping[str, tuple[str, ...]] | None) -> list[Hit]:
        return await self._retriever.search(question, limit=self._passages, filters=filters)

    async def _prompt(self, question: str, hits: Sequence[Hit] | None, history: Sequence[Message]) -> Prompt:
        def build() -> Prompt:
            model = self._generator.model()
            return build_prompt(
                model.system or self._system,
                question,
                hits,
                history,
                count_tokens=model.count_tokens,
                budget=model.context_tokens - self._max_answer_tokens,
            )

        # It asks which model is live, and a server may hang: who leaves gives the slot back all the same.
        return await to_thread.run_sync(build, limiter=self._workers, abandon_on_cancel=True)

    async def _on_worker(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self._workers)
