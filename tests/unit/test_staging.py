"""The folder where a file is put together: one process holds it, at any moment."""

import fcntl
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from convert import staging
from convert.errors import DiskFullError, FetchBusyError
from convert.staging import staging_folder

FILE = "small-f16.gguf"


def folder_of(models_dir: Path) -> Path:
    return models_dir / ".fetching" / FILE


def write_half(part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(b"half")
    raise DiskFullError(part, 8, "No space left on device")


def require_held(models_dir: Path, folder: Path) -> None:
    """What `staging_folder` gave is there, and nobody else can have it."""
    assert folder == folder_of(models_dir)
    assert folder.is_dir()
    with pytest.raises(FetchBusyError), staging_folder(models_dir, FILE):
        pass


def test_it_goes_when_the_work_is_done(tmp_path: Path) -> None:
    """With all that is in it; after a failure it stays, and the next one finds what was in it."""
    with pytest.raises(DiskFullError), staging_folder(tmp_path, FILE) as folder:
        write_half(folder / "hub" / "part")
    with staging_folder(tmp_path, FILE) as folder:
        require_held(tmp_path, folder)
        assert (folder / "hub" / "part").read_bytes() == b"half"
        (folder / "whole").write_bytes(b"all")
    assert list(folder.parent.iterdir()) == []


def test_the_first_ends_when_the_second_opens_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that the second has found is gone before it opens the lock in it: it gets one of its own."""
    with ExitStack() as first:
        first.enter_context(staging_folder(tmp_path, FILE))
        opened = Path.open

        def open_after_the_end(path: Path, mode: str) -> IO[str]:
            monkeypatch.undo()
            first.close()
            return opened(path, mode)

        monkeypatch.setattr(Path, "open", open_after_the_end)
        with staging_folder(tmp_path, FILE) as folder:
            require_held(tmp_path, folder)


def test_the_first_ends_when_the_second_has_opened_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock that the second takes is no longer that of the folder: it takes the new one."""
    with ExitStack() as first:
        first.enter_context(staging_folder(tmp_path, FILE))

        def flock_after_the_end(file: IO[str], operation: int) -> None:
            monkeypatch.undo()
            first.close()
            fcntl.flock(file, operation)

        slow = SimpleNamespace(flock=flock_after_the_end, LOCK_EX=fcntl.LOCK_EX, LOCK_NB=fcntl.LOCK_NB)
        monkeypatch.setattr(staging, "fcntl", slow)
        with staging_folder(tmp_path, FILE) as folder:
            require_held(tmp_path, folder)


def test_the_second_begins_while_the_first_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the end of the lock and that of the folder: the second has the folder, the first ends well."""
    removed = Path.rmdir
    with ExitStack() as second:

        def rmdir_too_late(path: Path) -> None:
            monkeypatch.undo()
            second.enter_context(staging_folder(tmp_path, FILE))
            removed(path)

        with staging_folder(tmp_path, FILE):
            monkeypatch.setattr(Path, "rmdir", rmdir_too_late)
        require_held(tmp_path, folder_of(tmp_path))
