"""The ONNX graph against a forward pass written independently in numpy."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from convert.encoder.bert import BertEncoder
from convert.encoder.bert_graph import build_bert_graph
from convert.encoder.onnx_precision import Float32Weights, Int8Weights, WeightFormat, quantize_rows
from convert.encoder.packed import read_packed
from tests.tiny_encoder import CONFIG, Tensors, embedding, forward, random_tensors, write_packed

TEXTS = [[0, 5, 8, 9, 11, 2], [0, 3, 2], [0, *range(4, 26), 2]]


def run(encoder: BertEncoder, weights: WeightFormat, texts: list[list[int]]) -> NDArray[np.float32]:
    """The last hidden states of a batch, padded with an id that would change them if it were seen."""
    longest = max(map(len, texts))
    ids = np.array([text + [7] * (longest - len(text)) for text in texts])
    mask = np.array([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    model = build_bert_graph(encoder, weights).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (hidden,) = session.run(["last_hidden_state"], {"input_ids": ids, "attention_mask": mask})
    assert isinstance(hidden, np.ndarray)
    return hidden


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    """Random weights, the same for every test."""
    return random_tensors()


def test_fp32_is_the_forward_pass(tensors: Tensors) -> None:
    """Every hidden state of a padded batch is the one that the text alone gets, to float32's precision."""
    hidden = run(BertEncoder(CONFIG, tensors.__getitem__), Float32Weights(), TEXTS)

    for row, text in zip(hidden, TEXTS, strict=True):
        np.testing.assert_allclose(row[: len(text)], forward(tensors, text), rtol=1e-4, atol=1e-4)


def test_a_packed_file_gives_the_forward_pass_of_what_it_holds(tmp_path: Path, tensors: Tensors) -> None:
    """From the file on disk to hidden states, nothing is lost beyond the 4 bits themselves."""
    held = write_packed(tmp_path / "tiny.bin", tensors)

    hidden = run(read_packed(tmp_path / "tiny.bin").encoder, Float32Weights(), TEXTS)

    for row, text in zip(hidden, TEXTS, strict=True):
        np.testing.assert_allclose(row[: len(text)], forward(held, text), rtol=1e-4, atol=1e-4)


def test_int8_points_the_same_way(tensors: Tensors) -> None:
    """Dynamic quantization keeps each text's vector within a cosine of 0.99."""
    for text in TEXTS:
        mean = run(BertEncoder(CONFIG, tensors.__getitem__), Int8Weights(), [text])[0].mean(axis=0)
        assert mean @ embedding(tensors, text) / np.linalg.norm(mean) > 0.99


def test_int8_stores_a_byte_a_weight(tensors: Tensors) -> None:
    """Tables and matrices are int8 in the file; what stays float32 is small."""
    model = build_bert_graph(BertEncoder(CONFIG, tensors.__getitem__), Int8Weights())
    matrices = [one for one in model.graph.initializer if len(one.dims) == 2 and min(one.dims) >= 32]

    assert {one.data_type for one in matrices} == {3}  # TensorProto.INT8
    assert len(matrices) == 1 + 4 * CONFIG.num_hidden_layers


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-1e6, 1e6, width=32)))
def test_quantized_rows_are_within_half_a_step(matrix: NDArray[np.float32]) -> None:
    """Integers stay inside the limit, and no weight moves by more than half of its row's scale."""
    quantized, scales = quantize_rows(matrix, 64)

    assert np.abs(quantized.astype(int)).max() <= 64
    assert np.all(np.abs(quantized * scales - matrix) <= scales * 0.5001)
