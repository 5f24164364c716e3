"""Makes the levels of a model that are not there yet, one after the other."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from convert.errors import (
    AlreadyQuantizedError,
    ImatrixError,
    ImatrixNeededError,
    SameLevelError,
)
from convert.making import require_own
from convert.quantize.imatrix import misfits, read_imatrix
from convert.quantize.job import Job
from convert.quantize.levels import LEVELS, require_known
from convert.quantize.make import make
from convert.quantize.plan import Plan, plan
from convert.recipe import Recipe, is_fresh
from convert.staging import require_space
from modelfiles.file_hash import compute, file_hash
from modelfiles.gguf_header import read_header
from modelfiles.progress import Progress, Unseen


def quantize(  # noqa: PLR0913  # what the command can be told
    source: Path,
    targets: Mapping[str, Path],
    *,
    imatrix: Path | None = None,
    threads: int | None = None,
    requantize: bool = False,
    progress: Progress,
) -> dict[str, Path]:
    """Quantize a GGUF file to levels, all of which are checked before the first is made.

    A target is skipped if it was made from these very bytes by this llama.cpp. A target that fails is left
    as it was, and so are those after it; those before it are done.

    Args:
        source: the file to quantize, of type f32, bf16 or f16.
        targets: for each level (a key of `LEVELS`) the file to make.
        imatrix: an importance matrix of this model.
        threads: how many to use; one a core if None.
        requantize: take a source that is quantized already, though the result will be worse.
        progress: told what happens.

    Returns:
        The targets.

    Raises:
        UnknownLevelError, SameLevelError, ImatrixNeededError: a level isn't possible.
        ModelFileError, UnusableSourceError, AlreadyQuantizedError: the source isn't.
        ImatrixError: the importance matrix isn't, or belongs to another model.
        ForeignFileError: a target is there that wasn't made here.
        DiskSpaceError, DiskFullError: there isn't room, at the beginning or any more.
        FetchBusyError: another process makes the same file.
        QuantizeError, WorkerKilledError: llama.cpp gave up, or its process was ended.
        OSError: a file can't be read or written.
    """
    require_known(targets)
    _require_other_level(source, targets)
    require_imatrix(targets, imatrix)
    for path in targets.values():
        require_own(path)
    recipes = level_recipes(source, targets, imatrix, progress)
    stale: dict[str, Path] = {}
    for level, path in targets.items():
        if is_fresh(path, recipes[level]):
            progress.say(f"{path.name}: already there, and fresh")
        else:
            stale[level] = path
    if stale:
        plans = _plans(source, tuple(stale), imatrix, requantize=requantize)
        _require_space(stale, plans)
        for level, path in stale.items():
            job = Job(
                str(source),
                (LEVELS[level].ftype,),
                imatrix=None if imatrix is None else str(imatrix),
                threads=threads or 0,
                requantize=requantize,
            )
            make(job, level, plans[level], path, recipes[level], progress=progress)
    return dict(targets)


def require_imatrix(levels: Iterable[str], imatrix: Path | None) -> None:
    """Make sure that levels which can't be made without an importance matrix have one.

    Raises:
        ImatrixNeededError: they haven't.
    """
    needing = [level for level in levels if LEVELS[level].needs_imatrix]
    if needing and imatrix is None:
        raise ImatrixNeededError(needing)


def _require_other_level(source: Path, targets: Mapping[str, Path]) -> None:
    ftype = read_header(source).get("general.file_type")
    for level, path in targets.items():
        if LEVELS[level].ftype == ftype or path.resolve() == source.resolve():
            raise SameLevelError(source, level)


def level_recipes(
    source: Path, levels: Iterable[str], imatrix: Path | None, progress: Progress
) -> dict[str, Recipe]:
    """What decides the bytes of each level's file that `quantize` makes of the same.

    Raises:
        OSError: a file can't be read.
    """
    common = {"source": file_hash(source, progress), "llama-cpp-python": version("llama-cpp-python")}
    if imatrix is not None:
        # Not remembered beside it: an importance matrix is small, and may lie where nothing can be written.
        common["imatrix"] = compute(imatrix, Unseen())
    return {level: {**common, "level": level} for level in levels}


def _plans(
    source: Path, levels: tuple[str, ...], imatrix: Path | None, *, requantize: bool
) -> dict[str, Plan]:
    """What it will come to, if source and importance matrix are fit for it."""
    matrix = None if imatrix is None else read_imatrix(imatrix)
    plans = plan(source, levels, imatrix)
    for planned in plans.values():
        if planned.lossy_types and not requantize:
            raise AlreadyQuantizedError(source, planned.lossy_types)
        problems = () if matrix is None else tuple(misfits(matrix, planned.columns))
        if imatrix is not None and problems:
            raise ImatrixError(imatrix, problems)
    return plans


def _require_space(targets: Mapping[str, Path], plans: Mapping[str, Plan]) -> None:
    needed: dict[Path, int] = {}
    for level, path in targets.items():
        needed[path.parent] = needed.get(path.parent, 0) + plans[level].size
    for folder, size in needed.items():
        folder.mkdir(parents=True, exist_ok=True)
        require_space(folder, size)
