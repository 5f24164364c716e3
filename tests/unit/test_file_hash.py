"""A file's hash: computed once, remembered, and told also where nothing can be written."""

import errno
import hashlib
from pathlib import Path

import pytest

from modelfiles.file_hash import file_hash, remembered
from modelfiles.progress import Unseen

SHA256 = hashlib.sha256(b"futsal").hexdigest()


def test_remembered_until_it_changes(tmp_path: Path) -> None:
    """The second time nothing is read; a changed file is hashed anew."""
    path = tmp_path / "file"
    path.write_bytes(b"futsal")
    assert file_hash(path, Unseen()) == SHA256 == remembered(path)
    path.write_bytes(b"changed")
    assert remembered(path) is None
    assert file_hash(path, Unseen()) == hashlib.sha256(b"changed").hexdigest()


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES])
def test_a_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int) -> None:
    """The hash is told, and not remembered; a disk that is full is another matter."""
    path = tmp_path / "file"
    path.write_bytes(b"futsal")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(reason, "no writing here")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert file_hash(path, Unseen()) == SHA256
    assert remembered(path) is None
    reason = errno.ENOSPC
    with pytest.raises(OSError, match="no writing here"):
        file_hash(path, Unseen())
