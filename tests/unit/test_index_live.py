"""A value that is replaced while it is read."""

import logging
import threading
import weakref

import pytest

from modelfiles.errors import FutFutError
from server.errors import IndexUnreachableError
from server.index.live import Live


class Opened:
    """Something that is opened, known by its version."""

    def __init__(self, version: int) -> None:
        self.version = version


class Outside:
    """What `Live` looks at: a version that moves, and an opening that may fail or take its time."""

    def __init__(self) -> None:
        self.version: int | None = 1
        self.failure: FutFutError | None = None
        self.opened: list[int] = []
        self.may_open = threading.Event()
        self.may_open.set()
        self.opening = threading.Event()

    def open(self) -> Opened:
        """Open the newest, when it may be opened."""
        self.opening.set()
        assert self.may_open.wait(5)
        if self.failure is not None:
            raise self.failure
        assert self.version is not None
        self.opened.append(self.version)
        return Opened(self.version)


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def live(outside: Outside) -> Live[Opened]:
    return Live(lambda: outside.version, outside.open)


def test_opens_once_a_version(outside: Outside, live: Live[Opened]) -> None:
    """The same version is opened once, another one as soon as it is there."""
    assert [live.get().version for _ in range(3)] == [1, 1, 1]
    outside.version = 2
    assert [live.get().version for _ in range(3)] == [2, 2, 2]
    assert outside.opened == [1, 2]


def test_failure_with_nothing_open_is_raised_every_time(outside: Outside, live: Live[Opened]) -> None:
    """Without a value the error is the reader's, and the next reader tries again."""
    outside.failure = FutFutError("nothing there")
    for _ in range(2):
        with pytest.raises(FutFutError, match="nothing there"):
            live.get()
    outside.failure = None
    assert live.get().version == 1


def test_failure_keeps_the_old_value(
    outside: Outside, live: Live[Opened], caplog: pytest.LogCaptureFixture
) -> None:
    """If the new version can't be opened the old value stays, with one warning, until it moves again."""
    live.get()
    outside.version, outside.failure = 2, FutFutError("unsuitable")
    with caplog.at_level(logging.WARNING):
        assert [live.get().version for _ in range(3)] == [1, 1, 1]
    assert [record.getMessage().endswith("unsuitable") for record in caplog.records] == [True]
    outside.version, outside.failure = 3, None
    assert live.get().version == 3


def test_unreachable_version_is_tried_again(outside: Outside, live: Live[Opened]) -> None:
    """A server that fails just while the new version is opened costs a moment of the old one, no more."""
    live.get()
    outside.version, outside.failure = 2, IndexUnreachableError("http://qdrant", "timed out")
    assert live.get().version == 1
    outside.failure = None
    assert live.get().version == 2


def test_vanished_version_keeps_the_old_value(outside: Outside, live: Live[Opened]) -> None:
    """If there is nothing outside any more, what is open stays."""
    live.get()
    outside.version = None
    assert live.get().version == 1


def test_readers_go_on_while_one_opens(outside: Outside, live: Live[Opened]) -> None:
    """While one thread opens the new version, others get the old one without waiting."""
    live.get()
    outside.version = 2
    outside.may_open.clear()
    outside.opening.clear()
    got: list[int] = []
    opener = threading.Thread(target=lambda: got.append(live.get().version))
    opener.start()
    assert outside.opening.wait(5)
    assert live.get().version == 1
    outside.may_open.set()
    opener.join()
    assert got == [2]
    assert live.get().version == 2


def test_first_readers_share_one_opening(outside: Outside, live: Live[Opened]) -> None:
    """Readers that come before there is a value wait for one opening."""
    outside.may_open.clear()
    got: list[Opened] = []
    readers = [threading.Thread(target=lambda: got.append(live.get())) for _ in range(4)]
    for reader in readers:
        reader.start()
    assert outside.opening.wait(5)
    outside.may_open.set()
    for reader in readers:
        reader.join()
    assert outside.opened == [1]
    assert len({id(value) for value in got}) == 1


def test_old_value_goes_with_its_last_reader(outside: Outside, live: Live[Opened]) -> None:
    """A replaced value lives as long as a reader holds it, and no longer."""
    held = live.get()
    gone = weakref.ref(held)
    outside.version = 2
    live.get()
    assert gone() is held
    del held
    assert gone() is None


def test_forgotten_value_is_opened_again(outside: Outside, live: Live[Opened]) -> None:
    """After `forget` the next reader opens what is newest."""
    live.get()
    live.forget()
    assert live.get().version == 1
    assert outside.opened == [1, 1]
