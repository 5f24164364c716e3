"""A model run as the service runs it: how long it takes, how much memory, and what it answers."""

import re
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

from llama_cpp import Llama

from convert.verify.conversation import Conversation
from convert.verify.job import Speed, Tried, TryJob
from convert.verify.native_log import ModelFailedError

# Enough that both are steady within a few per cent, and little enough for an 8-billion model on two cores.
PROMPT_TOKENS = 256
GENERATED_TOKENS = 32
_BATCH_TOKENS = 512


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
    answers = Conversation(llama, job).answers()
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
