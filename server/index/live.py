"""What is open now, and how something newer takes its place without a reader noticing."""

import logging
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from modelfiles.errors import FutFutError
from server.errors import IndexUnreachableError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Live(Generic[T]):
    """Holds an open value, and opens another one when the version outside has changed.

    Readers never wait for an opening once there is a value: one thread opens the new one, the others go on
    with the old. A reader keeps its own reference, so the old value goes away (and what it holds is closed)
    when the last reader lets go of it, and not before. If the new one can't be opened the old one stays,
    until the version changes again; if it only can't be reached, until it can.
    """

    def __init__(self, version: Callable[[], Hashable | None], open_newest: Callable[[], T]) -> None:
        """Nothing is opened yet.

        Args:
            version: a cheap look at what is newest outside; None if there is nothing.
            open_newest: opens it, or raises a FutFutError.
        """
        self._version = version
        self._open_newest = open_newest
        self._held: tuple[Hashable, T] | None = None  # replaced as a whole, hence read without the lock
        self._opening = Lock()

    def get(self) -> T:
        """The newest value that could be opened.

        Raises:
            FutFutError: what `open_newest` raised, and nothing is held that could stand in.
        """
        version = self._version()
        held = self._held
        if held is None:
            self._opening.acquire()
        elif version in (held[0], None) or not self._opening.acquire(blocking=False):
            return held[1]
        try:
            return self._take_up(version)
        finally:
            self._opening.release()

    def forget(self) -> None:
        """Let go of the value; the next `get` opens the newest."""
        with self._opening:
            self._held = None

    def _take_up(self, version: Hashable | None) -> T:
        held = self._held
        if held is not None and held[0] == version:  # another thread has opened it while this one waited
            return held[1]
        try:
            value = self._open_newest()
        except IndexUnreachableError:
            if held is None:
                raise
            return held[1]  # it may be reachable for the next reader
        except FutFutError as error:
            if held is None:
                raise
            log.warning("The new index isn't taken up, the one before it goes on answering. %s", error)
            value = held[1]
        self._held = (version, value)
        return value
