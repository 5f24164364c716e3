"""llama.cpp as llama-cpp-python gives it to anyone, timed on prompts that are ours."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from llama_cpp import Llama

from server.domain import Message
from server.generate.chat_template import ChatTemplate
from server.generate.parameters import Parameters
from tests.bench.answers import Answer


class BareLlama:
    """`Llama.create_completion` with a Modelfile's context and sampling, and otherwise its own defaults."""

    def __init__(self, model: Path, parameters: Parameters, *, threads: int | None) -> None:
        threads = threads or os.cpu_count()
        self._llama = Llama(
            str(model), n_ctx=parameters.num_ctx, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        self.context_tokens: int = self._llama.n_ctx()
        self._parameters = parameters
        self._template = ChatTemplate(self._llama)

    def close(self) -> None:
        """Free the model."""
        self._llama.close()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """How many tokens the messages take."""
        return len(self._template.tokens(messages))

    def tokens_of(self, text: str) -> int:
        """How many tokens a piece of an answer takes."""
        return len(self._llama.tokenize(text.encode(), add_bos=False))

    def answer(self, messages: Sequence[Message], max_tokens: int) -> Answer:
        """Generate an answer and time it."""
        prompt = self._template.tokens(messages)
        started = perf_counter()
        first_text, first_seconds, reason = "", 0.0, None
        stream = self._llama.create_completion(
            prompt,
            max_tokens=max_tokens,
            temperature=self._parameters.temperature,
            top_k=self._parameters.top_k,
            top_p=self._parameters.top_p,
            min_p=self._parameters.min_p,
            repeat_penalty=self._parameters.repeat_penalty,
            seed=self._parameters.seed,
            stop=list(self._parameters.stop),
            stream=True,
        )
        for chunk in cast(Iterator[Any], stream):
            (choice,) = chunk["choices"]
            if choice["text"] and not first_text:
                first_text, first_seconds = choice["text"], perf_counter() - started
            reason = choice["finish_reason"]
        # The last token drawn isn't evaluated any more; it counts, unless it is the one that ends an answer.
        tokens = max_tokens if reason == "length" else self._llama.n_tokens - len(prompt)
        return Answer(first_text, first_seconds, perf_counter() - started, len(prompt), tokens)
