"""A made file's way into place: whole, with its recipe, and never over somebody's own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from convert.errors import DiskFullError, FetchBusyError, ForeignFileError
from convert.making import making, require_own
from convert.recipe import is_fresh

OLD, NEW = {"source": "old"}, {"source": "new"}

# Killed when all is written, the record too, and only the rename is missing.
KILLED_BEFORE_THE_RENAME = """
import os, signal, sys
from pathlib import Path
import convert.making

convert.making.put_in_place = lambda part, path: os.kill(os.getpid(), signal.SIGKILL)
with convert.making.making(Path(sys.argv[1]), {"source": "new"}) as part:
    part.write_bytes(b"new")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "small-q8_0.gguf"


def make(path: Path, recipe: dict[str, str], content: bytes) -> None:
    with making(path, recipe) as part:
        part.write_bytes(content)


def write_half(part: Path) -> None:
    part.write_bytes(b"half")
    raise DiskFullError(part, 8, "No space left on device")


def test_it_is_there_with_its_recipe(path: Path) -> None:
    """While it is made nothing is there; then it is, fresh, and what it was put together in is gone."""
    with making(path, NEW) as part:
        part.write_bytes(b"new")
        assert part.name == path.name
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert is_fresh(path, NEW)
    assert not is_fresh(path, OLD)
    assert not part.parent.exists()


def test_a_failure_changes_nothing(path: Path) -> None:
    """The earlier file stays, as fresh as it was, and nothing half-made with it."""
    make(path, OLD, b"old")
    with pytest.raises(DiskFullError), making(path, NEW) as part:
        write_half(part)
    assert path.read_bytes() == b"old"
    assert is_fresh(path, OLD)
    assert not part.exists()


@pytest.mark.parametrize("earlier", [None, b"old", b"new"])
def test_a_kill_before_the_rename(path: Path, earlier: bytes | None) -> None:
    """Nothing is thought fresh or foreign that isn't, and the next run makes the file."""
    if earlier is not None:
        make(path, OLD, earlier)
    process = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_RENAME, path], check=False)
    assert process.returncode == -signal.SIGKILL
    assert (path.read_bytes() if path.exists() else None) == earlier
    assert not is_fresh(path, NEW)
    require_own(path)
    with making(path, NEW) as part:
        assert not part.exists()
        part.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert is_fresh(path, NEW)


def test_what_was_not_made_here_is_left_alone(path: Path) -> None:
    """The error says what to do; done, the file is made."""
    path.write_bytes(b"the operator's own")
    with pytest.raises(ForeignFileError, match=r"wasn't made here.* move it away or remove it"):
        make(path, NEW, b"new")
    assert path.read_bytes() == b"the operator's own"
    path.rename(path.with_name("own.gguf"))
    make(path, NEW, b"new")
    assert is_fresh(path, NEW)


def test_what_was_changed_since_is_made_again(path: Path) -> None:
    """A file that was made here once may be replaced, even if its record can't be read any more."""
    make(path, NEW, b"new")
    path.write_bytes(b"cut")
    assert not is_fresh(path, NEW)
    make(path, NEW, b"new")
    (record,) = (path.parent / ".recipes").iterdir()
    record.write_bytes(b"{")
    assert not is_fresh(path, NEW)
    make(path, NEW, b"new")
    assert is_fresh(path, NEW)


def test_two_at_once(path: Path) -> None:
    """Who comes second is told, and takes nothing from the first."""
    with making(path, NEW) as part:
        part.write_bytes(b"new")
        with pytest.raises(FetchBusyError):
            make(path, OLD, b"old")
    assert path.read_bytes() == b"new"
