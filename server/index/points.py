"""How a passage becomes a point in Qdrant and back, the same embedded and on a server."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import inf
from typing import Any, TypeVar

from server.domain import Hit, Passage
from server.errors import UnknownFilterError

DENSE = "dense"
TERMS = "terms"
FILTERABLE = ("source", "title")

T = TypeVar("T")


def payload(passage: Passage) -> dict[str, str]:
    """A passage's fields but its id, which is the point's own."""
    return {
        "source": passage.source,
        "title": passage.title,
        "locator": passage.locator,
        "text": passage.text,
        "context": passage.context,
    }


def passage(point_id: object, fields: Mapping[str, Any] | None) -> Passage:
    """The passage that `payload` was made from."""
    return Passage(id=str(point_id), **(fields or {}))


def check_filters(filters: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse filters on what isn't a field.

    Raises:
        UnknownFilterError: a field that can't be filtered on.
    """
    for field in filters:
        if field not in FILTERABLE:
            raise UnknownFilterError(field, FILTERABLE)


def overfetch(limit: int) -> int:
    """How many fused points to ask for, so that a tie at the end of the list can be decided by us.

    The engine breaks ties at random, and they are common: rank 3 of one leg and rank 3 of the other, each
    found by its leg alone, score the same under equal weights. Ranks are distinct within a leg, so ties
    come in pairs.
    """
    return limit + 1


def hits(
    fused: Sequence[tuple[Passage, float]], dense: Sequence[str], lexical: Sequence[str], *, limit: int
) -> list[Hit]:
    """Fused passages with their ranks in both legs, best first; a tie goes to the better dense rank.

    Args:
        fused: passages and scores as the engine fused them, `overfetch(limit)` of them if there are as many.
        dense: ids of the dense leg's candidates, best first.
        lexical: ids of the lexical leg's candidates, best first.
        limit: how many hits to return.
    """
    dense_rank = {point_id: rank for rank, point_id in enumerate(dense, start=1)}
    lexical_rank = {point_id: rank for rank, point_id in enumerate(lexical, start=1)}
    found = [
        Hit(passage, score, lexical_rank.get(passage.id), dense_rank.get(passage.id))
        for passage, score in fused
    ]
    found.sort(key=lambda hit: (-hit.score, hit.dense_rank or inf, hit.lexical_rank or inf))
    return found[:limit]


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut an iterable into lists of `size` items, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
