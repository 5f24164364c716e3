"""What holds of every index, embedded or on a server."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pytest

from server.domain import Hit, HybridQuery, Point, SparseVector
from server.errors import IndexDamagedError, IndexMismatchError, IndexMissingError, UnknownFilterError
from server.index import Compatibility, EdgeIndex
from server.index.remote import QdrantIndex
from tests.contract.qdrant_http import QdrantHttp
from tests.contract.samples import COMPATIBLE, FINGERPRINT, dot, manifest, passage, points, query

AnyIndex = EdgeIndex | QdrantIndex


@dataclass
class Store:
    """Where generations are kept: opens indexes on it, and lists the generations that it holds."""

    open: Callable[[Compatibility | None], AnyIndex]
    generations: Callable[[], set[str]]


@pytest.fixture(params=["edge", "qdrant over HTTP"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: list[AnyIndex] = []
    if request.param == "edge":

        def edge(compatible_with: Compatibility | None) -> AnyIndex:
            opened.append(EdgeIndex(tmp_path, compatible_with=compatible_with))
            return opened[-1]

        yield Store(edge, lambda: {folder.name for folder in (tmp_path / "generations").iterdir()})
    else:
        with QdrantHttp() as server:

            def remote(compatible_with: Compatibility | None) -> AnyIndex:
                opened.append(
                    QdrantIndex.connect(server.url, api_key=None, timeout=5, compatible_with=compatible_with)
                )
                return opened[-1]

            def collections() -> set[str]:
                names = [collection.name for collection in server.local.get_collections().collections]
                return {name.removeprefix("futfut-") for name in names}

            yield Store(remote, collections)
    for index in opened:
        index.close()


@pytest.fixture
def index(store: Store) -> AnyIndex:
    return store.open(COMPATIBLE)


def ids(hits: list[Hit]) -> list[str]:
    return [hit.passage.id for hit in hits]


def editions(hits: list[Hit]) -> set[str]:
    """Which of the indexed editions the hits come from."""
    return {hit.passage.text.split()[0] for hit in hits}


def test_nothing_published(index: AnyIndex) -> None:
    """Before the first generation there is no manifest, and a search says how to build one."""
    assert index.manifest() is None
    with pytest.raises(IndexMissingError, match="futfut index"):
        index.search(query())


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


def test_publishing_shows_nothing_before_its_end(store: Store, index: AnyIndex) -> None:
    """While a second generation is written the first answers; then the second does, in every instance."""
    first, second = points(20), points(25, edition="나중", seed=9)
    index.publish(manifest(first), first)
    reader = store.open(COMPATIBLE)

    def written() -> Iterator[Point]:
        for number, point in enumerate(second):
            if number in (0, 12, 24):
                assert editions(index.search(query())) == {"처음"}
                assert editions(reader.search(query())) == {"처음"}
            yield point

    later = manifest(second)
    index.publish(later, written())
    assert index.manifest() == reader.manifest() == later
    assert editions(index.search(query())) == {"나중"}
    until(lambda: editions(reader.search(query())) == {"나중"})


def until(condition: Callable[[], bool]) -> None:
    """Wait, for seconds at most, until a condition holds."""
    pause = threading.Event()
    for _ in range(300):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it never came to hold")


def test_failed_publishing_changes_nothing(store: Store, index: AnyIndex) -> None:
    """If the points break off, or fewer arrive than the manifest says, the live generation stays alone."""
    made = points(10)
    live = manifest(made)
    index.publish(live, made)

    def broken() -> Iterator[Point]:
        yield from islice(made, 5)
        raise RuntimeError("out of points")

    with pytest.raises(RuntimeError, match="out of points"):
        index.publish(manifest(made), broken())
    with pytest.raises(IndexDamagedError, match="9 of 10 passages"):
        index.publish(manifest(made), made[:9])
    assert index.manifest() == live
    assert len(index.search(query())) == 5
    assert store.generations() == {live.generation}


def test_only_the_generation_before_is_kept(store: Store, index: AnyIndex) -> None:
    """After a switch the live generation and the one before it are there, older ones are gone."""
    published = []
    for _ in range(4):
        made = points(3)
        published.append(manifest(made))
        index.publish(published[-1], made)
    assert store.generations() == {last.generation for last in published[-2:]}


@pytest.mark.parametrize("part", ["encoder", "terms"])
def test_mismatch_is_refused_with_the_command(store: Store, part: str) -> None:
    """A generation of another encoder or other terms isn't searched; its manifest can still be read."""
    made = points(3)
    other = manifest(made, replace(FINGERPRINT, **{part: "another"}))
    store.open(None).publish(other, made)
    index = store.open(COMPATIBLE)
    with pytest.raises(IndexMismatchError, match=rf"{part} another, but {part}-1 .*futfut index"):
        index.search(query())
    assert index.manifest() == other
    assert len(store.open(None).search(query())) == 3


def test_open_generation_outlives_a_mismatch(
    store: Store, index: AnyIndex, caplog: pytest.LogCaptureFixture
) -> None:
    """If what is published later doesn't fit, what is open goes on answering, with one warning."""
    first, second, third = points(5), points(5, edition="다른"), points(5, edition="나중")
    index.publish(manifest(first), first)
    assert editions(index.search(query())) == {"처음"}
    builder = store.open(None)
    builder.publish(manifest(second, replace(FINGERPRINT, encoder="another")), second)
    until(lambda: editions(index.search(query())) == {"처음"} and len(caplog.records) > 0)
    for _ in range(5):
        assert editions(index.search(query())) == {"처음"}
    (warning,) = caplog.records
    assert "another" in warning.getMessage()
    assert index.answering().fingerprint == FINGERPRINT
    live = index.manifest()
    assert live is not None
    assert live.fingerprint.encoder == "another"
    builder.publish(manifest(third), third)
    until(lambda: editions(index.search(query())) == {"나중"})


def test_searches_never_fail_while_generations_change(store: Store, index: AnyIndex) -> None:
    """Through 20 publications, searches on several threads and instances each see one whole generation."""
    made = points(40)
    index.publish(manifest(made), made)
    stop = threading.Event()
    failures: list[BaseException] = []
    counts: list[int] = []

    def search(reader: AnyIndex) -> None:
        done = 0
        try:
            while not stop.wait(0.002):  # leave the publisher some of the processor
                found = reader.search(query(done))
                assert len(found) == 5
                assert len(editions(found)) == 1
                done += 1
        except BaseException as error:  # noqa: BLE001 - it fails the test, on the test's own thread
            failures.append(error)
        counts.append(done)

    other = store.open(COMPATIBLE)
    threads = [threading.Thread(target=search, args=(reader,)) for reader in (index, other, other)]
    for thread in threads:
        thread.start()
    for number in range(20):
        edition = points(40, edition=f"{number}판", seed=number)
        index.publish(manifest(edition), edition)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(counts) > 20
    assert len(store.generations()) == 2
