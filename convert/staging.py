"""The folder where a fetched or made file is put together, and its way from there into place."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

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
    folder = staging_path(models_dir, file)
    lock = folder / "lock"
    with _locked(lock, file):
        yield folder
        _remove(folder, lock)


def staging_path(models_dir: Path, file: str) -> Path:
    """Where a file is put together; what lies there was left by a run that was stopped."""
    return models_dir / ".fetching" / file


def _locked(lock: Path, file: str) -> IO[str]:
    """The lock's file, held until it is closed."""
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            held = lock.open("a")
        except FileNotFoundError:
            # Who held the folder has just removed it.
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            held.close()
            raise FetchBusyError(file, lock) from error
        if _is_at(held, lock):
            return held
        # Removed after it was opened: what is held keeps nobody out.
        held.close()


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _remove(folder: Path, lock: Path) -> None:
    """Remove the folder and all that is in it, the lock last: until then nobody may put anything there."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path != lock:
            path.unlink()
    lock.unlink()
    try:
        folder.rmdir()
    except OSError as error:
        # The next process is in it already; so it may be gone again, too.
        if error.errno not in (errno.ENOTEMPTY, errno.ENOENT):
            raise


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
