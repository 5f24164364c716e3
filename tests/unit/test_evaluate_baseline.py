"""The baseline ranks as the first version did: both legs' first k, joined by weighted reciprocal ranks."""

from collections.abc import Iterator, Sequence

import pytest
from kiwipiepy import Kiwi
from rank_bm25 import BM25Okapi

from server.domain import Passage, Point, SparseVector
from server.evaluate.baseline import Baseline

TEXTS = [
    "골키퍼는 공을 4초까지 가질 수 있다.",
    "킥인은 4초 안에 차야 한다.",
    "경기는 전반 20분, 후반 20분이다.",
    "교체 횟수에는 제한이 없다.",
    "풋살공은 4호 공을 쓴다.",
    "오프사이드는 없다.",
]


class ByNumber:
    """An encoder that puts passage n at axis n, and every question nearest to the last passages."""

    fingerprint = "by-number"
    dimensions = len(TEXTS)
    max_tokens = 512

    def embed_query(self, text: str) -> tuple[float, ...]:
        """Order the passages from the last to the first."""
        del text
        return tuple(float(number) for number in range(1, self.dimensions + 1))

    def embed_passages(self, texts: Sequence[str]) -> Iterator[tuple[float, ...]]:
        """Put each text on its own axis."""
        for number in range(len(texts)):
            yield tuple(float(axis == number) for axis in range(self.dimensions))

    def count_tokens(self, text: str) -> int:
        """Count characters."""
        return len(text)


@pytest.fixture
def baseline(kiwi: Kiwi) -> Baseline:
    passages = [
        Passage(id=str(number), source="a.txt", title="", locator=f"row:{number}", text=text)
        for number, text in enumerate(TEXTS)
    ]
    vectors = ByNumber().embed_passages(TEXTS)
    points = [
        Point(passage, (vector,), SparseVector((), ()))
        for passage, vector in zip(passages, vectors, strict=True)
    ]
    return Baseline(points, ByNumber(), kiwi)


def test_legs_are_fused_by_weighted_reciprocal_rank(baseline: Baseline) -> None:
    """A score is 0.3 / (60 + lexical rank) + 0.7 / (60 + dense rank), from the legs that found it."""
    found = baseline.search("골키퍼는 공을 4초까지", 4)
    for hit in found:
        lexical = 0.3 / (60 + hit.lexical_rank) if hit.lexical_rank else 0.0
        dense = 0.7 / (60 + hit.dense_rank) if hit.dense_rank else 0.0
        assert hit.score == pytest.approx(lexical + dense)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert {hit.passage.id: hit.dense_rank for hit in found if hit.dense_rank}.items() <= {
        "5": 1,
        "4": 2,
        "3": 3,
        "2": 4,
    }.items()


def test_each_leg_brings_only_as_many_as_are_asked_for(baseline: Baseline) -> None:
    """A passage below a leg's first k has no rank there, so other passages may lead when k is larger."""
    (alone,) = baseline.search("골키퍼는 공을 4초까지", 1)
    assert (alone.passage.id, alone.lexical_rank, alone.dense_rank) == ("5", None, 1)
    assert alone.score == pytest.approx(0.7 / 61)
    first, second = baseline.search("골키퍼는 공을 4초까지", 2)
    assert (first.passage.id, first.lexical_rank, first.dense_rank) == ("4", 2, 2)
    assert (second.passage.id, second.lexical_rank, second.dense_rank) == ("5", None, 1)


def test_the_lexical_leg_is_rank_bm25_over_every_morpheme(baseline: Baseline, kiwi: Kiwi) -> None:
    """Particles and endings count as words do, and ranks are those of `BM25Okapi`."""
    morphemes = [[token.form for token in kiwi.tokenize(text)] for text in TEXTS]
    query = [token.form for token in kiwi.tokenize("교체는 없다")]
    assert {"는", "다"} <= set(query)
    best = BM25Okapi(morphemes).get_top_n(query, [str(number) for number in range(len(TEXTS))], n=6)
    found = baseline.search("교체는 없다", 6)
    assert [hit.passage.id for hit in sorted(found, key=lambda hit: hit.lexical_rank or 99)] == best
