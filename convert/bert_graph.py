"""A BERT encoder (Devlin et al. 2018) as an ONNX graph of standard operators.

Inputs `input_ids` and `attention_mask`, both int64 `(batch, tokens)`; output `last_hidden_state`, float32
`(batch, tokens, hidden)`. Positions count from 0, the token type is always 0, GELU is the exact one (by Erf).
"""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper

from convert.bert import BertConfig, BertEncoder
from convert.onnx_precision import Graph, WeightFormat

OPSET = 17
# The newest IR that came with opset 17, so that any runtime which knows the opset reads the file.
IR_VERSION = 8


def build_bert_graph(
    encoder: BertEncoder, weights: WeightFormat, *, on_layer: Callable[[int], None] = lambda _layer: None
) -> onnx.ModelProto:
    """Build the graph, weights inside. `on_layer` is called with the number of layers that are done."""
    graph = Graph()
    hidden = _embeddings(graph, encoder, weights)
    bias = _attention_bias(graph)
    for layer in range(encoder.config.num_hidden_layers):
        hidden = _layer(graph, encoder, weights, f"encoder.layer.{layer}", hidden, bias)
        on_layer(layer + 1)
    graph.nodes.append(helper.make_node("Identity", [hidden], ["last_hidden_state"]))
    return _model(graph, encoder.config)


def _model(graph: Graph, config: BertConfig) -> onnx.ModelProto:
    tokens = ["batch", "tokens"]
    inputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.INT64, tokens)
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info(
        "last_hidden_state", onnx.TensorProto.FLOAT, [*tokens, config.hidden_size]
    )
    proto = helper.make_graph(graph.nodes, "bert", inputs, [output], initializer=graph.initializers)
    return helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="futfut"
    )


def _embeddings(graph: Graph, encoder: BertEncoder, weights: WeightFormat) -> str:
    words = weights.look_up(graph, "words", encoder.tensor("embeddings.word_embeddings.weight"), "input_ids")
    # Token type 0 everywhere: its vector is one more constant of each position.
    positions = encoder.tensor("embeddings.position_embeddings.weight")
    positions = positions + encoder.tensor("embeddings.token_type_embeddings.weight")[0]
    length = graph.add("Shape", "input_ids", start=1, end=2)
    zero, one = (
        graph.constant("zero", np.array([0], np.int64)),
        graph.constant("one", np.array([1], np.int64)),
    )
    there = graph.add("Slice", graph.constant("positions", positions), zero, length, zero, one)
    return _layer_norm(graph, encoder, "embeddings.LayerNorm", graph.add("Add", words, there))


def _attention_bias(graph: Graph) -> str:
    """`(batch, 1, 1, tokens)`: 0 where there is a token, the lowest float where there is padding."""
    axes = graph.constant("mask.axes", np.array([1, 2], np.int64))
    mask = graph.add("Cast", graph.add("Unsqueeze", "attention_mask", axes), to=onnx.TensorProto.FLOAT)
    absent = graph.add("Sub", graph.constant("mask.one", np.array(1, np.float32)), mask)
    return graph.add("Mul", absent, graph.constant("mask.lowest", np.array(np.finfo(np.float32).min)))


def _layer(
    graph: Graph, encoder: BertEncoder, weights: WeightFormat, prefix: str, value: str, bias: str
) -> str:
    attended = _attention(graph, encoder, weights, prefix, value, bias)
    value = _layer_norm(
        graph, encoder, f"{prefix}.attention.output.LayerNorm", graph.add("Add", attended, value)
    )
    inner = _linear(graph, encoder, weights, f"{prefix}.intermediate.dense", value)
    outer = _linear(graph, encoder, weights, f"{prefix}.output.dense", _gelu(graph, prefix, inner))
    return _layer_norm(graph, encoder, f"{prefix}.output.LayerNorm", graph.add("Add", outer, value))


def _attention(
    graph: Graph, encoder: BertEncoder, weights: WeightFormat, prefix: str, value: str, bias: str
) -> str:
    """Multi-head scaled dot-product attention (Vaswani et al. 2017), the three projections as one product."""
    config = encoder.config
    width = config.hidden_size // config.num_attention_heads
    parts = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
    matrix = np.concatenate([encoder.tensor(f"{part}.weight") for part in parts]).T
    offsets = np.concatenate([encoder.tensor(f"{part}.bias") for part in parts])
    # Scaling the queries' weights once spares scaling every product of queries with keys.
    scale = np.float32(1 / np.sqrt(width))
    matrix = np.concatenate(
        [matrix[:, : config.hidden_size] * scale, matrix[:, config.hidden_size :]], axis=1
    )
    offsets = np.concatenate([offsets[: config.hidden_size] * scale, offsets[config.hidden_size :]])

    projected = weights.multiply(graph, f"{prefix}.attention.self", matrix, offsets, value)
    heads = graph.constant(f"{prefix}.heads", np.array([0, 0, config.num_attention_heads, width], np.int64))
    query, key, content = (
        graph.add("Reshape", part, heads) for part in graph.add_many("Split", 3, projected, axis=2)
    )
    scores = graph.add(
        "MatMul",
        graph.add("Transpose", query, perm=[0, 2, 1, 3]),
        graph.add("Transpose", key, perm=[0, 2, 3, 1]),
    )
    shares = graph.add("Softmax", graph.add("Add", scores, bias), axis=-1)
    mixed = graph.add("MatMul", shares, graph.add("Transpose", content, perm=[0, 2, 1, 3]))
    joined = graph.constant(f"{prefix}.joined", np.array([0, 0, config.hidden_size], np.int64))
    flat = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
    return _linear(graph, encoder, weights, f"{prefix}.attention.output.dense", flat)


def _linear(graph: Graph, encoder: BertEncoder, weights: WeightFormat, name: str, value: str) -> str:
    return weights.multiply(
        graph, name, encoder.tensor(f"{name}.weight").T, encoder.tensor(f"{name}.bias"), value
    )


def _layer_norm(graph: Graph, encoder: BertEncoder, name: str, value: str) -> str:
    gain = graph.constant(f"{name}.weight", encoder.tensor(f"{name}.weight"))
    offset = graph.constant(f"{name}.bias", encoder.tensor(f"{name}.bias"))
    return graph.add(
        "LayerNormalization", value, gain, offset, axis=-1, epsilon=encoder.config.layer_norm_eps
    )


def _gelu(graph: Graph, prefix: str, value: str) -> str:
    """`x / 2 · (1 + erf(x / √2))`, node by node in the order in which ONNX Runtime knows it again."""
    scaled = graph.add("Div", value, graph.constant(f"{prefix}.gelu.root", np.array(np.sqrt(2), np.float32)))
    shifted = graph.add(
        "Add", graph.add("Erf", scaled), graph.constant(f"{prefix}.gelu.one", np.array(1, np.float32))
    )
    half = graph.constant(f"{prefix}.gelu.half", np.array(0.5, np.float32))
    return graph.add("Mul", graph.add("Mul", value, shifted), half)
