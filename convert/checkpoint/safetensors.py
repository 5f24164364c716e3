"""What a safetensors file holds, from its header: nothing of the weights themselves is read.

The format: https://huggingface.co/docs/safetensors/index#format. Eight bytes of length, that much JSON, then
the weights, each between two offsets counted from the JSON's end.
"""

import math
import os
import struct
from pathlib import Path
from typing import cast, get_args

import msgspec

from convert.checkpoint.tensor import StoredTensor, StoredType

_LENGTH = struct.Struct("<Q")
# The format's own limit: a longer header is no header.
_LONGEST_HEADER = 100_000_000
_STORED_TYPES: frozenset[str] = frozenset(get_args(StoredType))
_TYPE_BYTES = {"BF16": 2, "F16": 2, "F32": 4}


class _Entry(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class UnreadTensor(msgspec.Struct, frozen=True):
    """A tensor in numbers of another type than weights are read in, such as a quantized one."""

    name: str
    dtype: str


def read_header(path: Path) -> dict[str, StoredTensor | UnreadTensor]:
    """Read which tensors a file holds, and check that it holds them whole.

    Raises:
        ValueError: it isn't a safetensors file, or was cut short, or what it says doesn't add up.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(_LENGTH.size)
        if len(start) < _LENGTH.size:
            raise ValueError(f"it is no safetensors file: it has {size} bytes")
        (length,) = _LENGTH.unpack(start)
        if length > _LONGEST_HEADER:
            raise ValueError("it is no safetensors file: it doesn't begin with a header's length")
        header = file.read(length)
    if len(header) < length:
        raise ValueError(f"it was cut short: it ends after {size:,} bytes, in the middle of its header")
    try:
        found = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        found.pop("__metadata__", None)
        entries = {name: msgspec.json.decode(raw, type=_Entry) for name, raw in found.items()}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"its header can't be read: {error}") from error
    data_start = _LENGTH.size + length
    expected = data_start + max((entry.data_offsets[1] for entry in entries.values()), default=0)
    if size != expected:
        what = "was cut short" if size < expected else "is longer than its header says"
        raise ValueError(f"it {what}: it has {size:,} bytes, its header speaks of {expected:,}")
    return {name: _tensor(path, name, entry, data_start) for name, entry in entries.items()}


def _tensor(path: Path, name: str, entry: _Entry, data_start: int) -> StoredTensor | UnreadTensor:
    if entry.dtype not in _STORED_TYPES:
        return UnreadTensor(name, entry.dtype)
    begin, end = entry.data_offsets
    wanted = math.prod(entry.shape) * _TYPE_BYTES[entry.dtype]
    if begin < 0 or end - begin != wanted:
        raise ValueError(
            f"{name} lies in {end - begin:,} bytes, but {entry.dtype} numbers of the shape "
            f"{list(entry.shape)} take {wanted:,}"
        )
    return StoredTensor(name, entry.shape, cast("StoredType", entry.dtype), path, data_start + begin)
