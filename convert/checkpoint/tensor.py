"""A weight as it lies in a safetensors file, read a few rows at a time.

The format: https://huggingface.co/docs/safetensors/index#format. Rows are read with plain reads instead of a
memory map: what is mapped counts as the process's memory, and a checkpoint is larger than a small box has.
"""

from pathlib import Path
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
StoredType = Literal["BF16", "F16", "F32"]

_NUMPY_TYPES: dict[StoredType, np.dtype[np.generic]] = {
    "BF16": np.dtype("<u2"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
}


class Tensor(Protocol):
    """A weight whose rows can be had one after the other: stored as it is, or computed while it is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As in the checkpoint: rows (outputs) first."""
        ...

    @property
    def stored_as(self) -> StoredType:
        """The number type that it is, or was before it was computed, stored in."""
        ...

    def rows(self, start: int, stop: int) -> FloatArray:
        """Rows `start` to `stop` (not included) as float32, which holds each stored type exactly."""
        ...


class StoredTensor(msgspec.Struct, frozen=True):
    """A tensor in a safetensors file; `offset` is counted in bytes from the file's start."""

    name: str
    shape: tuple[int, ...]
    stored_as: StoredType
    file: Path
    offset: int

    def rows(self, start: int, stop: int) -> FloatArray:
        """Read rows `start` to `stop` (not included) as float32.

        Raises:
            OSError: the file can't be read.
            ValueError: it ends too early.
        """
        kind = _NUMPY_TYPES[self.stored_as]
        width = int(np.prod(self.shape[1:], dtype=np.int64))
        count = (stop - start) * width
        found = np.fromfile(self.file, kind, count, offset=self.offset + start * width * kind.itemsize)
        return _to_float32(found, self.stored_as).reshape(stop - start, *self.shape[1:])


def _to_float32(numbers: NDArray[np.generic], stored_as: StoredType) -> FloatArray:
    if stored_as == "BF16":
        # bfloat16 is the upper half of a float32.
        return (numbers.astype("<u4") << np.uint32(16)).view("<f4")
    return numbers.astype(np.float32, copy=False)
