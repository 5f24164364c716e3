"""Write a checkpoint as one GGUF file: first all that is said of its tensors, then one after the other.

Never more than some rows of a tensor are in memory, so that a model larger than it can be converted.
"""

from pathlib import Path
from typing import BinaryIO

import gguf
import numpy as np
from gguf import GGMLQuantizationType

from convert.architectures import ARCHITECTURES, PlannedTensor
from convert.checkpoint.hyperparameters import Hyperparameters, read_hyperparameters
from convert.checkpoint.open import Checkpoint
from convert.checkpoint.planned import planned_tensors
from convert.checkpoint.tensor import FloatArray
from convert.staging import require_space
from convert.to_gguf.metadata import Origin, add_general, add_sizes, add_tokenizer
from convert.to_gguf.rope import frequency_factors
from convert.to_gguf.weights import OutputType, blocks, output_type
from modelfiles.progress import Progress

__all__ = ["Origin", "OutputType", "convert"]

_TYPES: dict[OutputType, tuple[GGMLQuantizationType, int]] = {
    "f16": (GGMLQuantizationType.F16, 2),
    "bf16": (GGMLQuantizationType.BF16, 2),
    "f32": (GGMLQuantizationType.F32, 4),
}


def convert(
    checkpoint: Checkpoint,
    out: Path,
    *,
    output: OutputType = "f16",
    origin: Origin | None = None,
    progress: Progress,
) -> None:
    """Write a checkpoint to `out` as GGUF, its matrices as `output`.

    The caller gives a path that nobody reads yet: after an error, half a file may lie there.

    Raises:
        NotANumberError, WeightRangeError: a weight can't be stored.
        DiskSpaceError: there isn't room for the file.
        OSError: a file can't be read or written.
    """
    hyperparameters = read_hyperparameters(checkpoint.config)
    planned = planned_tensors(checkpoint)
    factors = _frequency_factors(hyperparameters)
    if hyperparameters.window is not None and hyperparameters.window < hyperparameters.context:
        progress.say(
            f"It was trained to look back {hyperparameters.window} tokens, and llama.cpp looks back to the "
            f"start: keep num_ctx in its Modelfile at {hyperparameters.window} or less."
        )
    output_name = ARCHITECTURES[checkpoint.architecture].output.name
    if hyperparameters.sizes.tied and planned[-1].name == output_name:
        progress.say(
            f"Its config.json says that the embeddings serve as output (tie_word_embeddings), but its "
            f"{output_name} is another one: that is what is written."
        )
    for note in checkpoint.tokenizer.notes:
        progress.say(note)
    header = _header(checkpoint, hyperparameters, planned, factors, output, origin)
    total = sum(info.nbytes for info in header.tensors[0].values())
    require_space(out.parent, total)
    header.write_header_to_file(out)
    header.write_kv_data_to_file()
    header.write_ti_data_to_file()
    header.close()
    with out.open("ab") as file, progress.bar(f"converting to {output}", total) as advance:
        _pad(file)
        if factors is not None:
            file.write(factors.tobytes())
            _pad(file)
        for tensor in planned:
            for block in blocks(checkpoint.tensors[tensor.name], tensor, output):
                block.tofile(file)
                advance(block.nbytes)
            _pad(file)


def _frequency_factors(hyperparameters: Hyperparameters) -> FloatArray | None:
    rope = hyperparameters.rope
    if rope.llama3 is None:
        return None
    return frequency_factors(rope.base, hyperparameters.sizes.head_dim, rope.llama3)


def _header(  # noqa: PLR0913, PLR0917  what goes into a file's beginning is all of these
    checkpoint: Checkpoint,
    hyperparameters: Hyperparameters,
    planned: list[PlannedTensor],
    factors: FloatArray | None,
    output: OutputType,
    origin: Origin | None,
) -> gguf.GGUFWriter:
    """All that stands before the weights, ready to be written."""
    architecture = ARCHITECTURES[checkpoint.architecture]
    writer = gguf.GGUFWriter(None, architecture.gguf)
    if factors is not None:
        writer.add_tensor_info(
            "rope_freqs.weight", factors.shape, factors.dtype, factors.nbytes, GGMLQuantizationType.F32
        )
    for tensor in planned:
        kind, number_bytes = _TYPES[output_type(tensor, output)]
        count = int(np.prod(tensor.shape, dtype=np.int64))
        writer.add_tensor_info(tensor.gguf, tensor.shape, np.dtype(np.float32), count * number_bytes, kind)
    add_general(writer, checkpoint, origin)
    add_sizes(writer, architecture, hyperparameters, output)
    add_tokenizer(writer, architecture, checkpoint.tokenizer)
    return writer


def _pad(file: BinaryIO) -> None:
    """Fill up to where the next tensor may begin."""
    file.write(bytes(-file.tell() % gguf.GGUF_DEFAULT_ALIGNMENT))
