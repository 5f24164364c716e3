"""Is a file that was made here still what would be made now? Decided by what it was made from.

Beside a made file lies a record of its recipe: the sha256 of everything that went into it, and the settings.
As long as the recipe is the same and the file hasn't been touched, nothing has to be made again.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

_RECORDS = ".recipes"

# What decides a file's bytes, by name: sha256 of inputs, levels, versions of what makes it.
Recipe = Mapping[str, str]


class _Record(msgspec.Struct, frozen=True):
    recipe: dict[str, str]
    size: int
    mtime_ns: int


def is_fresh(path: Path, recipe: Recipe) -> bool:
    """Whether `path` was made by this very recipe, and is still as it was then. Reads only the record."""
    record = _read(path)
    return record is not None and record.recipe == dict(recipe)


def recipe_of(path: Path) -> dict[str, str] | None:
    """The recipe that a file was made by; None if it is unknown, or the file has been changed since."""
    record = _read(path)
    return None if record is None else record.recipe


def has_record(path: Path) -> bool:
    """Whether a file of this name has ever been made here, whatever has become of it."""
    return _record_path(path).exists()


def remember_recipe(path: Path, recipe: Recipe, *, made: Path) -> None:
    """Keep in mind how a file was made that will be `path`, and is `made` until it is renamed."""
    stat = made.stat()
    record = _record_path(path)
    record.parent.mkdir(exist_ok=True)
    with record.open("wb") as file:
        file.write(msgspec.json.encode(_Record(dict(recipe), stat.st_size, stat.st_mtime_ns)))
        file.flush()
        # It must not be lost in a power cut that the renamed file survives.
        os.fsync(file.fileno())


def _read(path: Path) -> _Record | None:
    try:
        record = msgspec.json.decode(_record_path(path).read_bytes(), type=_Record)
        stat = path.stat()
    except (OSError, msgspec.DecodeError):
        # No file, no record or a broken one: not known, so it will be made.
        return None
    return record if (record.size, record.mtime_ns) == (stat.st_size, stat.st_mtime_ns) else None


def _record_path(path: Path) -> Path:
    return path.parent / _RECORDS / f"{path.name}.json"
