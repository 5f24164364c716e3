"""What is said between the process that measures and who asked for it: a job there, messages back."""

from pathlib import Path
from typing import Any

import msgspec

from convert.verify.divergence import Divergence
from convert.verify.windows import Sample


class CompareJob(msgspec.Struct, frozen=True, tag=True):
    """Levels by name against a reference, over a text."""

    reference: Path
    levels: dict[str, Path]
    text: str
    sample: Sample
    threads: int


class TryJob(msgspec.Struct, frozen=True, tag=True):
    """A model's speed, memory, and answers.

    Attributes:
        model: its file.
        text: what its reading speed is measured on.
        messages: what players ask, each on its own.
        system: its Modelfile's system prompt.
        stop: its stop strings.
        repeat_penalty: its repeat penalty.
        context_tokens: the context it is run with.
        threads: how many to compute on.
    """

    model: Path
    text: str
    messages: tuple[str, ...]
    system: str | None
    stop: tuple[str, ...]
    repeat_penalty: float
    context_tokens: int
    threads: int


Job = CompareJob | TryJob


class Measured(msgspec.Struct, frozen=True, tag=True):
    """One window went through one model; `position` counts from 1."""

    model: Path
    position: int
    windows: int


class Compared(msgspec.Struct, frozen=True, tag=True):
    """All windows went through all models."""

    reference: Divergence
    levels: dict[str, Divergence]


class NoNumbers(msgspec.Struct, frozen=True, tag=True):
    """What a model predicts is NaN, infinite, or so far off that its perplexity is."""

    model: Path


class Speed(msgspec.Struct, frozen=True):
    """How a model runs on this machine.

    `peak_memory_bytes` is the process's VmHWM (man 5 proc_pid_status): the most that ever lay in memory at
    once, which counts the mapped file's pages that were read, the KV cache for the Modelfile's num_ctx,
    llama.cpp's buffers, and about 60 MB of Python.
    """

    load_seconds: float
    prompt_tokens_per_second: float
    generation_tokens_per_second: float
    peak_memory_bytes: int


class Answer(msgspec.Struct, frozen=True):
    """What a model said.

    Attributes:
        text: up to where Ollama would end it; with the stop string, if that came where no answer ends.
        unended: why it didn't end by itself, None if it did.
        markup: what it wrote that belongs around messages, never into one.
    """

    text: str
    unended: str | None
    markup: tuple[str, ...] = ()


class Tried(msgspec.Struct, frozen=True, tag=True):
    """How a model runs, and its answers in the order of the messages."""

    speed: Speed
    answers: tuple[Answer, ...]


class Refused(msgspec.Struct, frozen=True, tag=True):
    """llama.cpp can't run a model; has what it said."""

    model: Path
    said: tuple[str, ...]


class TooShort(msgspec.Struct, frozen=True, tag=True):
    """The text has too few tokens."""

    tokens: int
    needed: int


Message = Measured | Compared | NoNumbers | Tried | Refused | TooShort


def to_line(said: Job | Message) -> bytes:
    """What is said, as a line of JSON."""
    return msgspec.json.encode(said, enc_hook=str) + b"\n"


def from_line(line: bytes, kind: Any) -> Any:  # noqa: ANN401  # `Job` and `Message` are unions
    """What was said, which is of the given kind.

    Raises:
        msgspec.DecodeError: it is something else.
    """
    return msgspec.json.decode(line, type=kind, dec_hook=_path)


def _path(kind: type[Path], value: str) -> Path:
    return kind(value)
