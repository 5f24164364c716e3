"""The two ways a BERT's weights stand in an ONNX graph: as float32, or as int8 with scales.

Int8 is dynamic quantization by the scheme of Jacob et al. (2017): weights are symmetric int8 with one scale
an output column, activations become uint8 while the graph runs; ONNX Runtime fuses the nodes of such a
product into one kernel. Products of activations with activations (attention) stay in float32.
"""

from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from convert.encoder.bert import FloatArray

# The widest weight that can't overflow: processors without VNNI add two products of uint8 and int8 in 16
# bits, saturating, where 2 · 255 · 64 still fits. So the integers are the same on every machine.
WEIGHT_LIMIT = 64

# A word vector is multiplied by nothing that could overflow.
TABLE_LIMIT = 127

_ROWS_AT_ONCE = 16_384


class Graph:
    """Nodes and constants of one ONNX graph in the making; every value gets a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401  ONNX attributes are of any kind
        """Append a node with one output and return that output's name."""
        return self.add_many(operator, 1, *inputs, **attributes)[0]

    def add_many(self, operator: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:  # noqa: ANN401
        """Append a node with several outputs and return their names."""
        names = [f"{operator}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Store an array under a name and return the name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


class WeightFormat(Protocol):
    """How tables and matrices stand in the graph."""

    def look_up(self, graph: Graph, name: str, table: FloatArray, ids: str) -> str:
        """Rows of a `(rows, width)` table by int64 ids of any shape, as float32."""
        ...

    def multiply(self, graph: Graph, name: str, matrix: FloatArray, bias: FloatArray, value: str) -> str:
        """`value @ matrix + bias` in float32, the matrix being `(in, out)`."""
        ...


class Float32Weights:
    """Weights as they are."""

    def look_up(self, graph: Graph, name: str, table: FloatArray, ids: str) -> str:
        """See `WeightFormat`."""
        return graph.add("Gather", graph.constant(name, table), ids)

    def multiply(self, graph: Graph, name: str, matrix: FloatArray, bias: FloatArray, value: str) -> str:
        """See `WeightFormat`."""
        product = graph.add("MatMul", value, graph.constant(name, matrix))
        return graph.add("Add", product, graph.constant(f"{name}.bias", bias))


class Int8Weights:
    """Weights as int8, one scale a table row or a matrix column."""

    def look_up(self, graph: Graph, name: str, table: FloatArray, ids: str) -> str:
        """See `WeightFormat`."""
        quantized, scales = quantize_rows(table, TABLE_LIMIT)
        row = graph.add("Gather", graph.constant(name, quantized), ids)
        scale = graph.add("Gather", graph.constant(f"{name}.scale", scales), ids)
        return graph.add("Mul", graph.add("Cast", row, to=onnx.TensorProto.FLOAT), scale)

    def multiply(self, graph: Graph, name: str, matrix: FloatArray, bias: FloatArray, value: str) -> str:
        """See `WeightFormat`."""
        columns, scales = quantize_rows(matrix.T, WEIGHT_LIMIT)
        weight = graph.constant(name, columns.T)
        weight_scale = graph.constant(f"{name}.scale", scales[:, 0])
        quantized, scale, zero = graph.add_many("DynamicQuantizeLinear", 3, value)
        product = graph.add(
            "Cast", graph.add("MatMulInteger", quantized, weight, zero), to=onnx.TensorProto.FLOAT
        )
        scaled = graph.add("Mul", product, graph.add("Mul", scale, weight_scale))
        return graph.add("Add", scaled, graph.constant(f"{name}.bias", bias))


def quantize_rows(matrix: FloatArray, limit: int) -> tuple[NDArray[np.int8], FloatArray]:
    """Quantize each row symmetrically to integers in `[-limit, limit]`.

    Returns:
        The integers, shaped as the matrix, and float32 scales `(rows, 1)`; their product is the matrix again,
        within half a scale.
    """
    quantized = np.empty(matrix.shape, dtype=np.int8)
    scales = np.empty((len(matrix), 1), dtype=np.float32)
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        rows = matrix[start : start + _ROWS_AT_ONCE]
        scale = np.abs(rows).max(axis=1, keepdims=True) / np.float32(limit)
        scale[scale == 0] = 1
        # A subnormal scale has too few bits to divide by.
        np.maximum(scale, np.finfo(np.float32).tiny, out=scale)
        quantized[start : start + _ROWS_AT_ONCE] = np.rint(rows / scale)
        scales[start : start + _ROWS_AT_ONCE] = scale
    return quantized, scales
