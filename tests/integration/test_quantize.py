"""Quantization by llama.cpp on small models: what is made, what is skipped, and what is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
from click.testing import CliRunner

from convert.cli import cli
from convert.errors import (
    AlreadyQuantizedError,
    DiskSpaceError,
    FetchBusyError,
    ImatrixError,
    ImatrixNeededError,
    QuantizeError,
    SameLevelError,
    UnknownLevelError,
    UnusableSourceError,
)
from convert.quantize.job import Job
from convert.quantize.levels import LEVELS
from convert.quantize.plan import plan
from convert.quantize.process import run_worker
from convert.quantize.quantize import quantize
from convert.recipe import recipe_of
from convert.staging import staging_folder
from modelfiles.errors import ModelFileError
from modelfiles.file_hash import compute
from modelfiles.gguf_header import read_header
from modelfiles.progress import Advance, Unseen
from tests.quantize_model import measured, write_hollow_llama_8b, write_imatrix, write_model


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


def targets(folder: Path, *levels: str) -> dict[str, Path]:
    return {level: folder / f"tiny-{level}.gguf" for level in levels}


def half_made(folder: Path) -> list[Path]:
    return list(folder.rglob(".fetching/*/*.gguf"))


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


def test_the_smallest_levels_need_a_matrix(f16: Path, tmp_path: Path) -> None:
    """Without one they are refused in words; with one they are made."""
    wanted = targets(tmp_path, "q2_k_s", "iq2_xs")
    with pytest.raises(ImatrixNeededError, match=r"^q2_k_s, iq2_xs can't be made without"):
        quantize(f16, wanted, progress=Unseen())
    assert not any(path.exists() for path in wanted.values())
    quantize(f16, wanted, imatrix=write_imatrix(tmp_path / "a.imatrix", measured()), progress=Unseen())
    assert read_header(wanted["iq2_xs"])["general.file_type"] == LEVELS["iq2_xs"].ftype


def test_another_models_matrix_is_refused(f16: Path, tmp_path: Path) -> None:
    """By its rows, or by the layers it has no idea of; llama.cpp itself would take the second silently."""
    for name, sums, words in (
        ("wide", measured(512), r"512 columns of blk\.0\.\w+\.weight, and the model 256"),
        ("short", measured(layers=1), r"knows nothing of 7 .*such as blk\.1\."),
    ):
        with pytest.raises(ImatrixError, match=words):
            quantize(
                f16,
                targets(tmp_path, "q4_0"),
                imatrix=write_imatrix(tmp_path / name, sums),
                progress=Unseen(),
            )
    assert not (tmp_path / "tiny-q4_0.gguf").exists()


def test_what_is_asked_for_must_be_possible(f16: Path, tmp_path: Path) -> None:
    """Unknown levels and the source's own are refused before anything is made."""
    with pytest.raises(UnknownLevelError, match="'q4'"):
        quantize(f16, targets(tmp_path, "q8_0", "q4"), progress=Unseen())
    with pytest.raises(SameLevelError, match="is f16 already"):
        quantize(f16, targets(tmp_path, "q8_0", "f16"), progress=Unseen())
    with pytest.raises(SameLevelError):
        quantize(f16, {"q8_0": f16}, progress=Unseen())
    assert list(tmp_path.iterdir()) == []


def test_a_quantized_source_is_taken_only_on_demand(
    made: tuple[dict[str, Path], Told], tmp_path: Path
) -> None:
    """The error names its types; with requantize it is done."""
    wanted = targets(tmp_path, "q3_k_m")
    with pytest.raises(AlreadyQuantizedError, match=r"\(.*q4_K.*\).*--requantize"):
        quantize(made[0]["q4_k_m"], wanted, progress=Unseen())
    quantize(made[0]["q4_k_m"], wanted, requantize=True, progress=Unseen())
    assert read_header(wanted["q3_k_m"])["general.file_type"] == LEVELS["q3_k_m"].ftype


def test_a_source_that_is_no_whole_model_is_refused(f16: Path, tmp_path: Path) -> None:
    """No GGUF; cut off in its header or its weights; a GGUF that makes llama.cpp abort."""
    other = tmp_path / "other.gguf"
    other.write_text("풋살은 재밌어요.", encoding="utf-8")
    headless = tmp_path / "headless.gguf"
    headless.write_bytes(f16.read_bytes()[:100])
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(f16.read_bytes()[:-1000])
    deep = write_model(tmp_path / "deep.gguf", layers=0)
    for source in (other, headless):
        with pytest.raises(ModelFileError):
            quantize(source, targets(tmp_path, "q8_0"), progress=Unseen())
    with pytest.raises(UnusableSourceError, match=r"not within the file bounds.*make it again with"):
        quantize(cut, targets(tmp_path, "q8_0"), progress=Unseen())
    with pytest.raises(UnusableSourceError, match="GGML_ASSERT"):
        quantize(deep, targets(tmp_path, "q8_0"), progress=Unseen())
    assert half_made(tmp_path) == []


def test_weights_that_llama_cpp_refuses(tmp_path: Path) -> None:
    """Its own words are in the error, and nothing is left behind."""
    source = write_model(tmp_path / "broken.gguf")
    tensor = next(t for t in gguf.GGUFReader(source).tensors if t.name == "blk.1.ffn_up.weight")
    data = bytearray(source.read_bytes())
    data[tensor.data_offset : tensor.data_offset + tensor.n_bytes] = b"\xff\xff" * (tensor.n_bytes // 2)
    source.write_bytes(data)
    with pytest.raises(QuantizeError, match=r"says: .*nan.*'blk\.1\.ffn_up\.weight' has invalid data"):
        quantize(source, targets(tmp_path, "q4_k_m"), progress=Unseen())
    assert half_made(tmp_path) == []
    assert not (tmp_path / "tiny-q4_k_m.gguf").exists()


def test_room_is_looked_for_first(f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All levels together must fit, else none is begun."""
    sizes = plan(f16, ["q8_0", "q4_0"])
    one = sizes["q8_0"].size
    free = SimpleNamespace(free=one + 64_000_000)
    monkeypatch.setattr("convert.staging.shutil.disk_usage", lambda _: free)
    with pytest.raises(DiskSpaceError) as caught:
        quantize(f16, targets(tmp_path, "q8_0", "q4_0"), progress=Unseen())
    assert caught.value.needed == one + sizes["q4_0"].size + 64_000_000
    assert not (tmp_path / "tiny-q8_0.gguf").exists()


def test_two_at_once_do_not_write_one_file(f16: Path, tmp_path: Path) -> None:
    """Who comes second is told; what it made before stays, and so does the first one's work."""
    wanted = targets(tmp_path, "q8_0", "q4_0")
    with staging_folder(tmp_path, "tiny-q4_0.gguf") as folder:
        part = folder / "tiny-q4_0.gguf"
        part.write_bytes(b"the other's")
        with pytest.raises(FetchBusyError):
            quantize(f16, wanted, progress=Unseen())
        assert part.read_bytes() == b"the other's"
    assert wanted["q8_0"].exists()


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
