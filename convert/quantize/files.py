"""How a model's files are called: `small-f16.gguf`, and beside it `small-q4_k_m.gguf`."""

from pathlib import Path

from convert.errors import NoQuantizeSourceError
from convert.quantize.levels import LEVELS
from modelfiles.catalog import level_file

# What a level may be made from, the most exact first.
_FULL_PRECISION = ("f32", "bf16", "f16")


def full_precision_file(model: str, models_dir: Path) -> Path:
    """The most exact file of a model that is there.

    Raises:
        NoQuantizeSourceError: none is.
    """
    files = [models_dir / level_file(model, level) for level in _FULL_PRECISION]
    for file in files:
        if file.is_file():
            return file
    raise NoQuantizeSourceError(model, files)


def file_at_level(source: Path, level: str) -> Path:
    """The file beside `source` for another level of the same model."""
    model, _, ending = source.stem.rpartition("-")
    return source.with_name(level_file(model if model and ending in LEVELS else source.stem, level))
