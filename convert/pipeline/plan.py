"""What making a model's levels takes, before anything is done: bytes, disk and about how long.

Pure: what is known goes in as a `Task`, and what follows from it comes out.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from convert.errors import DiskSpaceError
from convert.pipeline.rates import (
    CONVERT_BYTES,
    DOWNLOAD_BYTES,
    GENERATE_BYTES,
    READ_WEIGHTS,
    REGISTER_BYTES,
    quantize_weights,
)

# Vocabulary, merges and chat template of a large vocabulary: the same at every level.
_METADATA_BYTES = 8_000_000
# Tokens read and generated: when a level's speed is measured and its questions are asked, and when Ollama's
# gate tries it. Measuring what it loses reads two tokens for each that is scored.
_TRIED_TOKENS = (4_400, 700)
_REGISTERED_TOKENS = (1_200, 150)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made, and what is known of it and of the machine. Sizes are in bytes.

    Attributes:
        model: its name; its files are called after it.
        weights: how many it has.
        checkpoint_size: the files of weights that are read.
        to_fetch: what has still to come from the hub; None if the checkpoint is a folder of the operator's.
        exact: the level that is made from the checkpoint (`f16`), and that all others are made from.
        levels: the levels that are wanted.
        fresh: the levels that are there and needn't be made again.
        verified: the levels whose figures are known.
        registered: the levels that the model server has already.
        bits: bits a weight of each level.
        scored: how many tokens each level is measured on.
        registers: whether they are handed to Ollama.
        cores: how many compute.
    """

    model: str
    weights: int
    checkpoint_size: int
    to_fetch: int | None
    exact: str
    levels: tuple[str, ...]
    bits: Mapping[str, float]
    fresh: frozenset[str] = frozenset()
    verified: frozenset[str] = frozenset()
    registered: frozenset[str] = frozenset()
    scored: int = 2048
    registers: bool = True
    cores: int = 1

    def file_size(self, level: str) -> int:
        """About how large the level's file is; small models come out somewhat larger."""
        return round(self.weights * self.bits[level] / 8) + _METADATA_BYTES


class Step(msgspec.Struct, frozen=True):
    """One step of the work.

    `skipped` says why it needn't be done. `outside` means that what it writes goes into Ollama's own folder.
    """

    name: str
    reads: int = 0
    writes: int = 0
    seconds: float = 0
    skipped: str | None = None
    outside: bool = False


class Plan(msgspec.Struct, frozen=True):
    """The steps in their order, those that are skipped among them."""

    model: str
    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        """How long all of it takes."""
        return sum(step.seconds for step in self.steps)

    @property
    def disk(self) -> int:
        """Bytes that are added below HOME. Nothing is removed on the way, so it is the most at any moment."""
        return sum(step.writes for step in self.steps if not step.outside)

    @property
    def disk_outside(self) -> int:
        """Bytes that are added where Ollama keeps its models, which may be the same disk."""
        return sum(step.writes for step in self.steps if step.outside)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return all(step.skipped for step in self.steps)


def plan(task: Task) -> Plan:
    """The steps that lead to every wanted level."""
    return Plan(
        task.model,
        (*_fetched(task), _converted(task), *_quantized(task), *_verified(task), *_registered(task)),
    )


def require_room(planned: Plan, folder: Path, free: int) -> None:
    """Make sure before anything starts that `free` bytes in `folder` are enough for all of it.

    Raises:
        DiskSpaceError: they aren't; says how many to free.
    """
    if planned.disk > free:
        raise DiskSpaceError(folder, planned.disk, free)


def _fetched(task: Task) -> Iterator[Step]:
    if task.to_fetch is not None:
        yield (
            Step("download", task.to_fetch, task.to_fetch, task.to_fetch / DOWNLOAD_BYTES)
            if task.to_fetch
            else Step("download", skipped="already there")
        )


def _converted(task: Task) -> Step:
    name, size = f"convert to {task.exact}", task.file_size(task.exact)
    if task.exact in task.fresh:
        return Step(name, skipped="already there, and fresh")
    return Step(name, task.checkpoint_size, size, size / CONVERT_BYTES)


def _quantized(task: Task) -> Iterator[Step]:
    for level in task.levels:
        if level == task.exact:
            continue
        name = f"quantize {level}"
        if level in task.fresh:
            yield Step(name, skipped="already there, and fresh")
            continue
        seconds = task.weights / (quantize_weights(level) * task.cores)
        yield Step(name, task.file_size(task.exact), task.file_size(level), seconds)


def _verified(task: Task) -> Iterator[Step]:
    # The exact level is what the others are held against, wanted or not.
    subjects = dict.fromkeys((task.exact, *task.levels))
    unknown = [level for level in subjects if level not in task.verified]
    for level in subjects:
        # Without an unknown level nothing is measured; with one, the exact level goes along again.
        if level in unknown or (unknown and level == task.exact):
            size, (read, generated) = task.file_size(level), _TRIED_TOKENS
            seconds = _run_seconds(task, size, (read + 2 * task.scored, generated))
            yield Step(f"verify {level}", reads=size, seconds=seconds)
        else:
            yield Step(f"verify {level}", skipped="measured before")


def _registered(task: Task) -> Iterator[Step]:
    if not task.registers:
        return
    for level in task.levels:
        name, size = f"register {level}", task.file_size(level)
        if level in task.registered:
            yield Step(name, skipped="Ollama has it")
            continue
        seconds = size / REGISTER_BYTES + _run_seconds(task, size, _REGISTERED_TOKENS)
        yield Step(name, size, size, seconds, outside=True)


def _run_seconds(task: Task, size: int, tokens: tuple[int, int]) -> float:
    read, generated = tokens
    return read * task.weights / (READ_WEIGHTS * task.cores) + generated * size / GENERATE_BYTES
