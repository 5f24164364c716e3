"""Figures as they come: what was measured of the same bytes in the same way isn't measured again.

Each is a file of its own, written the moment it is known, so that a run which is stopped in its last hour
loses one figure, and levels that one run leaves out are still known to the next.
"""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from convert.verify.divergence import Divergence
from convert.verify.job import Tried, TryJob
from convert.verify.windows import Sample

_FOLDER = ".figures"
_Figure = TypeVar("_Figure", Divergence, Tried)


class Comparison(msgspec.Struct, frozen=True, tag=True):
    """What a divergence depends on: the sha256 of both files and of the text, and how much is measured."""

    reference: str
    level: str
    text: str
    sample: Sample


class Trial(msgspec.Struct, frozen=True, tag=True):
    """What speed and answers depend on: the model file's sha256, and the job wherever that file lies."""

    model: str
    job: TryJob


class Figures:
    """Figures in a folder, each under the digest of what it depends on; llama.cpp's version always counts."""

    def __init__(self, reports: Path, *, reuse: bool = True) -> None:
        """Keep them beside the reports; without `reuse` those that are there are measured again."""
        self._folder = reports / _FOLDER
        self._reuse = reuse
        self._engine = version("llama-cpp-python")

    def divergence(self, of: Comparison) -> Divergence | None:
        """A level's divergence, if it is known."""
        return self._read(self._path(of), Divergence)

    def tried(self, of: Trial) -> Tried | None:
        """A model's speed and answers, if they are known."""
        return self._read(self._path(_anywhere(of)), Tried)

    def keep_divergence(self, of: Comparison, found: Divergence) -> None:
        """Write a divergence down, in one step."""
        _write(self._path(of), found)

    def keep_tried(self, of: Trial, found: Tried) -> None:
        """Write speed and answers down, in one step."""
        _write(self._path(_anywhere(of)), found)

    def _read(self, path: Path, kind: type[_Figure]) -> _Figure | None:
        if not self._reuse:
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (OSError, msgspec.MsgspecError):
            # Not measured yet, or in a form that isn't known any more: it will be measured.
            return None

    def _path(self, of: Comparison | Trial) -> Path:
        said = msgspec.json.encode((self._engine, of), enc_hook=str)
        return self._folder / f"{hashlib.sha256(said).hexdigest()}.json"


def _anywhere(of: Trial) -> Trial:
    return replace(of, job=replace(of.job, model=Path()))


def _write(path: Path, found: Divergence | Tried) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(msgspec.json.encode(found))
    unfinished.replace(path)
