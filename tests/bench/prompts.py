"""The very prompts that the server makes of questions, without a model."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Self

from anyio import CapacityLimiter

from modelfiles.compose import system_prompt
from server.admission import Admission
from server.analyzer import load_kiwi
from server.chat import Chat
from server.domain import Finished, GenerationEvent, Message, Mode, Prompt, Usage
from server.resources import open_search
from server.settings import Settings


class Recorder:
    """A generator that says nothing and keeps the prompts it is given."""

    name = "recorder"
    mode: Mode = "model"
    system: str | None = None

    def __init__(self, count_tokens: Callable[[Sequence[Message]], int], *, context_tokens: int) -> None:
        self.count_tokens = count_tokens
        self.context_tokens = context_tokens
        self.prompts: list[Prompt] = []

    def model(self, *, fresh: bool = False) -> Self:
        """It is its own."""
        del fresh
        return self

    async def stream(
        self, prompt: Prompt, question: str, *, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        """End at once."""
        del question, max_tokens
        self.prompts.append(prompt)
        yield Finished("stop", Usage(prompt.tokens, 0))


def record_prompts(
    questions: Sequence[str],
    settings: Settings,
    *,
    greeting: str,
    count_tokens: Callable[[Sequence[Message]], int],
    context_tokens: int,
) -> list[Prompt]:
    """What `server.chat.Chat` would give the model on the index that the settings name.

    First for the greeting, for which nothing is looked up, then for each question.
    """
    recorder = Recorder(count_tokens, context_tokens=context_tokens)

    async def ask_all() -> None:
        kiwi = load_kiwi()
        async with open_search(settings, kiwi) as search:
            chat = Chat(
                search.retriever,
                recorder,
                kiwi,
                system=system_prompt(),
                passages=settings.passages,
                max_answer_tokens=settings.max_answer_tokens,
                admission=Admission(1, max_waiting=0),
                workers=CapacityLimiter(1),
            )
            for question in (greeting, *questions):
                rag = question != greeting
                async with aclosing(chat.answer([Message("user", question)], rag=rag)) as events:
                    async for _ in events:
                        pass

    asyncio.run(ask_all())
    return recorder.prompts
