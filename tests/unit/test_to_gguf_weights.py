"""Weights on their way into GGUF: their order, their rounding, and what is refused."""

from pathlib import Path

import gguf
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from convert.architectures import PlannedTensor
from convert.checkpoint.open import open_checkpoint
from convert.checkpoint.tensor import FloatArray, StoredType
from convert.errors import NotANumberError, WeightRangeError
from convert.to_gguf import weights
from convert.to_gguf.convert import convert
from convert.to_gguf.weights import OutputType, blocks, encoded, permute_heads
from modelfiles.progress import Unseen
from tests.tiny_checkpoint import TinyCheckpoint, values, write_tiny_checkpoint

# Within the range that float16 rounds into, whose last number is 65504.
NUMBERS = arrays.arrays(np.float32, 32, elements=st.floats(-65504, 65504, width=32))


class InMemory(msgspec.Struct, frozen=True):
    """A tensor that is at hand."""

    numbers: FloatArray
    stored_as: StoredType = "F32"

    @property
    def shape(self) -> tuple[int, ...]:
        """As in the checkpoint."""
        return self.numbers.shape

    def rows(self, start: int, stop: int) -> FloatArray:
        """Some of its rows."""
        return self.numbers[start:stop]


@given(NUMBERS)
def test_bfloat16_rounds_to_nearest(numbers: FloatArray) -> None:
    """bfloat16 is rounded as the gguf package and ggml round it."""
    expected = gguf.quants.quantize(numbers, gguf.GGMLQuantizationType.BF16)
    assert encoded(numbers, "bf16", "w").tobytes() == expected.tobytes()


@given(arrays.arrays(np.uint16, 16))
def test_bfloat16_comes_back(bits: NDArray[np.uint16]) -> None:
    """What was bfloat16 is bfloat16 again, to the last bit."""
    numbers = (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if np.isfinite(numbers).all():
        assert encoded(numbers, "bf16", "w").tobytes() == bits.tobytes()


@pytest.mark.parametrize("output", ["f16", "bf16", "f32"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_no_numbers(output: OutputType, wrong: float) -> None:
    """A weight that is no number is refused whatever it is to become, with the tensor's name."""
    with pytest.raises(NotANumberError, match="lm_head"):
        encoded(np.array([0, wrong], np.float32), output, "lm_head.weight")


def test_beyond_float16() -> None:
    """A weight that float16 would turn into infinity is refused, and bfloat16 is named as the way."""
    large = np.array([-1e5, 3], np.float32)
    with pytest.raises(WeightRangeError, match="--type bf16") as refused:
        encoded(large, "f16", "lm_head.weight")
    assert refused.value.largest == 1e5
    assert encoded(large, "bf16", "lm_head.weight").size == 2


def test_permutation() -> None:
    """The halves of each head are interleaved, head by head."""
    rows = np.arange(8, dtype=np.float32).reshape(8, 1)
    assert permute_heads(rows, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize("limit", [1, 7, 64, 1 << 20])
def test_blocks_make_no_difference(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows are taken at a time, the same numbers come out: heads are never cut."""
    numbers = values("w", (24, 5))
    planned = PlannedTensor("w", "blk.0.attn_q.weight", (24, 5), 3)
    monkeypatch.setattr(weights, "_BLOCK_NUMBERS", limit)
    found = np.concatenate(list(blocks(InMemory(numbers), planned, "f32")))
    assert np.array_equal(found, permute_heads(numbers, 3))


def test_overflow_while_converting(tmp_path: Path) -> None:
    """A whole checkpoint with one weight too large is refused by the tensor's name."""
    folder = write_tiny_checkpoint(tmp_path / "model", TinyCheckpoint(stored_as="F32"))
    checkpoint = open_checkpoint(folder)
    name = "model.layers.1.mlp.up_proj.weight"
    large = InMemory(np.full(checkpoint.tensors[name].shape, 70000, np.float32))
    replaced = msgspec.structs.replace(checkpoint, tensors={**checkpoint.tensors, name: large})
    with pytest.raises(WeightRangeError, match=name):
        convert(replaced, tmp_path / "out.gguf", progress=Unseen())
