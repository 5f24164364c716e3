"""What the retriever makes of a question before it searches."""

import math
from collections.abc import Iterator, Sequence

import pytest
from anyio import CapacityLimiter
from kiwipiepy import Kiwi

from server.domain import Hit, HybridQuery, Manifest
from server.lexical import Terms
from server.retrieve import HybridRetriever


class Words:
    """An encoder that counts two words, and reads twenty."""

    fingerprint = "words"
    dimensions = 2
    max_tokens = 20

    def embed_query(self, text: str) -> tuple[float, ...]:
        """The text's share of either word."""
        assert len(text.split()) <= self.max_tokens
        counts = (text.count("공"), text.count("골"))
        return tuple(count / math.hypot(*counts) for count in counts)

    def embed_passages(self, texts: Sequence[str]) -> Iterator[tuple[float, ...]]:
        """The same."""
        return map(self.embed_query, texts)

    def count_tokens(self, text: str) -> int:
        """A token a word."""
        return len(text.split())


class Listener:
    """An index that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[HybridQuery] = []

    def manifest(self) -> Manifest | None:
        """Nothing."""
        return None

    def publish(self, manifest: Manifest, points: object) -> None:
        """Nothing is kept."""
        del manifest, points

    def search(self, query: HybridQuery) -> list[Hit]:
        """Nothing is found."""
        self.asked.append(query)
        return []


@pytest.fixture
def index() -> Listener:
    return Listener()


@pytest.fixture
def retriever(index: Listener, kiwi: Kiwi) -> HybridRetriever:
    return HybridRetriever(
        index,
        Words(),
        Terms(kiwi),
        limiter=CapacityLimiter(1),
        candidates=50,
        dense_weight=1.5,
        lexical_weight=1.0,
        rrf_k=6,
    )


@pytest.mark.parametrize(
    ("question", "vector"),
    [
        ("공 골", (math.sqrt(0.5), math.sqrt(0.5))),
        ("공 " * 40, (1.0, 0.0)),
        ("공 " * 40 + "골 " * 40, (math.sqrt(0.5), math.sqrt(0.5))),
        ("공" * 500, (1.0, 0.0)),
    ],
)
def test_a_long_question_is_embedded_as_the_mean_of_its_parts(
    retriever: HybridRetriever, index: Listener, question: str, vector: tuple[float, ...]
) -> None:
    """All of a question counts, also beyond what the encoder reads at once, and the vector is normalized."""
    retriever.search_blocking(question, 4, {})
    assert index.asked[0].dense == pytest.approx(vector, abs=0.1)  # cut at a space near the middle
    assert math.hypot(*index.asked[0].dense) == pytest.approx(1)


def test_a_leg_brings_at_least_what_is_asked_for(retriever: HybridRetriever, index: Listener) -> None:
    """Asked for more passages than candidates, each leg brings as many."""
    retriever.search_blocking("공", 80, {})
    retriever.search_blocking("공", 4, {})
    assert [query.candidates for query in index.asked] == [80, 50]
