"""Where the steps of a long piece of work are told: what those who do the work know of those who show it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Where the steps of a long piece of work are told."""

    def say(self, line: str) -> None:
        """Tell one thing that has happened, or is about to."""
        ...

    def bar(self, label: str, total: int, done: int = 0) -> AbstractContextManager[Advance]:
        """Measure a step of `total` bytes, `done` of them already; call the result with each advance."""
        ...


class Unseen:
    """A progress that nobody watches."""

    def say(self, line: str) -> None:
        """Tell nobody."""

    @contextmanager
    def bar(self, label: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Measure for nobody."""
        del label, total, done
        yield lambda _: None
