"""What a snapshot's folder is known to hold: a record beside its files, renewed when they are all there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import msgspec

from convert.fetching.repository_files import SnapshotPlan
from convert.staging import put_in_place

_RECORD = ".snapshot.json"


class _Stat(msgspec.Struct, frozen=True):
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        stat = path.stat()
        return cls(stat.st_size, stat.st_mtime_ns)


class SnapshotRecord(msgspec.Struct, frozen=True):
    """The commit whose files lie in the folder, or are on their way into it.

    `arrived` is empty until all are there; then it tells what each file was when it had been checked.
    `names` are all files that were ever put there, of earlier commits as well.
    """

    plan: SnapshotPlan
    names: frozenset[str]
    arrived: Mapping[str, _Stat] = {}

    def is_complete(self, folder: Path) -> bool:
        """Whether every file is there as it was when it was checked. Reads no file."""
        try:
            return bool(self.arrived) and all(
                _Stat.of(folder / name) == stat for name, stat in self.arrived.items()
            )
        except OSError:
            return False


def read_record(folder: Path) -> SnapshotRecord | None:
    """The folder's record; None if there is none that can be read, so that every file is looked at again."""
    try:
        return msgspec.json.decode((folder / _RECORD).read_bytes(), type=SnapshotRecord)
    except (OSError, msgspec.DecodeError):
        return None


def write_begun(folder: Path, plan: SnapshotPlan, earlier: SnapshotRecord | None) -> None:
    """Note which files are going to be in the folder, before the first one is."""
    names = {file.name for file in plan.files} | (earlier.names if earlier else frozenset())
    _write(folder, SnapshotRecord(plan, frozenset(names)))


def write_complete(folder: Path, plan: SnapshotPlan) -> None:
    """Note that every file is there and right."""
    arrived = {file.name: _Stat.of(folder / file.name) for file in plan.files}
    _write(folder, SnapshotRecord(plan, frozenset(arrived), arrived))


def _write(folder: Path, record: SnapshotRecord) -> None:
    part = folder / f"{_RECORD}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(record, order="sorted")))
    put_in_place(part, folder / _RECORD)
