"""An adapter's GGUF file: made once, and again when the adapter or its base has changed."""

import hashlib
from pathlib import Path

from convert.checkpoint.adapter import open_adapter
from convert.checkpoint.digest import input_digest
from convert.checkpoint.merge import require_fit
from convert.checkpoint.open import CONFIG, open_checkpoint
from convert.making import making, require_own
from convert.recipe import is_fresh
from convert.to_gguf.adapter import convert_adapter
from convert.to_gguf.weights import OutputType
from modelfiles.progress import Progress

# Another one makes every file anew: to be raised when the same adapter gives other bytes than before.
_CONVERTER = "1"


def make_adapter(
    folder: Path, base: Path, out: Path, *, output: OutputType = "f32", progress: Progress
) -> Path:
    """Convert the adapter in `folder`, trained on the checkpoint in `base`, to `out`; returns `out`.

    A file that this very adapter was made into is left alone. After an error or a kill, what was there before
    is still there, whole.

    Raises:
        AdapterError, CheckpointError: something is wrong with the adapter or its base, or they don't fit.
        NotANumberError, WeightRangeError: a weight can't be stored.
        ForeignFileError: a file of this name is there that wasn't made here.
        DiskSpaceError: there isn't room for the file.
        FetchBusyError: another process is making it.
        OSError: a file can't be read or written.
    """
    require_own(out)
    adapter, checkpoint = open_adapter(folder), open_checkpoint(base)
    # Before an empty folder is made for what can't become a file.
    require_fit(checkpoint, adapter)
    recipe = {
        "adapter": input_digest(folder, progress),
        # Of the base, only what kind of model it is and its sizes decide the file.
        "base": hashlib.sha256((base / CONFIG).read_bytes()).hexdigest(),
        "output": output,
        "converter": _CONVERTER,
    }
    if is_fresh(out, recipe):
        progress.say(f"{out.name}: already there, and fresh")
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with making(out, recipe) as part:
        convert_adapter(adapter, checkpoint, part, output=output, progress=progress)
    progress.say(f"{out.name}: made, {out.stat().st_size / 1e6:,.1f} MB")
    return out
