"""What the tests of indexes share: where generations are kept, and what is read of hits."""

from collections.abc import Callable
from dataclasses import dataclass

from server.domain import Hit
from server.index import Compatibility, EdgeIndex
from server.index.remote import QdrantIndex

AnyIndex = EdgeIndex | QdrantIndex


@dataclass
class Store:
    """Where generations are kept: opens indexes on it, and lists the generations that it holds."""

    open: Callable[[Compatibility | None], AnyIndex]
    generations: Callable[[], set[str]]


def ids(hits: list[Hit]) -> list[str]:
    return [hit.passage.id for hit in hits]


def editions(hits: list[Hit]) -> set[str]:
    """Which of the indexed editions the hits come from."""
    return {hit.passage.text.split()[0] for hit in hits}
