"""Is a file the pinned one? Hashed once, then remembered by size and time of change."""

import hashlib
from pathlib import Path

import msgspec

from convert.errors import ChecksumError
from convert.progress import Progress
from modelfiles.catalog import Artifact

_BLOCK = 1 << 20
_RECORDS = ".checked"


class Record(msgspec.Struct, frozen=True):
    """What a file was when it was hashed; as long as size and time of change are the same, so is the hash."""

    size: int
    mtime_ns: int
    sha256: str


def is_known_right(path: Path, artifact: Artifact) -> bool:
    """Whether the file was found right before and hasn't changed since. Reads no more than its record."""
    try:
        record = msgspec.json.decode(_record_path(path).read_bytes(), type=Record)
        return record == _record(path, artifact.sha256)
    except (OSError, msgspec.DecodeError):
        # No file, no record or a broken one: not known, so it will be hashed.
        return False


def check(path: Path, artifact: Artifact, progress: Progress) -> None:
    """Hash a file, whatever is remembered of it.

    Raises:
        ChecksumError: it isn't the pinned file.
        OSError: it can't be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file, progress.bar("checking", path.stat().st_size) as advance:
        while block := file.read(_BLOCK):
            digest.update(block)
            advance(len(block))
    if (actual := digest.hexdigest()) != artifact.sha256:
        raise ChecksumError(path, artifact.sha256, actual)


def remember_right(path: Path, artifact: Artifact) -> None:
    """Keep in mind that the file, as it is now, is the pinned one."""
    record = _record_path(path)
    record.parent.mkdir(exist_ok=True)
    record.write_bytes(msgspec.json.encode(_record(path, artifact.sha256)))


def forget(path: Path) -> None:
    """Make sure that the file is hashed again."""
    _record_path(path).unlink(missing_ok=True)


def _record(path: Path, sha256: str) -> Record:
    stat = path.stat()
    return Record(stat.st_size, stat.st_mtime_ns, sha256)


def _record_path(path: Path) -> Path:
    return path.parent / _RECORDS / f"{path.name}.json"
