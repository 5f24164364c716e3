"""The encoder as numbers: a BERT's hyperparameters and its tensors, under the names Hugging Face gives them.

Both sources (a packed file, a checkpoint folder) are read into a `BertEncoder`; the rest knows only that.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BertConfig:
    """The hyperparameters of Devlin et al. (2018), named as in Hugging Face's config.json."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float

    def problems(self) -> list[str]:
        """What makes these hyperparameters impossible, in words; empty if nothing does."""
        found = [f"{name} is {value}" for name, value in self._sizes().items() if value < 1]
        if not found and self.hidden_size % self.num_attention_heads:
            found.append(
                f"hidden_size {self.hidden_size} doesn't divide into {self.num_attention_heads} heads"
            )
        return found

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor the encoder needs and its shape; matrices are stored `(out, in)`."""
        hidden, inner = self.hidden_size, self.intermediate_size
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.word_embeddings.weight": (self.vocab_size, hidden),
            "embeddings.position_embeddings.weight": (self.max_position_embeddings, hidden),
            "embeddings.token_type_embeddings.weight": (self.type_vocab_size, hidden),
        }
        matrices = {
            "attention.self.query": (hidden, hidden),
            "attention.self.key": (hidden, hidden),
            "attention.self.value": (hidden, hidden),
            "attention.output.dense": (hidden, hidden),
            "intermediate.dense": (inner, hidden),
            "output.dense": (hidden, inner),
        }
        norms = ["embeddings.LayerNorm"]
        for layer in range(self.num_hidden_layers):
            prefix = f"encoder.layer.{layer}"
            norms += [f"{prefix}.attention.output.LayerNorm", f"{prefix}.output.LayerNorm"]
            for name, shape in matrices.items():
                shapes[f"{prefix}.{name}.weight"] = shape
                shapes[f"{prefix}.{name}.bias"] = shape[:1]
        for norm in norms:
            shapes[f"{norm}.weight"] = shapes[f"{norm}.bias"] = (hidden,)
        return shapes

    def _sizes(self) -> dict[str, int]:
        return {
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "type_vocab_size": self.type_vocab_size,
        }


@dataclass(frozen=True, slots=True)
class BertEncoder:
    """A checked encoder. `tensor(name)` reads one tensor anew, so that they needn't all be in memory."""

    config: BertConfig
    tensor: Callable[[str], FloatArray]


def tensor_problems(
    expected: Mapping[str, tuple[int, ...]],
    found: Mapping[str, tuple[int, ...]],
    ignored: Iterable[str] = (),
) -> list[str]:
    """Name every tensor that is missing, has another shape, or isn't known (and isn't one of `ignored`)."""
    problems = [f"tensor {name} is missing" for name in expected if name not in found]
    problems += [
        f"tensor {name} has shape {found[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    known = {*expected, *ignored}
    problems += [f"tensor {name} is unknown" for name in found if name not in known]
    return problems
