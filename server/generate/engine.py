"""llama.cpp, blocking: one model, one context, one generation at a time."""

import ctypes
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from llama_cpp import Llama
from llama_cpp import llama_cpp as native

from server.domain import Finished, FinishReason, Message, Usage
from server.errors import GenerationError
from server.generate.answer_text import AnswerText
from server.generate.chat_template import ChatTemplate
from server.generate.native_log import reported_errors
from server.generate.parameters import Parameters
from server.generate.stop_flag import StopFlag

# From 64 to 512 tokens a batch, prompt speed is the same on two cores; a small batch takes less memory, and
# where llama.cpp can't be interrupted inside a batch (a GPU), it is how long a stop takes.
BATCH_TOKENS = 128
_LONGEST_PIECE_BYTES = 512


class Engine:
    """A loaded model that answers one prompt at a time. Not for two threads at once, except `tokens`.

    The context keeps what it has computed: the next prompt pays only for what follows their common beginning.
    """

    def __init__(
        self, model: Path, parameters: Parameters, *, adapter: Path | None, threads: int | None
    ) -> None:
        """Load, which takes about half a second a gigabyte from a warm disk.

        Args:
            model: a GGUF file.
            parameters: from its Modelfile.
            adapter: a LoRA adapter, as GGUF.
            threads: all cores if None.

        Raises:
            ValueError: llama.cpp refuses a file, or it has no chat template; the message gives its reason.
        """
        threads = threads or os.cpu_count() or 1
        with reported_errors() as reasons:
            try:
                self._llama = Llama(
                    str(model),
                    n_ctx=parameters.num_ctx,
                    n_batch=BATCH_TOKENS,
                    n_threads=threads,
                    n_threads_batch=threads,
                    flash_attn=True,
                    last_n_tokens_size=_or_all(parameters.repeat_last_n, parameters.num_ctx),
                    lora_path=str(adapter) if adapter else None,
                    verbose=False,
                )
            except (ValueError, RuntimeError) as error:
                raise ValueError("; ".join(reasons) or str(error)) from error
            if adapter and reasons:  # Llama doesn't notice that an adapter was refused
                raise ValueError("; ".join(reasons))
        self._parameters = parameters
        self._template = ChatTemplate(self._llama)
        self._vocabulary = native.llama_model_get_vocab(self._llama.model)
        self.context_tokens: int = self._llama.n_ctx()
        self.reused_tokens = 0

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """The messages as the model is given them."""
        return self._template.tokens(messages)

    def answer(
        self, messages: Sequence[Message], max_tokens: int, stop: StopFlag, deliver: Callable[[str], None]
    ) -> Finished:
        """Generate until the model, a stop string, a limit or `stop` ends it.

        Args:
            messages: the prompt.
            max_tokens: longest answer; PARAMETER num_predict and the context may make it shorter.
            stop: ends the work within milliseconds when set, also while the prompt is being evaluated.
            deliver: is given the text, piece by piece.

        Returns:
            Why it ended and the exact counts; the token that ends an answer isn't counted.

        Raises:
            GenerationError: the prompt fills the context, or llama.cpp fails.
        """
        prompt = self._template.tokens(messages)
        room = self.context_tokens - len(prompt)
        if room <= 0:
            raise GenerationError(
                f"the prompt takes {len(prompt)} of {self.context_tokens} tokens and leaves none to answer"
            )
        limit = min(max_tokens, room, _or_all(self._parameters.num_predict, room))
        # Always have the prompt's last token computed: a prompt that is in the cache to its end would be
        # answered from the scores at hand, and after an aborted computation those are another token's.
        self._llama.n_tokens = min(self._llama.n_tokens, len(prompt) - 1)
        self.reused_tokens = self._common_beginning(prompt)
        text = AnswerText(self._parameters.stop)
        drawn = 0
        reason: FinishReason = "length"
        stop.watch(self._llama.ctx)
        try:
            with closing(self._draw(prompt)) as tokens:
                while drawn < limit:
                    if stop.is_set():
                        reason = "cancelled"
                        break
                    token = next(tokens)
                    if native.llama_vocab_is_eog(self._vocabulary, token):
                        reason = "stop"
                        break
                    drawn += 1
                    if piece := text.feed(self._bytes(token)):
                        deliver(piece)
                    if text.stopped:
                        reason = "stop"
                        break
        except RuntimeError as error:
            if not stop.is_set():
                raise GenerationError(f"llama.cpp failed ({error})") from error
            reason = "cancelled"
        if rest := text.finish():
            deliver(rest)
        return Finished(reason, Usage(prompt_tokens=len(prompt), completion_tokens=drawn))

    def close(self) -> None:
        """Free the model and its context; nothing may be called afterwards."""
        self._llama.close()

    def _draw(self, prompt: list[int]) -> Generator[int, Any]:
        parameters = self._parameters
        self._llama.set_seed(parameters.seed & native.LLAMA_DEFAULT_SEED)
        return self._llama.generate(
            prompt,
            temp=parameters.temperature,
            top_k=parameters.top_k,
            top_p=parameters.top_p,
            min_p=parameters.min_p,
            repeat_penalty=parameters.repeat_penalty,
            presence_penalty=parameters.presence_penalty,
            frequency_penalty=parameters.frequency_penalty,
        )

    def _common_beginning(self, prompt: list[int]) -> int:
        return int(Llama.longest_token_prefix(self._llama.input_ids[: self._llama.n_tokens].tolist(), prompt))

    def _bytes(self, token: int) -> bytes:
        # Not Llama.detokenize: it loses pieces over 32 bytes, and code models have such runs of spaces.
        buffer = ctypes.create_string_buffer(_LONGEST_PIECE_BYTES)
        size = native.llama_token_to_piece(self._vocabulary, token, buffer, _LONGEST_PIECE_BYTES, 0, False)
        return buffer.raw[: max(0, size)]


def _or_all(count: int, all_of_it: int) -> int:
    return all_of_it if count < 0 else count
