"""Quantization by llama.cpp on small models: what is made, and what is skipped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gguf
import numpy as np
import pytest
from click.testing import CliRunner

from convert.cli import cli
from convert.quantize.job import Job
from convert.quantize.levels import LEVELS
from convert.quantize.plan import plan
from convert.quantize.process import run_worker
from convert.quantize.quantize import quantize
from convert.recipe import recipe_of
from modelfiles.file_hash import compute
from modelfiles.gguf_header import read_header
from modelfiles.progress import Advance, Unseen
from tests.quantize_model import (
    half_made,
    measured,
    targets,
    write_hollow_llama_8b,
    write_imatrix,
    write_model,
)


class Told(Unseen):
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.bars: dict[str, tuple[int, list[int]]] = {}

    def say(self, line: str) -> None:
        """Remember it."""
        self.lines.append(line)

    @contextmanager
    def bar(self, label: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Remember each advance."""
        steps: list[int] = [done]
        self.bars[label] = (total, steps)
        yield steps.append


@pytest.fixture(scope="module")
def f16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model at f16 that no test changes."""
    return write_model(tmp_path_factory.mktemp("models") / "tiny-f16.gguf")


@pytest.fixture(scope="module")
def made(f16: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], Told]:
    """Two levels of that model, and what was told while they were made; no test changes them."""
    told = Told()
    folder = tmp_path_factory.mktemp("made")
    return quantize(f16, targets(folder, "q8_0", "q4_k_m"), progress=told), told


def test_several_levels_from_one_source(made: tuple[dict[str, Path], Told]) -> None:
    """Each is a whole GGUF file of its level, and the progress ends at the file's size."""
    files, told = made
    assert list(files) == ["q8_0", "q4_k_m"]
    for level, path in files.items():
        assert read_header(path)["general.file_type"] == LEVELS[level].ftype
        assert half_made(path.parent) == []
    kinds = {tensor.name: tensor.tensor_type for tensor in gguf.GGUFReader(files["q8_0"]).tensors}
    assert kinds["blk.0.attn_q.weight"] == gguf.GGMLQuantizationType.Q8_0
    assert kinds["blk.0.attn_norm.weight"] == gguf.GGMLQuantizationType.F32
    size = files["q4_k_m"].stat().st_size
    total, steps = told.bars["quantizing"]
    assert len(steps) > len(kinds)
    assert total == pytest.approx(size, abs=20_000)
    assert 0.9 * total < sum(steps) <= size
    assert told.lines[0] == "tiny-q8_0.gguf: tiny-f16.gguf at q8_0"


def test_the_weights_are_those_of_the_source(f16: Path, made: tuple[dict[str, Path], Told]) -> None:
    """Dequantized, q8_0 is as near as its steps allow."""
    before = {tensor.name: tensor.data for tensor in gguf.GGUFReader(f16).tensors}
    for tensor in gguf.GGUFReader(made[0]["q8_0"]).tensors:
        after = gguf.dequantize(tensor.data, tensor.tensor_type)
        exact = before[tensor.name].astype(np.float32)
        assert np.abs(after - exact).max() <= np.abs(exact).max() / 127


def test_what_is_fresh_is_left_alone(f16: Path, tmp_path: Path) -> None:
    """Until the source or the importance matrix is another."""
    source = tmp_path / "tiny-f16.gguf"
    source.write_bytes(f16.read_bytes())
    wanted = targets(tmp_path, "q4_0")
    told = Told()

    def remade(imatrix: Path | None = None) -> bool:
        before = wanted["q4_0"].stat().st_ino
        quantize(source, wanted, imatrix=imatrix, progress=told)
        return wanted["q4_0"].stat().st_ino != before

    quantize(source, wanted, progress=told)
    recipe = recipe_of(wanted["q4_0"])
    assert recipe is not None
    assert recipe["source"] == compute(source, Unseen())
    assert recipe["level"] == "q4_0"
    assert not remade()
    assert told.lines[-1] == "tiny-q4_0.gguf: already there, and fresh"
    assert remade(write_imatrix(tmp_path / "a.imatrix", measured()))
    write_model(source, seed=8)
    assert remade()


