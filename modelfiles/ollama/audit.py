"""Who changed the model that answers, when and to what: a line for each try in `audit/models.jsonl`."""

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from modelfiles.ollama.errors import AuditError

AskedBy = Literal["futfut-convert", "admin"]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One swap or return, or what was tried of it. Digests are Ollama's; `reason` says why it failed."""

    when: datetime
    asked_by: AskedBy
    action: Literal["use", "rollback"]
    asked_for: str
    result: Literal["live", "failed"]
    seconds: dict[str, float]
    from_name: str | None = None
    from_digest: str | None = None
    to_name: str | None = None
    to_digest: str | None = None
    level: str | None = None
    beside_each_other: bool | None = None
    reason: str | None = None


def write_entry(home: Path, entry: Entry, happened: str) -> None:
    """Append a line, and see it onto the disk.

    Raises:
        AuditError: it can't be written; says what `happened` all the same.
    """
    path = home / "audit" / "models.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise AuditError(path, error.strerror or str(error), happened) from error


def read_entries(home: Path) -> list[Entry]:
    """Every entry, oldest first; none if nothing was ever swapped.

    Raises:
        OSError: the file can't be read.
        msgspec.MsgspecError: a line of it isn't an entry.
    """
    path = home / "audit" / "models.jsonl"
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Entry) for line in path.read_bytes().splitlines()]
