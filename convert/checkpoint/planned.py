"""Which tensors of a checkpoint are written, in which order."""

import msgspec
import numpy as np

from convert.architectures import ARCHITECTURES, PlannedTensor
from convert.checkpoint.hyperparameters import read_hyperparameters
from convert.checkpoint.open import Checkpoint

# Sixteen megabytes as float32.
_BLOCK_NUMBERS = 1 << 22


def planned_tensors(checkpoint: Checkpoint) -> list[PlannedTensor]:
    """The tensors of a checkpoint in the order in which they are used.

    Where config.json says that the embeddings serve as output, an output that is saved all the same is read:
    one that only repeats the embeddings is left out, another one is what the model was trained to say.

    Raises:
        OSError: a weight can't be read.
    """
    sizes = read_hyperparameters(checkpoint.config).sizes
    tied = sizes.tied and not has_own_output(checkpoint)
    return list(ARCHITECTURES[checkpoint.architecture].tensors(msgspec.structs.replace(sizes, tied=tied)))


def has_own_output(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint has an output whose weights aren't those of its embeddings.

    Raises:
        OSError: a weight can't be read.
    """
    architecture = ARCHITECTURES[checkpoint.architecture]
    output = checkpoint.tensors.get(architecture.output.name)
    if output is None:
        return False
    embedding = checkpoint.tensors[architecture.embedding.name]
    rows, width = embedding.shape
    step = max(1, _BLOCK_NUMBERS // width)
    return any(
        not np.array_equal(
            output.rows(start, min(start + step, rows)), embedding.rows(start, min(start + step, rows))
        )
        for start in range(0, rows, step)
    )
