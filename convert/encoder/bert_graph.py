"""A BERT encoder (Devlin et al. 2018) as an ONNX graph of standard operators.

Inputs `input_ids` and `attention_mask`, both int64 `(batch, tokens)`; output `last_hidden_state`, float32
`(batch, tokens, hidden)`. Positions count from 0, the token type is always 0, GELU is the exact one (by Erf).
"""

import numpy as np
import onnx
from onnx import helper

from convert.encoder.bert import BertConfig, BertEncoder
from convert.encoder.onnx_precision import Graph, WeightFormat

OPSET = 17
# The IR that came with opset 17, so that whichever runtime knows the opset reads the file.
IR_VERSION = 8


def build_bert_graph(encoder: BertEncoder, weights: WeightFormat) -> onnx.ModelProto:
    """Build the graph, weights inside, in the precision that `weights` gives them."""
    builder = _BertGraph(encoder, weights)
    builder.build()
    return _model(builder.graph, encoder.config)


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


class _BertGraph:
    """Appends the encoder's nodes to `graph`, one method a part; each takes and returns names of values."""

    def __init__(self, encoder: BertEncoder, weights: WeightFormat) -> None:
        self.graph = Graph()
        self._config = encoder.config
        self._tensor = encoder.tensor
        self._weights = weights

    def build(self) -> None:
        hidden = self._embeddings()
        bias = self._attention_bias()
        for layer in range(self._config.num_hidden_layers):
            hidden = self._layer(f"encoder.layer.{layer}", hidden, bias)
        self.graph.nodes.append(helper.make_node("Identity", [hidden], ["last_hidden_state"]))

    def _embeddings(self) -> str:
        add, constant = self.graph.add, self.graph.constant
        table = self._tensor("embeddings.word_embeddings.weight")
        words = self._weights.look_up(self.graph, "words", table, "input_ids")
        # Token type 0 everywhere: its vector is one more constant of each position.
        positions = self._tensor("embeddings.position_embeddings.weight")
        positions = positions + self._tensor("embeddings.token_type_embeddings.weight")[0]
        zero = constant("zero", np.array([0], np.int64))
        length = add("Shape", "input_ids", start=1, end=2)
        there = add("Slice", constant("positions", positions), zero, length, zero)
        return self._layer_norm("embeddings.LayerNorm", add("Add", words, there))

    def _attention_bias(self) -> str:
        """`(batch, 1, 1, tokens)`: 0 where there is a token, the lowest float where there is padding."""
        add, constant = self.graph.add, self.graph.constant
        axes = constant("mask.axes", np.array([1, 2], np.int64))
        mask = add("Cast", add("Unsqueeze", "attention_mask", axes), to=onnx.TensorProto.FLOAT)
        absent = add("Sub", constant("mask.one", np.array(1, np.float32)), mask)
        return add("Mul", absent, constant("mask.lowest", np.array(np.finfo(np.float32).min)))

    def _layer(self, prefix: str, value: str, bias: str) -> str:
        attended = self._attention(prefix, value, bias)
        value = self._layer_norm(
            f"{prefix}.attention.output.LayerNorm", self.graph.add("Add", attended, value)
        )
        inner = self._gelu(prefix, self._linear(f"{prefix}.intermediate.dense", value))
        outer = self._linear(f"{prefix}.output.dense", inner)
        return self._layer_norm(f"{prefix}.output.LayerNorm", self.graph.add("Add", outer, value))

    def _attention(self, prefix: str, value: str, bias: str) -> str:
        """Multi-head scaled dot-product attention (Vaswani et al. 2017)."""
        add, constant = self.graph.add, self.graph.constant
        hidden, count = self._config.hidden_size, self._config.num_attention_heads
        heads = constant(f"{prefix}.heads", np.array([0, 0, count, hidden // count], np.int64))
        joined = constant(f"{prefix}.joined", np.array([0, 0, hidden], np.int64))

        parts = self.graph.add_many("Split", 3, self._projections(prefix, value), axis=2)
        query, key, content = (add("Reshape", part, heads) for part in parts)
        query = add("Transpose", query, perm=[0, 2, 1, 3])
        key = add("Transpose", key, perm=[0, 2, 3, 1])
        content = add("Transpose", content, perm=[0, 2, 1, 3])
        shares = add("Softmax", add("Add", add("MatMul", query, key), bias), axis=-1)
        mixed = add("Transpose", add("MatMul", shares, content), perm=[0, 2, 1, 3])
        return self._linear(f"{prefix}.attention.output.dense", add("Reshape", mixed, joined))

    def _projections(self, prefix: str, value: str) -> str:
        """Queries, keys and values side by side, from one product: `value` is then quantized once.

        The queries are scaled in their weights, which spares scaling every product of queries with keys.
        """
        hidden = self._config.hidden_size
        names = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
        matrix = np.concatenate([self._tensor(f"{name}.weight") for name in names])
        offsets = np.concatenate([self._tensor(f"{name}.bias") for name in names])
        scale = np.float32(np.sqrt(self._config.num_attention_heads / hidden))
        matrix[:hidden] *= scale
        offsets[:hidden] *= scale
        return self._weights.multiply(self.graph, f"{prefix}.attention.self", matrix.T, offsets, value)

    def _linear(self, name: str, value: str) -> str:
        matrix, offsets = self._tensor(f"{name}.weight").T, self._tensor(f"{name}.bias")
        return self._weights.multiply(self.graph, name, matrix, offsets, value)

    def _layer_norm(self, name: str, value: str) -> str:
        gain = self.graph.constant(f"{name}.weight", self._tensor(f"{name}.weight"))
        offset = self.graph.constant(f"{name}.bias", self._tensor(f"{name}.bias"))
        epsilon = self._config.layer_norm_eps
        return self.graph.add("LayerNormalization", value, gain, offset, axis=-1, epsilon=epsilon)

    def _gelu(self, prefix: str, value: str) -> str:
        """`x · (1 + erf(x / √2)) / 2` (Hendrycks and Gimpel 2016), as ONNX Runtime knows it to fuse it."""
        add, constant = self.graph.add, self.graph.constant
        root = constant(f"{prefix}.gelu.root", np.array(np.sqrt(2), np.float32))
        one = constant(f"{prefix}.gelu.one", np.array(1, np.float32))
        half = constant(f"{prefix}.gelu.half", np.array(0.5, np.float32))
        shifted = add("Add", add("Erf", add("Div", value, root)), one)
        return add("Mul", add("Mul", value, shifted), half)
