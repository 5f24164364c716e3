"""Makes one file at one level: it is there in the end, whole, or nothing has changed."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from convert.errors import DiskFullError, QuantizeError, WorkerKilledError
from convert.making import making
from convert.quantize.job import Job
from convert.quantize.plan import Plan
from convert.quantize.process import run_worker
from convert.recipe import Recipe
from modelfiles.errors import ModelFileError
from modelfiles.gguf_header import read_header
from modelfiles.progress import Advance, Progress

# A plan is that exact, at worst; a file that was cut off misses more.
_PLAN_TOLERANCE = 100_000
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def make(  # noqa: PLR0913  # what, how, where to, and who is told
    job: Job, level: str, planned: Plan, path: Path, recipe: Recipe, *, progress: Progress
) -> None:
    """Quantize to one level and put the file where it belongs.

    Args:
        job: what to quantize, and how; its `out` is not used.
        level: the level's name.
        planned: what it will come to.
        path: the file to make.
        recipe: what decides its bytes.
        progress: told what happens.

    Raises:
        QuantizeError: llama.cpp gave up.
        WorkerKilledError: its process was ended.
        DiskFullError: there was no room for all of the file.
        ForeignFileError: what is at `path` wasn't made here.
        FetchBusyError: another process makes the same file.
    """
    source = Path(job.source)
    progress.say(f"{path.name}: {source.name} at {level}")
    with making(path, recipe) as part:
        with progress.bar("quantizing", planned.size) as advance:
            outcome = run_worker(msgspec.structs.replace(job, out=str(part)), _growth(advance))
        if outcome.killed_by is not None:
            raise WorkerKilledError(source, level, outcome.killed_by)
        if not (outcome.succeeded and _is_whole(part, planned)):
            if reason := _no_room(part):
                raise DiskFullError(path, planned.size, reason)
            raise QuantizeError(source, level, outcome.complaints)
    progress.say(f"  {path.stat().st_size / 1e6:,.0f} MB, {planned.bits_per_weight} bits a weight")
    if planned.fallbacks:
        progress.say(
            f"  {planned.fallbacks} of {planned.tensors} tensors have rows that this level's blocks don't "
            f"fit: llama.cpp took larger types for them"
        )


def _growth(advance: Advance) -> Callable[[int], None]:
    """Turn how much there is into how much has been added."""
    seen = 0

    def tell(written: int) -> None:
        nonlocal seen
        advance(written - seen)
        seen = written

    return tell


def _is_whole(part: Path, planned: Plan) -> bool:
    """Whether the file has its end, and its header, which is written last: not every failure is reported."""
    try:
        read_header(part)
    except ModelFileError:
        return False
    return part.stat().st_size > planned.size - _PLAN_TOLERANCE


def _no_room(part: Path) -> str | None:
    """Why no more can be written: llama.cpp doesn't say, so it is tried. None if it can."""
    try:
        with part.open("ab") as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _FULL:
            raise
        return error.strerror
    return None
