"""A model's GGUF file in the models folder: made once, and again when its checkpoint has changed."""

from pathlib import Path

from convert.checkpoint.adapter import open_adapter
from convert.checkpoint.digest import input_digest
from convert.checkpoint.merge import merged
from convert.checkpoint.open import open_checkpoint
from convert.making import making, require_own
from convert.recipe import Recipe, is_fresh
from convert.to_gguf.convert import convert
from convert.to_gguf.metadata import Origin
from convert.to_gguf.weights import OutputType
from modelfiles.catalog import level_file
from modelfiles.progress import Progress

# Another one makes every file anew: to be raised when the same checkpoint gives other bytes than before.
_CONVERTER = "2"


def make_gguf(  # noqa: PLR0913  where from, where to, and how
    model: str,
    folder: Path,
    models_dir: Path,
    *,
    adapter: Path | None = None,
    output: OutputType = "f16",
    origin: Origin | None = None,
    progress: Progress,
) -> Path:
    """Convert the checkpoint in `folder`, with an adapter merged into it if one is given.

    Returns the path, `MODEL-f16.gguf` in `models_dir`. A file that this very checkpoint was made into is left
    alone. After an error or a kill, what was there before is still there, whole.

    Raises:
        CheckpointError, AdapterError: something is wrong with what is to be converted.
        NotANumberError, WeightRangeError: a weight can't be stored.
        ForeignFileError: a file of this name is there that wasn't made here.
        DiskSpaceError: there isn't room for the file.
        FetchBusyError: another process is making it.
        OSError: a file can't be read or written.
    """
    path = models_dir / level_file(model, output)
    require_own(path)
    checkpoint = open_checkpoint(folder)
    if adapter is not None:
        checkpoint = merged(checkpoint, open_adapter(adapter))
    recipe = gguf_recipe(folder, adapter, output, origin, progress)
    if is_fresh(path, recipe):
        progress.say(f"{path.name}: already there, and fresh")
        return path
    with making(path, recipe) as part:
        convert(checkpoint, part, output=output, origin=origin, progress=progress)
    progress.say(f"{path.name}: made, {path.stat().st_size / 1e6:,.0f} MB")
    return path


def gguf_recipe(
    folder: Path, adapter: Path | None, output: OutputType, origin: Origin | None, progress: Progress
) -> Recipe:
    """What decides the bytes of the file that `make_gguf` makes of the same.

    Raises:
        OSError: a file can't be read.
    """
    recipe = {"checkpoint": input_digest(folder, progress), "output": output, "converter": _CONVERTER}
    if adapter is not None:
        recipe["adapter"] = input_digest(adapter, progress)
    if origin is not None:
        recipe["origin"] = f"{origin.repository}@{origin.revision} {origin.license}"
    return recipe
