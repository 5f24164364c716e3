"""The folder where a fetched or made file is put together, and its way from there into place."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convert.errors import DiskSpaceError, FetchBusyError

# What other programs may write meanwhile.
_MARGIN = 64_000_000


@contextmanager
def staging_folder(models_dir: Path, file: str) -> Iterator[Path]:
    """A folder of one file's own, on the same disk as `models_dir`, held by one process at a time.

    What is in it outlives a failure or a kill, so that the next run continues; it goes when the work is done.

    Raises:
        FetchBusyError: another process holds it.
    """
    folder = models_dir / ".fetching" / file
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "lock"
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FetchBusyError(file, lock) from error
        yield folder
        shutil.rmtree(folder)


def require_space(folder: Path, needed: int) -> None:
    """Make sure before long work that what it writes will fit.

    Raises:
        DiskSpaceError: fewer than `needed` bytes (and a margin) are free.
    """
    free = shutil.disk_usage(folder).free
    if needed > 0 and free < needed + _MARGIN:
        raise DiskSpaceError(folder, needed + _MARGIN, free)


def put_in_place(part: Path, path: Path) -> None:
    """Rename a finished file to where it is used: at any moment all of the old or all of the new is there."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    # The rename itself must survive a power cut as well.
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
