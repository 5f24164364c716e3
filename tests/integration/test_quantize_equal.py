"""Our quantization is llama.cpp's own: the files are those of its `llama-quantize`, to the last byte."""

import struct
import subprocess
from pathlib import Path

import pytest

from convert.quantize.levels import LEVELS
from convert.quantize.quantize import quantize
from modelfiles.progress import Unseen
from tests.quantize_model import measured, write_imatrix, write_model
from tests.real_ollama import provide

pytestmark = pytest.mark.ollama

# From f16, which the source is, to f32 nothing is lost or won.
WITHOUT_MATRIX = [name for name, level in LEVELS.items() if not level.needs_imatrix and name != "f16"]
WITH_MATRIX = [name for name, level in LEVELS.items() if level.needs_imatrix or name == "q4_k_m"]


def by_llama_quantize(source: Path, level: str, imatrix: Path | None = None) -> bytes:
    """What `llama-quantize` makes of a file."""
    program = provide().parent.parent / "lib" / "ollama" / "llama-quantize"
    out = source.with_name("reference.gguf")
    # By its name alone: the path as it is given is written into the output.
    options = [] if imatrix is None else ["--imatrix", imatrix.name]
    done = subprocess.run(
        [program, *options, source, out, level],
        cwd=source.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out.read_bytes()


def write_dat(path: Path) -> Path:
    """An importance matrix of the older kind."""
    sums = measured(layers=1)
    data = struct.pack("<i", len(sums))
    for name, values in sums.items():
        data += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 3, values.size)
        data += values.tobytes()
    path.write_bytes(data + struct.pack("<ii", 3, 5) + b"a.txt")
    return path


def test_every_level_without_a_matrix(tmp_path: Path) -> None:
    """All that can be made without one."""
    source = write_model(tmp_path / "tiny-f16.gguf", layers=8)
    targets = {level: tmp_path / f"tiny-{level}.gguf" for level in WITHOUT_MATRIX}
    quantize(source, targets, progress=Unseen())
    assert [
        level for level, path in targets.items() if path.read_bytes() != by_llama_quantize(source, level)
    ] == []


@pytest.mark.parametrize(("kind", "levels"), [("gguf", WITH_MATRIX), ("dat", ["q4_k_m", "q2_k_s"])])
def test_every_level_that_needs_a_matrix(tmp_path: Path, kind: str, levels: list[str]) -> None:
    """And one that is the better for it; with both kinds of file."""
    source = write_model(tmp_path / "tiny-f16.gguf", layers=1)
    path = tmp_path / f"futsal.{kind}"
    imatrix = write_imatrix(path, measured(layers=1)) if kind == "gguf" else write_dat(path)
    targets = {level: tmp_path / f"tiny-{level}.gguf" for level in levels}
    quantize(source, targets, imatrix=imatrix, progress=Unseen())
    assert [
        level
        for level, path in targets.items()
        if path.read_bytes() != by_llama_quantize(source, level, imatrix)
    ] == []


def test_rows_that_do_not_fit(tmp_path: Path) -> None:
    """Where llama.cpp takes other types than the level's, it takes the same ones."""
    source = write_model(tmp_path / "narrow-f16.gguf", width=128)
    target = tmp_path / "narrow-q4_k_m.gguf"
    quantize(source, {"q4_k_m": target}, progress=Unseen())
    assert target.read_bytes() == by_llama_quantize(source, "q4_k_m")
