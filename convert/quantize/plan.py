"""What llama.cpp would write, found out by its own dry run before anything is written.

It reads only the source's header, so it takes a moment whatever the model's size. What it finds is told
in the log alone: `src/llama-quant.cpp` of llama.cpp, `llama_model_quantize_impl`.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from convert.errors import UnusableSourceError
from convert.quantize.job import Job
from convert.quantize.levels import LEVELS
from convert.quantize.process import run_worker

_TENSOR = re.compile(
    r"\[ *\d+/ *\d+\] (?P<name>\S+) +- \[(?P<shape>[ \d,]+)\], type = +(?P<type>\w+), size = .*?"
    r"(?:\((?P<target>\w+)\))?"
)
_SIZE = re.compile(r".*: (?P<which>model|quant) size += +(?P<mib>[\d.]+) MiB \((?P<bits>[\d.]+) BPW\)")
_FALLBACK = re.compile(r".*WARNING: (?P<count>\d+) of \d+ tensor\(s\) required fallback quantization")
_PLAIN = frozenset({"f32", "f16", "bf16"})


class Plan(msgspec.Struct, frozen=True):
    """What quantizing a file to one level comes to.

    Attributes:
        size: the bytes of the file to be written, to about 10 kB.
        bits_per_weight: on average over this very model.
        lossy_types: the types of the source's tensors that are quantized already.
        columns: the weights that will be quantized, and how many numbers an importance matrix has of each.
        tensors: how many there are.
        fallbacks: how many of them get a larger type than the level's: their rows don't fit its blocks.
    """

    size: int
    bits_per_weight: float
    lossy_types: tuple[str, ...]
    columns: dict[str, int]
    tensors: int
    fallbacks: int


def plan(source: Path, levels: Sequence[str], imatrix: Path | None = None) -> dict[str, Plan]:
    """Have llama.cpp say what it would write for each level; with an importance matrix it is a little less.

    Raises:
        UnusableSourceError: the file is damaged, cut off, or no model that llama.cpp knows.
    """
    ftypes = tuple(LEVELS[level].ftype for level in levels)
    outcome = run_worker(Job(str(source), ftypes, imatrix=None if imatrix is None else str(imatrix)))
    if not outcome.succeeded:
        raise UnusableSourceError(source, outcome.complaints)
    size = source.stat().st_size
    return {level: _read(size, log) for level, log in zip(levels, outcome.logs, strict=True)}


def _read(source_bytes: int, log: Iterable[str]) -> Plan:
    sizes: dict[str, re.Match[str]] = {}
    types: dict[str, None] = {}
    columns: dict[str, int] = {}
    tensors = fallbacks = 0
    for line in log:
        if found := _TENSOR.fullmatch(line):
            tensors += 1
            types[found["type"]] = None
            if found["target"] is not None and found["target"] not in _PLAIN:
                row, _, experts, _ = map(int, found["shape"].split(","))
                columns[found["name"]] = row * experts
        elif found := _SIZE.fullmatch(line):
            sizes[found["which"]] = found
        elif found := _FALLBACK.fullmatch(line):
            fallbacks = int(found["count"])
    # What isn't tensors is metadata, which stays as long as it is.
    shrinks_by = (float(sizes["model"]["mib"]) - float(sizes["quant"]["mib"])) * 2**20
    return Plan(
        size=source_bytes - round(shrinks_by),
        bits_per_weight=float(sizes["quant"]["bits"]),
        lossy_types=tuple(kind for kind in types if kind not in _PLAIN),
        columns=columns,
        tensors=tensors,
        fallbacks=fallbacks,
    )
