"""One at a time: whoever registers or swaps models holds a lock file in the home."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from modelfiles.ollama.errors import SwapUnderWayError


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock."""

    since: datetime
    doing: str
    pid: int


@contextmanager
def one_at_a_time(home: Path, doing: str) -> Iterator[None]:
    """Hold the lock; it goes with the process, however that ends.

    Raises:
        SwapUnderWayError: another process, or another thread of this one, holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / "models.lock"
    # flock belongs to an open file, so that two threads of one process keep each other out, too.
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _under_way(path) from error
        file.truncate(0)
        file.write(msgspec.json.encode(Holder(datetime.now(UTC), doing, os.getpid())))
        file.flush()
        yield


def _under_way(path: Path) -> SwapUnderWayError:
    try:
        holder = msgspec.json.decode(path.read_bytes(), type=Holder)
    except msgspec.MsgspecError:
        # It has the lock, and hasn't said yet what for.
        return SwapUnderWayError(path, None, "at work on the models")
    return SwapUnderWayError(path, holder.since.astimezone(), holder.doing)
