"""A model run as the service runs it: how long it takes, how much memory, and what it answers."""

import ctypes
import re
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

from llama_cpp import Llama
from llama_cpp import llama_cpp as native

from convert.verify.job import Answer, Speed, Tried, TryJob
from convert.verify.native_log import ModelFailedError
from modelfiles.chat_template import ChatTemplate, read_chat_template
from modelfiles.errors import ChatTemplateError
from modelfiles.smoke import LONGEST_ANSWER

# Enough that both are steady within a few per cent, and little enough for an 8-billion model on two cores.
PROMPT_TOKENS = 256
GENERATED_TOKENS = 32
_BATCH_TOKENS = 512
_LONGEST_PIECE_BYTES = 512


def try_model(job: TryJob) -> Tried:
    """Load a model, time it, ask it.

    Raises:
        ModelFailedError: llama.cpp can't load or run it.
    """
    try:
        return _tried(job)
    except (ValueError, RuntimeError) as error:
        raise ModelFailedError(job.model) from error


def _tried(job: TryJob) -> Tried:
    started = time.perf_counter()
    llama = Llama(
        str(job.model),
        n_ctx=job.context_tokens,
        n_batch=_BATCH_TOKENS,
        n_threads=job.threads,
        n_threads_batch=job.threads,
        flash_attn=True,
        verbose=False,
    )
    load_seconds = time.perf_counter() - started
    prompt, generation = _pace(llama, job.text)
    answers = _Conversation(llama, job).answers()
    # After the answers, so that nothing the model does is left out.
    return Tried(Speed(load_seconds, prompt, generation, peak_memory_bytes()), answers)


def peak_memory_bytes() -> int:
    """The most memory that this process has held at once.

    Raises:
        OSError: the system has no /proc.
    """
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024


def _pace(llama: Llama, text: str) -> tuple[float, float]:
    """Tokens a second, read and then generated: of two rounds the faster, since the first loads weights."""
    tokens = llama.tokenize(text.encode())[: min(PROMPT_TOKENS, llama.n_ctx() - GENERATED_TOKENS)]
    rounds = [_round(llama, tokens) for _ in range(2)]
    return max(read for read, _ in rounds), max(generated for _, generated in rounds)


def _round(llama: Llama, tokens: list[int]) -> tuple[float, float]:
    # Else what was read before wouldn't be read again.
    llama.reset()  # type: ignore[no-untyped-call]
    started = time.perf_counter()
    with closing(llama.generate(tokens, temp=0.0)) as drawn:
        next(drawn)
        read = time.perf_counter()
        generated = sum(1 for _ in islice(drawn, GENERATED_TOKENS))
    ended = time.perf_counter()
    return len(tokens) / (read - started), generated / (ended - read)


class _Conversation:
    """Asks a model as its chat template and its Modelfile have it."""

    def __init__(self, llama: Llama, job: TryJob) -> None:
        self._llama = llama
        self._job = job
        self._vocabulary = native.llama_model_get_vocab(llama.model)

    def answers(self) -> tuple[Answer, ...]:
        template = read_chat_template(self._job.model)
        if template is None:
            return tuple(Answer("", "the file carries no chat template") for _ in self._job.messages)
        return tuple(self._answer(template, message) for message in self._job.messages)

    def _answer(self, template: ChatTemplate, message: str) -> Answer:
        system = [] if self._job.system is None else [{"role": "system", "content": self._job.system}]
        try:
            prompt = template.render([*system, {"role": "user", "content": message}])
        except ChatTemplateError as error:
            return Answer("", str(error))
        # The tokenizer adds BOS itself, where the model has one.
        tokens = self._llama.tokenize(template.without_bos(prompt).encode(), special=True)
        room = self._llama.n_ctx() - len(tokens)
        if room <= 0:
            return Answer(
                "", f"the prompt of {len(tokens)} tokens fills the context of {self._llama.n_ctx()}"
            )
        return self._generated(tokens, min(room, LONGEST_ANSWER))

    def _generated(self, tokens: list[int], limit: int) -> Answer:
        data = b""
        # Always the likeliest token: what is decided by chance decides nothing.
        drawn = self._llama.generate(tokens, temp=0.0, repeat_penalty=self._job.repeat_penalty)
        for token in islice(drawn, limit):
            if native.llama_vocab_is_eog(self._vocabulary, token):
                return Answer(data.decode(errors="replace"), None)
            data += self._piece(token)
            text = data.decode(errors="ignore")
            if found := [at for stop in self._job.stop if (at := text.find(stop)) >= 0]:
                return Answer(text[: min(found)], None)
        return Answer(data.decode(errors="ignore"), f"it was cut at {limit}")

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(_LONGEST_PIECE_BYTES)
        # Markup is spelt out, so that a token which doesn't belong in an answer shows.
        size = native.llama_token_to_piece(self._vocabulary, token, buffer, _LONGEST_PIECE_BYTES, 0, True)
        return buffer.raw[: max(0, size)]
