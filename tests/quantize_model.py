"""Models and importance matrices to quantize: Llamas with rows of 256 numbers, as K-quants need them."""

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
WIDTH, INNER, VOCABULARY = 256, 512, 64


def write_model(path: Path, *, width: int = WIDTH, layers: int = 2, seed: int = 7) -> Path:
    """Write a Llama of type f16 with random weights and no vocabulary."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    _add_keys(writer, width, 2 * width, layers, VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for name, shape in shapes(width, 2 * width, layers, VOCABULARY).items():
        weights = random.standard_normal(shape, np.float32)
        writer.add_tensor(name, weights if len(shape) == 1 else weights.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_hollow_llama_8b(path: Path) -> Path:
    """Write Llama-3.1-8B's header and shapes at f16; the weights are a hole that takes no room."""
    writer = gguf.GGUFWriter(path, "llama")
    _add_keys(writer, 4096, 14336, 32, 128256)
    writer.add_head_count_kv(8)
    size = 0
    for name, shape in shapes(4096, 14336, 32, 128256, key_width=1024).items():
        kind = np.dtype(np.float32 if len(shape) == 1 else np.float16)
        count = int(np.prod(shape)) * kind.itemsize
        writer.add_tensor_info(name, shape, kind, count)
        size += count
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("ab") as file:
        file.truncate(file.tell() // 32 * 32 + 32 + size)
    return path


def shapes(
    width: int, inner: int, layers: int, vocabulary: int, *, key_width: int | None = None
) -> dict[str, tuple[int, ...]]:
    """Every tensor of a Llama with its rows and columns."""
    found: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (vocabulary, width),
        "output_norm.weight": (width,),
        "output.weight": (vocabulary, width),
    }
    for layer in range(layers):
        of_layer = {
            "attn_q": (width, width),
            "attn_k": (key_width or width, width),
            "attn_v": (key_width or width, width),
            "attn_output": (width, width),
            "ffn_gate": (inner, width),
            "ffn_up": (inner, width),
            "ffn_down": (width, inner),
            "attn_norm": (width,),
            "ffn_norm": (width,),
        }
        found |= {f"blk.{layer}.{name}.weight": shape for name, shape in of_layer.items()}
    return found


def _add_keys(writer: gguf.GGUFWriter, width: int, inner: int, layers: int, vocabulary: int) -> None:
    writer.add_context_length(512)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(width // 128)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary)
    writer.add_tokenizer_model("none")


def measured(width: int = WIDTH, layers: int = 2, *, seed: int = 3) -> dict[str, Array]:
    """Sums of squares such as llama-imatrix finds: a number a column of each weight in the layers."""
    random = np.random.default_rng(seed)
    return {
        name: np.square(random.standard_normal(shape[1], np.float32)) * 100
        for name, shape in shapes(width, 2 * width, layers, VOCABULARY).items()
        if name.startswith("blk.") and len(shape) > 1
    }


def write_imatrix(path: Path, sums: Mapping[str, Array], *, inputs: int = 50) -> Path:
    """Write an importance matrix as llama-imatrix does, measured on one text by 2 pieces."""
    writer = gguf.GGUFWriter(path, "")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["futsal.txt"])
    writer.add_uint32("imatrix.chunk_count", 2)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, values in sums.items():
        writer.add_tensor(f"{name}.in_sum2", values.reshape(1, -1))
        writer.add_tensor(f"{name}.counts", np.full((1, 1), inputs, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def targets(folder: Path, *levels: str) -> dict[str, Path]:
    """Where a tiny model's levels are to be made."""
    return {level: folder / f"tiny-{level}.gguf" for level in levels}


def half_made(folder: Path) -> list[Path]:
    """The files below `folder` that are, or were, being made."""
    return list(folder.rglob(".fetching/*/*.gguf"))