def test_only_what_is_missing_is_made(f16: Path, made: tuple[dict[str, Path], Told]) -> None:
    """Asked for again with one level more, only that one is made."""
    q8_0 = made[0]["q8_0"]
    told = Told()
    quantize(f16, {"q8_0": q8_0, **targets(q8_0.parent, "q5_k_m")}, progress=told)
    assert told.lines[:2] == [
        "tiny-q8_0.gguf: already there, and fresh",
        "tiny-q5_k_m.gguf: tiny-f16.gguf at q5_k_m",
    ]


def test_rows_that_do_not_fit_are_told(tmp_path: Path) -> None:
    """K-quants take rows in multiples of 256: llama.cpp takes larger types, and says so."""
    source = write_model(tmp_path / "narrow.gguf", width=128)
    told = Told()
    quantize(source, targets(tmp_path, "q4_k_m"), progress=told)
    assert "13 of 21 tensors have rows that this level's blocks don't fit" in told.lines[-1]


def test_bits_a_weight_are_llama_cpps(tmp_path: Path) -> None:
    """Counted by its dry run on Llama-3.1-8B's shapes; so is which levels want an importance matrix."""
    source = write_hollow_llama_8b(tmp_path / "hollow.gguf")
    outcome = run_worker(Job(str(source), tuple(level.ftype for level in LEVELS.values())))
    for level, log in zip(LEVELS.values(), outcome.logs, strict=True):
        assert f"({level.bits_per_weight:.2f} BPW)" in " ".join(log)
        assert level.needs_imatrix == any("will require an imatrix" in line for line in log)
    q8_0 = plan(source, ["q8_0"])["q8_0"]
    assert q8_0.size == pytest.approx(8.03e9 * LEVELS["q8_0"].bits_per_weight / 8, rel=0.001)


def test_slabs_and_threads_change_no_byte(f16: Path, tmp_path: Path) -> None:
    """A tensor in slabs of a few rows, or with one thread, is the same as in one piece."""
    digests = set()
    for number, (threads, slab_bytes) in enumerate([(0, 1 << 30), (1, 1 << 30), (2, 5_000)]):
        out = tmp_path / str(number)
        ftypes = (LEVELS["q4_k_m"].ftype,)
        outcome = run_worker(Job(str(f16), ftypes, str(out), threads=threads, slab_bytes=slab_bytes))
        assert outcome.succeeded
        digests.add(compute(out, Unseen()))
    assert len(digests) == 1


def test_an_importance_matrix_decides(f16: Path, tmp_path: Path) -> None:
    """With one the bytes differ, they differ from those by another, and the file says where it is from."""
    digests = set()
    matrices = [write_imatrix(tmp_path / f"{seed}.imatrix", measured(seed=seed)) for seed in (1, 2)]
    for number, imatrix in enumerate([None, *matrices]):
        folder = tmp_path / str(number)
        made = quantize(f16, targets(folder, "q4_k_m"), imatrix=imatrix, progress=Unseen())["q4_k_m"]
        digests.add(tuple(tensor.data.tobytes() for tensor in gguf.GGUFReader(made).tensors))
        header = read_header(made)
        assert header.get("quantize.imatrix.file") == (imatrix and imatrix.name)
    assert len(digests) == 3
    assert header["quantize.imatrix.dataset"] == "futsal.txt"
    assert header["quantize.imatrix.entries_count"] == 14
    assert header["quantize.imatrix.chunks_count"] == 2


def test_the_command(f16: Path, tmp_path: Path) -> None:
    """MODEL stands for its most exact file in HOME, and levels lie beside it; a file is taken by its path."""
    models = tmp_path / "models"
    models.mkdir()
    (models / "own-f16.gguf").write_bytes(f16.read_bytes())
    run = CliRunner()
    result = run.invoke(cli, ["quantize", "own", "--levels", "Q8_0, q4_0", "--home", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert {path.name for path in models.glob("*.gguf")} == {"own-f16.gguf", "own-q8_0.gguf", "own-q4_0.gguf"}
    result = run.invoke(cli, ["quantize", str(models / "own-f16.gguf"), "--levels", "q8_0", "--threads", "1"])
    assert result.exit_code == 0, result.output
    assert "own-q8_0.gguf: already there, and fresh" in result.output
    assert "q4_k_m   4.9 GB  the usual choice" in run.invoke(cli, ["quantize", "--help"]).output
