"""Write safetensors files a block at a time (https://huggingface.co/docs/safetensors/index#format)."""

import json
import struct
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A tensor's type, its shape, and its numbers in order, in blocks.
Weight = tuple[np.dtype[Any], tuple[int, ...], Iterable[NDArray[Any]]]

NAMES = {np.dtype(np.float16): "F16", np.dtype(np.float32): "F32"}


def write_safetensors(path: Path, weights: Mapping[str, Weight]) -> None:
    """Write weights in the order given, holding no more than a block."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (kind, shape, _) in weights.items():
        start, end = end, end + prod(shape) * kind.itemsize
        entries[name] = {"dtype": NAMES[kind], "shape": shape, "data_offsets": [start, end]}
    head = json.dumps(entries).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for _, _, blocks in weights.values():
            for block in blocks:
                file.write(np.ascontiguousarray(block).tobytes())
