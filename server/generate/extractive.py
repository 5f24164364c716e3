"""Answers without a model: the sentences of the passages that answer the question, as they stand there."""

from collections.abc import AsyncGenerator, Sequence
from typing import Self

from anyio import CapacityLimiter, to_thread
from kiwipiepy import Kiwi

from server.documents.sentences import split_sentences
from server.domain import Finished, GenerationEvent, Message, Mode, Prompt, TextDelta, Usage
from server.generate.evidence import coverage, select_evidence
from server.generate.statements import Statement, statements

NO_ANSWER = "제가 가진 자료에는 그 내용이 없어요."
CONTEXT_TOKENS = 32_768
MOST_NEAR = 2

_CONTENT_TAGS = ("NNG", "NNP", "NR", "VV", "VA", "XR", "SL", "SH", "SN")
# What questions are worded with, whatever they are about.
_ASKING = frozenset("하되있없알주보싶때거들") | {"알리", "말하", "가지", "어떻", "궁금", "가능", "방법"}


class ExtractiveGenerator:
    """Implements `server.protocols.Generator` by quoting: it can't make anything up.

    Kiwi's work, a few milliseconds, runs on a worker thread.
    """

    name = "extractive"
    mode: Mode = "extractive"
    context_tokens = CONTEXT_TOKENS
    system: str | None = None

    def __init__(self, kiwi: Kiwi) -> None:
        self._kiwi = kiwi
        self._limiter = CapacityLimiter(1)

    def model(self, *, fresh: bool = False) -> Self:
        """It is its own: it reads prompts as they are."""
        del fresh
        return self

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """An estimate, there being no tokenizer: a token a character, which is more than models need."""
        return sum(len(message.content) for message in messages)

    async def stream(
        self, prompt: Prompt, question: str, *, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        """The answering sentences of `prompt.used`, one by one; else that there are none, and what is near.

        `max_tokens` counts as `count_tokens` does: a sentence that would exceed it ends the answer.
        """
        answer = await to_thread.run_sync(self._answer, prompt, question, limiter=self._limiter)
        said = 0
        for number, sentence in enumerate(answer):
            text = sentence if number == 0 else f" {sentence}"
            if said + len(text) > max_tokens:
                yield Finished("length", Usage(prompt.tokens, said), self.mode)
                return
            said += len(text)
            yield TextDelta(text)
        yield Finished("stop", Usage(prompt.tokens, said), self.mode)

    def stated(self, prompt: Prompt) -> list[Statement]:
        """All that the prompt's passages state. Blocking, a few milliseconds."""
        return statements([hit.passage for hit in prompt.used], self._split)

    def _answer(self, prompt: Prompt, question: str) -> list[str]:
        passages = [hit.passage for hit in prompt.used]
        evidence = select_evidence(question, self.stated(prompt), self.content)
        if evidence:
            return [statement.text for statement in evidence]
        words = self.content(question)
        titles = dict.fromkeys(passage.title for passage in passages)
        near = [f"'{title}'" for title in titles if words and coverage(words, title, self.content)]
        return [NO_ANSWER, f"대신 {', '.join(near[:MOST_NEAR])} 자료는 있어요."] if near else [NO_ANSWER]

    def _split(self, text: str) -> list[str]:
        spans = split_sentences(self._kiwi, text) if text else []
        return [sentence for start, end in spans if (sentence := " ".join(text[start:end].split()))]

    def content(self, text: str) -> frozenset[str]:
        """The words of a text that say what it is about, in their basic form."""
        tokens = self._kiwi.tokenize(text)
        return frozenset(
            form
            for token in tokens
            if token.tag.startswith(_CONTENT_TAGS) and (form := token.form.casefold()) not in _ASKING
        )
