"""Is a file the pinned one? Hashed once, then remembered."""

from pathlib import Path

from convert.errors import ChecksumError
from modelfiles import file_hash
from modelfiles.catalog import Artifact
from modelfiles.progress import Progress


def is_known_right(path: Path, artifact: Artifact) -> bool:
    """Whether the file was found right before and hasn't changed since. Reads no more than its record."""
    return file_hash.remembered(path) == artifact.sha256


def check(path: Path, artifact: Artifact, progress: Progress) -> None:
    """Hash a file, whatever is remembered of it.

    Raises:
        ChecksumError: it isn't the pinned file.
        OSError: it can't be read.
    """
    if (actual := file_hash.compute(path, progress)) != artifact.sha256:
        raise ChecksumError(path, artifact.sha256, actual)


def remember_right(path: Path, artifact: Artifact) -> None:
    """Keep in mind that the file, as it is now, is the pinned one."""
    file_hash.remember(path, artifact.sha256)


def forget(path: Path) -> None:
    """Make sure that the file is hashed again."""
    file_hash.forget(path)
