"""Generations of the embedded index on disk, and the pointer that says which one is live.

    folder/
      current                    the name of the live generation
      generations/<name>/shard/  the engine's files
      generations/<name>/manifest.json

The manifest is written last, so a generation without one is what a killed build left. The pointer is
replaced by a rename, after everything it points to has reached the disk: it names a complete generation at
every moment.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from server.domain import Manifest
from server.errors import IndexDamagedError


class Generations:
    """The folder of one embedded index. Readers are many; only one process may write at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pointer = folder / "current"
        self._generations = folder / "generations"

    def version(self) -> tuple[int, int] | None:
        """Changes whenever the pointer is replaced; None before the first generation. One `stat`."""
        try:
            stat = self._pointer.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_ino

    def current(self) -> str | None:
        """The live generation's name; None before the first."""
        try:
            return self._pointer.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def shard(self, name: str) -> Path:
        """Where a generation's engine files are."""
        return self._generations / name / "shard"

    def manifest(self, name: str) -> Manifest:
        """A generation's manifest.

        Raises:
            IndexDamagedError: it is missing or can't be read.
        """
        path = self._generations / name / "manifest.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Manifest)
        except (OSError, msgspec.DecodeError) as error:
            raise IndexDamagedError(str(path.parent), f"its manifest can't be read ({error})") from error

    def live(self) -> Manifest | None:
        """The live generation's manifest; None before the first.

        Raises:
            IndexDamagedError: it is missing or can't be read.
        """
        while (name := self.current()) is not None:
            try:
                return self.manifest(name)
            except IndexDamagedError:
                if self.current() == name:  # else two builds since the pointer was read have removed it
                    raise
        return None

    def begin(self, name: str) -> Path:
        """Make the folder for a new generation's engine files, once what killed builds left is gone."""
        for left_over in self._all():
            if not (left_over / "manifest.json").exists():
                _remove(left_over)
        shard = self.shard(name)
        shard.mkdir(parents=True)
        return shard

    def commit(self, manifest: Manifest) -> None:
        """Make a finished generation live, and remove all but it and the one before.

        The one before is kept for readers that have read the pointer and not yet opened what it named; those
        that have older ones open keep them, for an open file outlives its name.
        """
        new = self._generations / manifest.generation
        (new / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        _sync_tree(new)
        _sync(self._generations)
        previous = self.current()
        next_pointer = self._folder / "current.new"
        next_pointer.write_text(f"{manifest.generation}\n", encoding="utf-8")
        _sync(next_pointer)
        next_pointer.replace(self._pointer)
        _sync(self._folder)
        for generation in self._all():
            if generation.name not in (manifest.generation, previous):
                _remove(generation)

    def abandon(self, name: str) -> None:
        """Remove a generation that couldn't be finished."""
        _remove(self._generations / name)

    def _all(self) -> Iterator[Path]:
        if self._generations.is_dir():
            yield from list(self._generations.iterdir())


def _remove(generation: Path) -> None:
    # A reader that closes it just now may be writing into it: what is left then is removed by the next build.
    shutil.rmtree(generation, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    for here, _, files in os.walk(folder):
        for name in files:
            _sync(Path(here, name))
        _sync(Path(here))


def _sync(path: Path) -> None:
    """Bring a file's content, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
