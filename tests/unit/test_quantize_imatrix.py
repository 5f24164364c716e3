"""Importance matrices: what is read from llama.cpp's two kinds of file, and what is refused."""

import struct
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert.errors import ImatrixError
from convert.quantize.imatrix import Imatrix, _from_dat, misfits, read_imatrix
from tests.quantize_model import Array, write_imatrix
from tests.tiny_model import write_tiny_model

SUMS = {"blk.0.attn_q.weight": np.array([10, 20, 40], np.float32)}


def as_dat(sums: Mapping[str, Array], calls: int, trailer: bytes = b"") -> bytes:
    data = struct.pack("<i", len(sums))
    for name, values in sums.items():
        data += struct.pack("<i", len(name.encode())) + name.encode() + struct.pack("<ii", calls, values.size)
        data += values.astype("<f4").tobytes()
    return data + trailer


def test_the_mean_of_each_column(tmp_path: Path) -> None:
    """A GGUF matrix gives sums and the number of inputs: what counts is their mean, in the file's order."""
    matrix = read_imatrix(write_imatrix(tmp_path / "a.gguf", SUMS, inputs=10))
    assert {name: means.tolist() for name, means in matrix.means.items()} == {
        "blk.0.attn_q.weight": [1, 2, 4]
    }
    assert matrix.dataset == "futsal.txt"
    assert matrix.chunks == 2


def test_an_expert_that_was_never_asked_counts_each_column_alike(tmp_path: Path) -> None:
    """Its sums are all zero, which would mean that its weights don't matter at all."""
    path = tmp_path / "experts.gguf"
    writer = gguf.GGUFWriter(path, "")
    writer.add_array("imatrix.datasets", ["a.txt"])
    writer.add_uint32("imatrix.chunk_count", 1)
    writer.add_tensor("blk.0.ffn_up_exps.weight.in_sum2", np.array([[8, 6], [0, 0]], np.float32))
    writer.add_tensor("blk.0.ffn_up_exps.weight.counts", np.array([[2], [0]], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert read_imatrix(path).means["blk.0.ffn_up_exps.weight"].tolist() == [4, 3, 1, 1]


@pytest.mark.parametrize(
    ("trailer", "dataset", "chunks"),
    [
        (b"", None, 0),
        (struct.pack("<ii", 7, 0), None, 7),
        (struct.pack("<ii", 7, 5) + b"a.txt", "a.txt", 7),
    ],
)
def test_the_older_kind(tmp_path: Path, trailer: bytes, dataset: str | None, chunks: int) -> None:
    """A .dat matrix has sums of means a call; what it was measured on may be missing."""
    path = tmp_path / "old.dat"
    path.write_bytes(as_dat(SUMS, 5, trailer))
    matrix = read_imatrix(path)
    assert matrix.means["blk.0.attn_q.weight"].tolist() == [2, 4, 8]
    assert (matrix.dataset, matrix.chunks) == (dataset, chunks)


@given(
    st.dictionaries(st.text(min_size=1), st.lists(st.floats(0, 1e6, width=32), min_size=1), min_size=1),
    st.data(),
)
def test_an_older_file_that_is_cut_off_is_never_read(
    sums: dict[str, list[float]], data: st.DataObject
) -> None:
    """Wherever it is cut; and whole it gives back what was written."""
    written = {name: np.array(values, np.float32) for name, values in sums.items()}
    whole = as_dat(written, 0)
    found = _from_dat(whole)
    assert {name: means.tolist() for name, means in found.means.items()} == {
        name: values.tolist() for name, values in written.items()
    }
    with pytest.raises(ValueError, match=r"cut off|can't decode"):
        _from_dat(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_what_is_no_matrix_is_refused(tmp_path: Path) -> None:
    """A model, any other file, an empty matrix, sums without counts, and values that are no numbers."""
    model = write_tiny_model(tmp_path / "model.gguf")
    other = tmp_path / "other.txt"
    other.write_text("풋살은 재밌어요.", encoding="utf-8")
    empty = tmp_path / "empty.dat"
    empty.write_bytes(struct.pack("<i", 0))
    halved = write_imatrix(tmp_path / "halved.gguf", SUMS)
    halved.write_bytes(halved.read_bytes().replace(b".counts", b".kounts"))
    endless = write_imatrix(
        tmp_path / "endless.gguf", {"blk.0.attn_q.weight": np.full(3, np.inf, np.float32)}
    )
    for path, words in (
        (model, "a GGUF file of another kind"),
        (other, "no importance matrix, or cut off"),
        (empty, "it is empty"),
        (halved, "can't be read"),
        (endless, "no finite number"),
    ):
        with pytest.raises(ImatrixError, match=words) as caught:
            read_imatrix(path)
        assert "llama-imatrix" in str(caught.value)
        assert str(path) in str(caught.value)


def test_a_matrix_of_another_model_is_told() -> None:
    """By weights it doesn't know, and by rows of another width; tables to look up are never measured."""
    matrix = Imatrix({"blk.0.attn_q.weight": np.ones(3, np.float32)}, None, 0)
    assert list(misfits(matrix, {"blk.0.attn_q.weight": 3})) == []
    assert list(misfits(matrix, {"blk.0.attn_q.weight": 3, "token_embd.weight": 3, "output.weight": 3})) == []
    assert list(
        misfits(matrix, {"blk.0.attn_q.weight": 4, "blk.1.attn_q.weight": 3, "blk.2.attn_q.weight": 3})
    ) == [
        "it knows nothing of 2 of the model's weights, such as blk.1.attn_q.weight",
        "it has 3 columns of blk.0.attn_q.weight, and the model 4",
    ]
