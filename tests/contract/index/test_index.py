"""What holds of every index, embedded or on a server."""

from dataclasses import replace

import pytest

from server.domain import HybridQuery, Point, SparseVector
from server.errors import UnknownFilterError
from tests.contract.index.store import AnyIndex, ids
from tests.contract.samples import dot, manifest, passage, points, query


def test_what_is_published_is_found_unchanged(index: AnyIndex) -> None:
    """The manifest comes back equal, and hits carry their passages with every field."""
    made = points(30)
    published = manifest(made)
    index.publish(published, made)
    assert index.manifest() == published
    found = index.search(query(limit=10))
    assert len(found) == 10
    for hit in found:
        assert hit.passage == passage(int(hit.passage.locator.removeprefix("row:")))


def expected_ranks(made: list[Point], asked: HybridQuery) -> tuple[dict[str, int], dict[str, int]]:
    """Ranks of the candidates in the dense and in the lexical leg, computed here."""
    scored = [(point.passage.id, *dot(point, asked)) for point in made]
    dense = sorted(scored, key=lambda point: -point[1])[: asked.candidates]
    lexical = [point for point in sorted(scored, key=lambda point: -point[2]) if point[2] > 0]
    return (
        {point[0]: rank for rank, point in enumerate(dense, start=1)},
        {point[0]: rank for rank, point in enumerate(lexical[: asked.candidates], start=1)},
    )


@pytest.mark.parametrize(("dense_weight", "lexical_weight"), [(1.0, 1.0), (2.0, 1.0), (0.3, 0.7)])
@pytest.mark.parametrize("rrf_k", [60, 2])
def test_hits_say_their_ranks_and_score_by_them(
    index: AnyIndex, rrf_k: int, dense_weight: float, lexical_weight: float
) -> None:
    """Ranks are those of the legs by themselves, and the score is the weighted RRF of these ranks."""
    made = points(60)
    index.publish(manifest(made), made)
    for seed in range(5):
        asked = query(
            seed,
            limit=40,
            candidates=15,
            rrf_k=rrf_k,
            dense_weight=dense_weight,
            lexical_weight=lexical_weight,
        )
        dense, lexical = expected_ranks(made, asked)
        found = index.search(asked)
        assert set(ids(found)) == set(dense) | set(lexical)
        for hit in found:
            assert hit.dense_rank == dense.get(hit.passage.id)
            assert hit.lexical_rank == lexical.get(hit.passage.id)
            expected = sum(
                1 / (rank / weight + rrf_k - 1)
                for rank, weight in ((hit.dense_rank, dense_weight), (hit.lexical_rank, lexical_weight))
                if rank is not None
            )
            assert hit.score == pytest.approx(expected, rel=1e-5)
        assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_ties_are_always_broken_alike(index: AnyIndex) -> None:
    """Of two passages with equal scores, the one the dense leg ranks higher comes first, every time."""
    # Two legs that have nothing in common: with equal weights, ranks 1 and 1 tie, ranks 2 and 2, and so on.
    made = [
        replace(point, dense=((1.0 - number / 20, *[0.0] * 7),), sparse=SparseVector((), ()))
        if number < 10
        else replace(point, dense=((-1.0, *[0.0] * 7),), sparse=SparseVector((7,), (20.0 - number,)))
        for number, point in enumerate(points(20))
    ]
    index.publish(manifest(made), made)
    asked = query(dense=(1.0, *[0.0] * 7), sparse=SparseVector((7,), (1.0,)), candidates=10, limit=5)
    expected = [passage(number).id for number in (0, 10, 1, 11, 2)]
    for _ in range(30):
        assert ids(index.search(asked)) == expected


def test_nearest_window_counts(index: AnyIndex) -> None:
    """A passage is as near as the nearest of its vectors, and comes once however many of them are near."""
    near, other, far = ((x, *[0.0] * 7) for x in (0.9, 0.5, -1.0))
    windows = {0: (far, near, far), 1: (other, other), 2: (far,)}
    made = [
        replace(point, dense=windows[number], sparse=SparseVector((), ()))
        for number, point in enumerate(points(3))
    ]
    index.publish(manifest(made), made)
    found = index.search(query(dense=(1.0, *[0.0] * 7), sparse=SparseVector((), ())))
    assert ids(found) == [passage(number).id for number in (0, 1, 2)]
    assert [hit.dense_rank for hit in found] == [1, 2, 3]


def test_question_without_terms(index: AnyIndex) -> None:
    """Where the question has no terms the dense leg answers alone."""
    made = points(10)
    index.publish(manifest(made), made)
    found = index.search(query(sparse=SparseVector((), ())))
    assert [hit.dense_rank for hit in found] == [1, 2, 3, 4, 5]
    assert {hit.lexical_rank for hit in found} == {None}


def test_filters_narrow_both_legs(index: AnyIndex) -> None:
    """A filter holds for candidates, so that ranks count among what matches; all fields must match."""
    made = points(60)
    index.publish(manifest(made), made)
    both = {"source": ("파일0.md", "파일2.md"), "title": ("제목 1",)}
    matching = [p for p in made if p.passage.source != "파일1.md" and p.passage.title == "제목 1"]
    asked = query(filters=both, limit=50, candidates=50)
    dense, lexical = expected_ranks(matching, asked)
    found = index.search(asked)
    assert {hit.passage.id: hit.dense_rank for hit in found} == dense
    assert {hit.passage.id: hit.lexical_rank for hit in found if hit.lexical_rank} == lexical
    assert index.search(query(filters={"source": ("없는 파일.md",)})) == []


def test_unknown_filter(index: AnyIndex) -> None:
    """A filter on anything else is refused with the fields that there are."""
    made = points(3)
    index.publish(manifest(made), made)
    with pytest.raises(UnknownFilterError, match="source, title"):
        index.search(query(filters={"text": ("a",)}))
