"""A bound on how many questions are under way at once, so that overload is refused early and in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from server.errors import BusyError


class Admission:
    """Counts the questions that are under way. Used from the event loop only, hence without a lock."""

    def __init__(self, limit: int, *, retry_after_seconds: int = 5) -> None:
        self._limit = limit
        self._retry_after_seconds = retry_after_seconds
        self._under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for as long as the block runs.

        Raises:
            BusyError: all places are taken.
        """
        if self._under_way >= self._limit:
            raise BusyError(self._retry_after_seconds)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
