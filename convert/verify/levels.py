"""Which files of a model there are to verify."""

from collections.abc import Container, Mapping
from pathlib import Path

from modelfiles.catalog import Catalog


def levels_of(catalog: Catalog, model: str, models_dir: Path, known: Container[str]) -> dict[str, Path]:
    """The files of a model that are there, by level: those of models.toml, and `model-level.gguf`.

    A file that was made here (`model-level.gguf`) comes before the pinned one of the same level.

    Args:
        catalog: has the model.
        model: its name.
        models_dir: where the files are.
        known: what levels are called. `small-v2-f16.gguf` is no level of `small`: it is another fine-tune's.
    """
    levels = [level for level in catalog.levels().values() if level.model == model]
    listed = {level.level: models_dir / level.file.file for level in levels}
    found = {path.stem.removeprefix(f"{model}-"): path for path in sorted(models_dir.glob(f"{model}-*.gguf"))}
    made = {level: path for level, path in found.items() if level in known}
    return {level: path for level, path in {**listed, **made}.items() if path.is_file()}


def most_exact(files: Mapping[str, Path]) -> Path:
    """The largest file: of one model's levels that is the one with the most bits a weight."""
    return max(files.values(), key=lambda path: path.stat().st_size)
