"""Look at what is there and what the hub has, so that a plan can be made. Nothing is fetched or written."""

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from convert.checkpoint.adapter import checked_config, is_adapter, open_adapter
from convert.checkpoint.merge import merged
from convert.checkpoint.open import open_checkpoint
from convert.errors import CheckpointError, HubUnreachableError, NoAdapterError, NoBaseError, SnapshotError
from convert.fetching.where_from import HubRepository, LocalFolder
from convert.making import require_own
from convert.pipeline.checkpoints import base_named, bring_weights, folder_of
from convert.pipeline.means import Means
from convert.pipeline.order import Order, Place
from convert.pipeline.plan import Task
from convert.pipeline.weights import weights_of
from convert.quantize.imatrix import read_imatrix
from convert.quantize.levels import LEVELS
from convert.quantize.quantize import level_recipes, require_imatrix
from convert.recipe import is_fresh, recipe_of
from convert.staging import staging_path
from convert.to_gguf.make import gguf_recipe
from convert.verify.figures import Comparison, Figures
from convert.verify.text import read_text, text_sha256
from modelfiles.errors import FutFutError
from modelfiles.file_hash import file_hash
from modelfiles.ollama import Registry
from modelfiles.progress import Progress, Unseen


class _Seen(msgspec.Struct, frozen=True):
    """A place, the bytes of its weights, and what of it has still to come from the hub.

    `config` is None of an adapter; `base` is the repository that one names.
    """

    place: Place
    config: dict[str, Any] | None
    weights_size: int
    to_fetch: int | None
    base: HubRepository | None = None


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
        ImatrixNeededError, ImatrixError: a level needs an importance matrix; or it can't be read.
        ForeignFileError: a file of a level is there that wasn't made here.
        NoBaseError, NoAdapterError: it is an adapter, and nobody says of what; or the other way round.
    """
    home = means.home
    require_imatrix(order.levels, means.imatrix)
    if means.imatrix is not None:
        read_imatrix(means.imatrix)  # one that is broken is told now
    for level in (order.output, *order.quantized):
        require_own(means.models_dir / order.file(level))
    parts = [_look(order.place, home, progress)]
    if parts[0].config is None:
        base = order.base or parts[0].base
        if base is None:
            raise NoBaseError(_folder(order.place, home))
        parts.insert(0, _look(base, home, progress))
    elif order.base is not None:
        raise NoAdapterError(_folder(order.place, home), str(order.base))
    fetched = [part.to_fetch for part in parts if part.to_fetch is not None]
    if len(parts) > 1 and not any(fetched):
        # Both are here: whatever keeps them from being merged is told now.
        whole, tuned = (_folder(part.place, home) for part in parts)
        merged(open_checkpoint(whole), open_adapter(tuned))
    # With new weights everything is made anew.
    fresh = frozenset() if sum(fetched) else _fresh(order, means, progress)
    return Task(
        model=order.name,
        weights=_weights(parts[0]),
        checkpoint_size=sum(part.weights_size for part in parts),
        to_fetch=sum(fetched) if fetched else None,
        exact=order.output,
        levels=order.levels,
        bits={level: LEVELS[level].bits_per_weight for level in (order.output, *order.levels)},
        fresh=fresh,
        verified=_verified(order, means, fresh, progress),
        registers=registers,
        scored=means.sample.tokens,
        cores=means.threads or os.cpu_count() or 1,
    )


def room_left(order: Order, means: Means) -> int:
    """Bytes for new files on HOME's disk: what is free, and what runs that were stopped have left half-made.

    What has arrived of a snapshot isn't counted: it is kept.
    """
    there = next(path for path in (means.home.absolute(), *means.home.absolute().parents) if path.is_dir())
    files = [order.file(level) for level in (order.output, *order.quantized)]
    left = [path for file in files for path in staging_path(means.models_dir, file).glob("*")]
    return shutil.disk_usage(there).free + sum(path.stat().st_size for path in left if path.is_file())


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
    from convert.fetching.snapshot import (  # noqa: PLC0415
        complete_snapshot,
        last_snapshot,
        snapshot_size,
        still_to_come,
    )

    folder = folder_of(place.repository, home)
    if complete_snapshot(place.repository, place.revision, folder):
        return _seen_here(place, folder, to_fetch=0)
    try:
        listed = snapshot_size(place.repository, place.revision)
    except HubUnreachableError:
        if last_snapshot(place.repository, place.revision, folder):
            return _seen_here(place, folder, to_fetch=0)
        raise
    to_fetch = still_to_come(listed, folder, progress=progress)
    if listed.has_whole_weights or listed.adapter is None:
        return _Seen(place, listed.config or {}, listed.weights_size, to_fetch)
    config = checked_config(Path(str(place)), listed.adapter)
    base = base_named(config.base_repository, config.revision)
    return _Seen(place, None, listed.weights_size, to_fetch, base)


def _seen_here(place: Place, folder: Path, *, to_fetch: int | None) -> _Seen:
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    # Opened as for its conversion, so that whatever is wrong with it is told now.
    if is_adapter(folder):
        adapter = open_adapter(folder)
        base = base_named(adapter.base_repository, adapter.base_revision)
        return _Seen(place, None, size, to_fetch, base)
    return _Seen(place, open_checkpoint(folder).config, size, to_fetch)


def _weights(seen: _Seen) -> int:
    try:
        return weights_of(seen.config or {})
    except ValueError as error:
        if isinstance(seen.place, LocalFolder):
            raise CheckpointError(seen.place.folder, [f"{error}."]) from error
        raise SnapshotError(seen.place.repository, seen.place.revision, str(error)) from error


def _fresh(order: Order, means: Means, progress: Progress) -> frozenset[str]:
    """The levels whose files are what would be made of these very weights now."""
    exact = means.models_dir / order.file(order.output)
    if recipe_of(exact) is None:
        return frozenset()
    weights = bring_weights(order.place, order.base, means.home, progress=Unseen())  # all of it is here
    if not is_fresh(
        exact, gguf_recipe(weights.checkpoint, weights.adapter, order.output, weights.origin, progress)
    ):
        return frozenset()
    recipes = level_recipes(exact, order.quantized, means.imatrix, progress)
    made = {level for level in recipes if is_fresh(means.models_dir / order.file(level), recipes[level])}
    return frozenset({order.output, *made})


def _verified(order: Order, means: Means, fresh: frozenset[str], progress: Progress) -> frozenset[str]:
    """The levels whose divergence is known."""
    if order.output not in fresh:
        return frozenset()
    hashes = {level: file_hash(means.models_dir / order.file(level), progress) for level in fresh}
    text = text_sha256(read_text(means.text))
    figures = Figures(means.home / "reports")
    return frozenset(
        level
        for level, sha256 in hashes.items()
        if figures.divergence(Comparison(hashes[order.output], sha256, text, means.sample)) is not None
    )
