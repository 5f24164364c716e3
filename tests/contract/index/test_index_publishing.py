"""Generations are published whole or not at all, whatever the index."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import pytest

from server.domain import Point
from server.errors import IndexDamagedError, IndexMismatchError, IndexMissingError
from tests.contract.index.store import AnyIndex, Store, editions
from tests.contract.samples import COMPATIBLE, FINGERPRINT, manifest, points, query


def test_nothing_published(index: AnyIndex) -> None:
    """Before the first generation there is no manifest, and a search says how to build one."""
    assert index.manifest() is None
    with pytest.raises(IndexMissingError, match="futfut index"):
        index.search(query())


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
