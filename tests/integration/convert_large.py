"""Convert a large random Llama in a process of its own, and say how long it took and how much memory.

    python tests/integration/convert_large.py FOLDER WEIGHTS [--reference PYTHON LLAMA_CPP]

WEIGHTS is about how many (1e9, 200e6). It fails if more memory was needed than half as much again as the
largest tensor takes, plus 300 MB. With a reference, llama.cpp's own converter converts the same folder:
PYTHON is an interpreter with torch and transformers, LLAMA_CPP its tree. FOLDER is made, and gone afterwards.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from tests.tiny_checkpoint import TinyCheckpoint, stored_bytes, tensor_shapes, values, write_tiny_checkpoint

ROOT = Path(__file__).parents[2]
VOCABULARY = 128_256  # Llama 3's: the embeddings are the largest tensor
HIDDEN, INNER, HEADS, KV_HEADS = 2048, 8192, 32, 8
ALLOWED_TENSORS, ALLOWED_BYTES = 1.5, 300_000_000

_TELL_MEMORY = """
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Measured:
    """One conversion: seconds, and the most memory that its process had, in bytes."""

    seconds: float
    memory: int


def write_large_checkpoint(folder: Path, weights: float) -> int:
    """Write a bfloat16 Llama of about so many weights, streamed; returns its largest tensor's size in bytes.

    Narrower ones have fewer of everything, their vocabulary too. Its numbers repeat every few rows: what they
    are changes nothing.
    """
    shrink = min(1.0, (weights / 1e9) ** 0.5)
    spec = TinyCheckpoint(
        hidden=max(256, int(HIDDEN * shrink) // 256 * 256),
        inner=int(INNER * shrink) // 256 * 256,
        heads=HEADS,
        kv_heads=KV_HEADS,
        tied=True,
        layers=1,
    )
    write_tiny_checkpoint(folder, spec)
    config = json.loads((folder / "config.json").read_bytes())
    config["vocab_size"] = int(VOCABULARY * shrink)
    one, none = (sum(map(prod, _shapes(spec, layers, config).values())) for layers in (1, 0))
    layers = max(1, round((weights - none) / (one - none)))
    config["num_hidden_layers"] = layers
    (folder / "config.json").write_text(json.dumps(config))
    shapes = _shapes(spec, layers, config)
    _write_repeating(folder / "model.safetensors", shapes)
    return 2 * max(map(prod, shapes.values()))


def _shapes(spec: TinyCheckpoint, layers: int, config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    deep = TinyCheckpoint(
        hidden=spec.hidden,
        inner=spec.inner,
        heads=spec.heads,
        kv_heads=spec.kv_heads,
        tied=True,
        layers=layers,
    )
    return tensor_shapes(deep, config["vocab_size"])


def _write_repeating(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    header: dict[str, Any] = {}
    offset = 0
    for name, shape in shapes.items():
        size = 2 * prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    pattern = memoryview(stored_bytes(values("large", (1 << 22,)), "BF16"))
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for shape in shapes.values():
            left = 2 * prod(shape)
            while left:
                left -= file.write(pattern[:left])


def convert_ours(folder: Path, out: Path) -> Measured:
    """Convert with FutFut."""
    script = """
import sys
from pathlib import Path
from convert.checkpoint.open import open_checkpoint
from convert.to_gguf.convert import convert
from modelfiles.progress import Unseen
convert(open_checkpoint(Path(sys.argv[1])), Path(sys.argv[2]), progress=Unseen())
"""
    return _measured(sys.executable, script, [str(folder), str(out)])


def convert_reference(folder: Path, out: Path, python: Path, llama_cpp: Path) -> Measured:
    """Convert with llama.cpp's own converter; its vocabulary check is told what the vocabulary is."""
    script = f"""
import sys
sys.path[:0] = [{str(llama_cpp / "gguf-py")!r}, {str(llama_cpp)!r}]
import convert_hf_to_gguf
from conversion.base import TextModel
TextModel.get_vocab_base_pre = lambda *_: "llama-bpe"
convert_hf_to_gguf.main()
"""
    arguments = [str(folder), "--outtype", "f16", "--outfile", str(out)]
    return _measured(str(python), script, arguments)


def _measured(python: str, script: str, arguments: list[str]) -> Measured:
    """Run a script and have it tell its own memory: what wait4 says of a child counts its parent's, too."""
    begin = time.perf_counter()
    done = subprocess.run(
        [python, "-c", script + _TELL_MEMORY, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"converting failed: {done.stderr[-2000:]}")
    return Measured(time.perf_counter() - begin, 1024 * int(done.stdout.split()[-2]))


def allowed(largest: int) -> int:
    """The most memory that converting may take, in bytes."""
    return int(ALLOWED_TENSORS * largest) + ALLOWED_BYTES


def main() -> None:
    """Write, convert, say, and clean up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=float)
    parser.add_argument("--reference", nargs=2, type=Path, metavar=("PYTHON", "LLAMA_CPP"))
    arguments = parser.parse_args()
    folder, out = arguments.folder / "checkpoint", arguments.folder / "out.gguf"
    try:
        largest = write_large_checkpoint(folder, arguments.weights)
        size = (folder / "model.safetensors").stat().st_size
        _say(f"{size / 2e6:,.0f} million weights, {size / 1e6:,.0f} MB, the largest {largest / 1e6:,.0f} MB")
        ours = convert_ours(folder, out)
        _say(f"converted in {ours.seconds:.1f} s with {ours.memory / 1e6:,.0f} MB of memory")
        if arguments.reference:
            other = convert_reference(folder, out, *arguments.reference)
            _say(f"llama.cpp's own: {other.seconds:.1f} s, {other.memory / 1e6:,.0f} MB")
    finally:
        shutil.rmtree(arguments.folder, ignore_errors=True)
    if ours.memory > allowed(largest):
        sys.exit(f"that is more than the {allowed(largest) / 1e6:,.0f} MB that are allowed")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
