"""A tiny model that is unsure, as real ones are, and levels of it, made by llama.cpp in this process."""

import ctypes
from pathlib import Path

import gguf
import numpy as np
from llama_cpp import llama_cpp as native

from tests.tiny_model import write_tiny_model

Q8_0, Q4_0 = 7, 2
_UNSURE = 0.05


def write_unsure_model(path: Path, factor: float = _UNSURE) -> Path:
    """Write the random tiny model with small logits: a perplexity of about its vocabulary, not of 10²².

    Args:
        path: the file to write.
        factor: what the output weights are multiplied by.
    """
    write_tiny_model(path)
    reader = gguf.GGUFReader(path, "r+")
    (output,) = [tensor for tensor in reader.tensors if tensor.name == "output.weight"]
    np.multiply(output.data, factor, out=output.data)
    reader.data.flush()
    return path


def write_level(path: Path, source: Path, ftype: int) -> Path:
    """Quantize a tiny model; `ftype` is llama.cpp's number of the level."""
    parameters = native.llama_model_quantize_default_params()
    parameters.ftype = ftype
    parameters.nthread = 1
    assert native.llama_model_quantize(bytes(source), bytes(path), ctypes.byref(parameters)) == 0
    return path
