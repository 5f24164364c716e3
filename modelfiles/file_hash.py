"""A file's sha256: computed once, then remembered by size and time of change."""

import errno
import hashlib
from pathlib import Path

import msgspec

from modelfiles.progress import Progress

_BLOCK = 1 << 20
_RECORDS = ".checked"
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


class Record(msgspec.Struct, frozen=True):
    """What a file was when it was hashed; as long as size and time of change are the same, so is the hash."""

    size: int
    mtime_ns: int
    sha256: str


def file_hash(path: Path, progress: Progress) -> str:
    """A file's sha256 in hexadecimal: the remembered one, or computed and from now on remembered.

    In a folder that can't be written to it is computed each time.

    Raises:
        OSError: the file can't be read, or the record beside it can't be written though it should.
    """
    if (known := remembered(path)) is not None:
        return known
    sha256 = compute(path, progress)
    try:
        remember(path, sha256)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
    return sha256


def compute(path: Path, progress: Progress) -> str:
    """A file's sha256 in hexadecimal, whatever is remembered of it.

    Raises:
        OSError: it can't be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file, progress.bar("checking", path.stat().st_size) as advance:
        while block := file.read(_BLOCK):
            digest.update(block)
            advance(len(block))
    return digest.hexdigest()


def remembered(path: Path) -> str | None:
    """The sha256 that the file had when it was hashed, if it hasn't changed since. Reads only its record."""
    try:
        record = msgspec.json.decode(_record_path(path).read_bytes(), type=Record)
        return record.sha256 if record == _record(path, record.sha256) else None
    except (OSError, msgspec.DecodeError):
        # No file, no record or a broken one: not known, so it will be hashed.
        return None


def remember(path: Path, sha256: str) -> None:
    """Keep in mind what the file's sha256 is, as it is now."""
    record = _record_path(path)
    record.parent.mkdir(exist_ok=True)
    record.write_bytes(msgspec.json.encode(_record(path, sha256)))


def forget(path: Path) -> None:
    """Make sure that the file is hashed again."""
    _record_path(path).unlink(missing_ok=True)


def _record(path: Path, sha256: str) -> Record:
    stat = path.stat()
    return Record(stat.st_size, stat.st_mtime_ns, sha256)


def _record_path(path: Path) -> Path:
    return path.parent / _RECORDS / f"{path.name}.json"
