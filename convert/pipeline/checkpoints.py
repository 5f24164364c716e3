"""The weights that are converted: brought here if they aren't, and with an adapter its base."""

from pathlib import Path

import msgspec

from convert.checkpoint.adapter import is_adapter, open_adapter
from convert.checkpoint.open import ADAPTER
from convert.errors import NoAdapterError, NoBaseError
from convert.fetching.where_from import HubRepository, LocalFolder
from convert.pipeline.order import Place
from convert.to_gguf.metadata import Origin
from modelfiles.progress import Progress

_FOLDER = "checkpoints"


class Weights(msgspec.Struct, frozen=True):
    """A checkpoint's folder, that of an adapter to merge into it, and where what was asked for comes from."""

    checkpoint: Path
    adapter: Path | None
    origin: Origin | None


def bring_weights(place: Place, base: Place | None, home: Path, *, progress: Progress) -> Weights:
    """Make sure that a checkpoint is here; of an adapter, also the checkpoint that it was trained on.

    Raises:
        SnapshotError, HubUnreachableError, DiskSpaceError, FetchBusyError: it can't be fetched.
        AdapterError: it is an adapter that can't be used.
        NoBaseError: it is an adapter, and nobody says of what.
        NoAdapterError: it isn't one, and somebody says of what.
    """
    folder, origin = _bring(place, home, progress)
    if not is_adapter(folder):
        if base is not None:
            raise NoAdapterError(folder, str(base))
        if (folder / ADAPTER).is_file():
            progress.say(f"{folder.name}: beside its whole weights lies an adapter, which is left out")
        return Weights(folder, None, origin)
    adapter = open_adapter(folder)
    base = base or base_named(adapter.base_repository, adapter.base_revision)
    if base is None:
        raise NoBaseError(folder)
    progress.say(f"{folder.name}: an adapter of {base}; it is merged into it")
    return Weights(_bring(base, home, progress)[0], folder, origin)


def base_named(repository: str | None, revision: str | None) -> HubRepository | None:
    """The base that an adapter says it was trained on, if that is a repository."""
    return None if repository is None else HubRepository(repository, revision or "main")


def folder_of(repository: str, home: Path) -> Path:
    """Where a repository's snapshot is kept: `checkpoints/owner/name`."""
    return home / _FOLDER / repository


def _bring(place: Place, home: Path, progress: Progress) -> tuple[Path, Origin | None]:
    if isinstance(place, LocalFolder):
        return place.folder, None
    # huggingface-hub takes a second to import, which a folder of one's own needn't wait for.
    from convert.fetching.snapshot import fetch_snapshot  # noqa: PLC0415

    folder = folder_of(place.repository, home)
    folder.parent.mkdir(parents=True, exist_ok=True)
    snapshot = fetch_snapshot(place.repository, place.revision, folder, progress=progress)
    return snapshot.folder, Origin(snapshot.repository, snapshot.commit, snapshot.license)
