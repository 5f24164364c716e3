"""Weights on their way into a GGUF file: in its row order and its number types, a few rows at a time."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.architectures import PlannedTensor
from convert.checkpoint.tensor import FloatArray, Tensor
from convert.errors import NotANumberError, WeightRangeError

OutputType = Literal["f16", "bf16", "f32"]

# Sixteen megabytes as float32: small beside any model, large enough for the disk.
_BLOCK_NUMBERS = 1 << 22


def output_type(planned: PlannedTensor, output: OutputType) -> OutputType:
    """What a tensor is stored as: norms and biases stay float32, which is what llama.cpp computes them in."""
    return "f32" if len(planned.shape) == 1 or planned.gguf.endswith("_norm.weight") else output


def permute_heads(rows: FloatArray, heads: int) -> FloatArray:
    """Bring the rows of `heads` whole heads into the order of GGUF's "llama".

    Rotary positions turn pairs of numbers. Hugging Face's pairs are row i and row i + half of a head; those
    of the paper (Su et al., RoFormer) and of llama.cpp lie next to each other: 0, half, 1, half + 1, …
    """
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def blocks(tensor: Tensor, planned: PlannedTensor, output: OutputType) -> Iterator[NDArray[Any]]:
    """A tensor's numbers as they are to be written, some rows after the other.

    Raises:
        NotANumberError: a weight is infinite or no number.
        WeightRangeError: a weight is beyond the range of the type that it is to be stored as.
        OSError: it can't be read.
    """
    kind = output_type(planned, output)
    rows, *rest = planned.shape
    step = max(1, _BLOCK_NUMBERS // int(np.prod(rest, dtype=np.int64)))
    head_dim = rows // planned.permuted_heads if planned.permuted_heads else 1
    step = max(head_dim, step - step % head_dim)
    for start in range(0, rows, step):
        block = tensor.rows(start, min(start + step, rows))
        if planned.permuted_heads:
            block = permute_heads(block, block.shape[0] // head_dim)
        yield encoded(block, kind, planned.name)


def encoded(numbers: FloatArray, output: OutputType, name: str) -> NDArray[Any]:
    """Numbers in the type that they are stored as, rounded to the nearest, ties to even.

    Raises:
        NotANumberError: one is infinite or no number.
        WeightRangeError: one is beyond the type's range.
    """
    if not np.isfinite(numbers).all():
        raise NotANumberError(name)
    if output == "f32":
        return numbers.astype("<f4", copy=False)
    if output == "bf16":
        bits = np.ascontiguousarray(numbers).view(np.uint32)
        odd = (bits >> np.uint32(16)) & np.uint32(1)
        return ((bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)).astype("<u2")
    with np.errstate(over="ignore"):
        halves = numbers.astype("<f2")
    if np.isinf(halves).any():
        raise WeightRangeError(name, float(np.abs(numbers).max()), output)
    return halves
