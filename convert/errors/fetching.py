"""What can go wrong while files are fetched."""

from collections.abc import Sequence
from pathlib import Path

from modelfiles.errors import FutFutError


class ChecksumError(FutFutError):
    """A file's bytes aren't the pinned ones. Hashes are sha256, in hexadecimal."""

    def __init__(self, path: Path, expected: str, actual: str) -> None:
        self.path = path
        self.expected = expected
        self.actual = actual
        super().__init__(
            f"{path.name} is not the pinned file: its sha256 should be {expected}, but is {actual}. "
            f"Replace it with: futfut-convert fetch"
        )


class SourceError(FutFutError):
    """One source can't give a file; the next one is tried."""

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"{source}: {reason}")


class FetchError(FutFutError):
    """No source could give a file. `failures` has (source, reason) in the order they were tried."""

    def __init__(self, file: str, failures: Sequence[tuple[str, str]]) -> None:
        self.file = file
        self.failures = tuple(failures)
        reasons = "; ".join(f"{source}: {reason}" for source, reason in self.failures)
        super().__init__(
            f"{file} can't be fetched. {reasons}. What has arrived is kept, and the same command continues."
        )


class DiskSpaceError(FutFutError):
    """There isn't room for what is to be fetched or made. Sizes are in bytes."""

    def __init__(self, folder: Path, needed: int, free: int) -> None:
        self.folder = folder
        self.needed = needed
        self.free = free
        super().__init__(
            f"{folder} has {free / 1e6:,.0f} MB free, but {needed / 1e6:,.0f} MB are needed. "
            f"Free {(needed - free) / 1e6:,.0f} MB, or name a home on another disk with --home."
        )


class FetchBusyError(FutFutError):
    """Another process is fetching or making the same file or folder."""

    def __init__(self, file: str, lock: Path) -> None:
        self.file = file
        self.lock = lock
        super().__init__(
            f"Another process is at work on {file} (it holds {lock}). Wait for it, then try again."
        )


class NotFetchedError(FutFutError):
    """A file is needed that hasn't been fetched."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        super().__init__(f"There is no {path}. Fetch it with: futfut-convert fetch {name}")


class NotBuiltError(FutFutError):
    """A file is needed that can't be fetched, only built. `how` says in words how."""

    def __init__(self, name: str, how: str) -> None:
        self.name = name
        self.how = how
        super().__init__(f"{name} can't be fetched. {how}")


class WhereFromError(FutFutError):
    """What was given as a checkpoint's place is neither a folder nor a repository's name."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason
        super().__init__(
            f"'{text}' {reason}. Give a folder that is there (./my-model), or a repository of the hub as "
            f"owner/name or owner/name@revision."
        )


class SnapshotError(FutFutError):
    """A repository of the hub can't be had at this revision. `reason` says why, and what to do."""

    def __init__(self, repository: str, revision: str, reason: str) -> None:
        self.repository = repository
        self.revision = revision
        self.reason = reason
        super().__init__(f"{repository}@{revision} can't be fetched: {reason}.")


class HubUnreachableError(SnapshotError):
    """The hub can't be asked, now or at all. What has arrived is kept."""
