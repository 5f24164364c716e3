"""Look at what is there and what the hub has, so that a plan can be made. Nothing is fetched or written."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec

from convert.checkpoint.adapter import is_adapter, open_adapter
from convert.checkpoint.open import ADAPTER, open_checkpoint
from convert.errors import CheckpointError, HubUnreachableError, NoAdapterError, NoBaseError, SnapshotError
from convert.fetching.where_from import HubRepository, LocalFolder, is_repository
from convert.pipeline.checkpoints import folder_of
from convert.pipeline.means import Means
from convert.pipeline.order import Order, Place
from convert.pipeline.plan import Task
from convert.pipeline.weights import weights_of
from convert.quantize.levels import LEVELS
from convert.recipe import recipe_of
from convert.verify.report import read_report
from modelfiles.errors import FutFutError
from modelfiles.ollama import Registry
from modelfiles.progress import Progress


class _Seen(msgspec.Struct, frozen=True):
    """A place's descriptions, the bytes of its weights, and what of it has still to come from the hub.

    `adapter` is None where the weights are whole.
    """

    place: Place
    config: dict[str, Any] | None
    adapter: dict[str, Any] | None
    weights_size: int
    to_fetch: int | None


def survey(order: Order, means: Means, *, registers: bool, progress: Progress) -> Task:
    """What is known of the work before it begins.

    Args:
        order: what is to be made.
        means: how.
        registers: whether Ollama is to have the levels. What it has already isn't asked: see `registered`.
        progress: told if the hub is slow, or files of unknown origin are hashed.

    Raises:
        SnapshotError, HubUnreachableError: the repository can't be used or asked.
        CheckpointError, AdapterError: the folder can't be converted.
        NoBaseError, NoAdapterError: it is an adapter, and nobody says of what; or the other way round.
    """
    home = means.home
    parts = [_look(order.place, home, progress)]
    if parts[0].adapter is not None:
        parts.insert(0, _look(order.base or _base_of(parts[0], home), home, progress))
    elif order.base is not None:
        raise NoAdapterError(_folder(order.place, home), str(order.base))
    fetched = [part.to_fetch for part in parts if part.to_fetch is not None]
    # With new weights everything is made anew.
    there = frozenset() if sum(fetched) else _there(order, home / "models")
    report = read_report(home / "reports" / f"{order.name}.json")
    return Task(
        model=order.name,
        weights=_weights(parts[0]),
        checkpoint_size=sum(part.weights_size for part in parts),
        to_fetch=sum(fetched) if fetched else None,
        exact=order.output,
        levels=order.levels,
        bits={level: LEVELS[level].bits_per_weight for level in (order.output, *order.levels)},
        fresh=there,
        verified=there & {row.level for row in report.rows} if report else frozenset(),
        registers=registers,
        scored=means.sample.tokens,
        cores=means.threads or os.cpu_count() or 1,
    )


def registered(task: Task, registry: Registry) -> frozenset[str]:
    """The levels that Ollama has as their files and Modelfiles are now.

    Raises:
        OllamaError: it can't be asked.
    """
    return frozenset(level for level in task.levels if level in task.fresh and _has(registry, task, level))


def _has(registry: Registry, task: Task, level: str) -> bool:
    try:
        source = registry.locate(f"{task.model}-{level}")
    except FutFutError:
        return False  # its Modelfile isn't there yet, or can't be read: told when it is registered
    return registry.current(source) is not None


def _folder(place: Place, home: Path) -> Path:
    return place.folder if isinstance(place, LocalFolder) else folder_of(place.repository, home)


def _look(place: Place, home: Path, progress: Progress) -> _Seen:
    if isinstance(place, LocalFolder):
        return _seen_here(place, place.folder, to_fetch=None)
    # huggingface-hub takes a second to import, which a folder of one's own needn't wait for.
    from convert.fetching.snapshot import complete_snapshot, last_snapshot, missing, snapshot_size  # noqa: PLC0415

    folder = folder_of(place.repository, home)
    if complete_snapshot(place.repository, place.revision, folder):
        return _seen_here(place, folder, to_fetch=0)
    try:
        listed = snapshot_size(place.repository, place.revision)
    except HubUnreachableError:
        if last_snapshot(place.repository, place.revision, folder):
            return _seen_here(place, folder, to_fetch=0)
        raise
    to_fetch = sum(file.size for file in missing(listed, folder, progress=progress))
    adapter = None if listed.has_whole_weights else listed.adapter
    return _Seen(place, listed.config, adapter, listed.weights_size, to_fetch)


def _seen_here(place: Place, folder: Path, *, to_fetch: int | None) -> _Seen:
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    # Opened as for its conversion, so that whatever is wrong with it is told now.
    if is_adapter(folder):
        open_adapter(folder)
        return _Seen(place, None, json.loads((folder / ADAPTER).read_bytes()), size, to_fetch)
    return _Seen(place, open_checkpoint(folder).config, None, size, to_fetch)


def _base_of(adapter: _Seen, home: Path) -> HubRepository:
    config = adapter.adapter or {}
    named = str(config.get("base_model_name_or_path") or "")
    if not is_repository(named):
        raise NoBaseError(_folder(adapter.place, home))
    return HubRepository(named, str(config.get("revision") or "main"))


def _weights(seen: _Seen) -> int:
    try:
        return weights_of(seen.config or {})
    except ValueError as error:
        if isinstance(seen.place, LocalFolder):
            raise CheckpointError(seen.place.folder, [f"{error}."]) from error
        raise SnapshotError(seen.place.repository, seen.place.revision, str(error)) from error


def _there(order: Order, models_dir: Path) -> frozenset[str]:
    """The levels whose files were made here and haven't been touched since."""
    levels = {order.output, *order.levels}
    return frozenset(level for level in levels if recipe_of(models_dir / order.file(level)) is not None)
