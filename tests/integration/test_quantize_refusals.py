"""What can't be quantized, or mustn't be: it is refused in words, and nothing is left behind."""

from pathlib import Path
from types import SimpleNamespace

import gguf
import pytest

from convert.errors import (
    AlreadyQuantizedError,
    DiskSpaceError,
    FetchBusyError,
    ForeignFileError,
    ImatrixError,
    ImatrixNeededError,
    QuantizeError,
    SameLevelError,
    UnknownLevelError,
    UnusableSourceError,
)
from convert.quantize.levels import LEVELS
from convert.quantize.plan import plan
from convert.quantize.quantize import quantize
from convert.staging import staging_folder
from modelfiles.errors import ModelFileError
from modelfiles.gguf_header import read_header
from modelfiles.progress import Unseen
from tests.quantize_model import half_made, measured, targets, write_imatrix, write_model


@pytest.fixture(scope="module")
def f16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model at f16 that no test changes."""
    return write_model(tmp_path_factory.mktemp("models") / "tiny-f16.gguf")


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


def test_a_quantized_source_is_taken_only_on_demand(f16: Path, tmp_path: Path) -> None:
    """The error names its types; with requantize it is done."""
    source = quantize(f16, targets(tmp_path, "q4_k_m"), progress=Unseen())["q4_k_m"]
    wanted = targets(tmp_path, "q3_k_m")
    with pytest.raises(AlreadyQuantizedError, match=r"\(.*q4_K.*\).*--requantize"):
        quantize(source, wanted, progress=Unseen())
    quantize(source, wanted, requantize=True, progress=Unseen())
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


def test_a_file_that_was_not_made_here_stays(f16: Path, tmp_path: Path) -> None:
    """An operator's own level is told before any other is begun, and no byte of it is changed."""
    wanted = targets(tmp_path, "q8_0", "q4_0")
    wanted["q4_0"].write_bytes(b"the operator's own")
    with pytest.raises(ForeignFileError, match=r"tiny-q4_0\.gguf wasn't made here"):
        quantize(f16, wanted, progress=Unseen())
    assert wanted["q4_0"].read_bytes() == b"the operator's own"
    assert not wanted["q8_0"].exists()


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
