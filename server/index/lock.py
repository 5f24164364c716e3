"""One builder at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.errors import IndexBusyError


@contextmanager
def only_builder(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file. The kernel lets go of it however the process ends.

    Raises:
        IndexBusyError: another process (or another thread of this one) holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IndexBusyError(path) from error
        yield
