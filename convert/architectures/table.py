"""The form of an architecture's table: its tensors by both of their names, and what else GGUF wants told."""

from collections.abc import Iterator
from typing import Literal

import msgspec

Dimension = Literal["vocabulary", "hidden", "inner", "query", "key"]
Heads = Literal["heads", "kv_heads"]
FurtherKey = Literal["vocab_size", "rope.dimension_count", "attention.key_length", "add_space_prefix"]


class Sizes(msgspec.Struct, frozen=True):
    """How large a model is: the numbers that decide its tensors' shapes."""

    layers: int
    vocabulary: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    head_dim: int
    tied: bool

    @property
    def query(self) -> int:
        """The width of all query heads together."""
        return self.heads * self.head_dim

    @property
    def key(self) -> int:
        """The width of all key heads together, and of all value heads."""
        return self.kv_heads * self.head_dim


class Weight(msgspec.Struct, frozen=True):
    """A tensor: Hugging Face's `name` for it, GGUF's, and its shape, rows (outputs) first.

    `permuted` names the heads whose rows GGUF has in another order, see `convert.to_gguf.weights`.
    """

    name: str
    gguf: str
    shape: tuple[Dimension, ...]
    permuted: Heads | None = None


class PlannedTensor(msgspec.Struct, frozen=True):
    """A tensor of one model. Its rows are permuted in each of `permuted_heads` heads, if in any."""

    name: str
    gguf: str
    shape: tuple[int, ...]
    permuted_heads: int | None


class Architecture(msgspec.Struct, frozen=True):
    """A kind of model: `name` as config.json has it, `gguf` as GGUF calls it, and its tensors.

    `layer` are those that each layer has, named within the layer. `output` is missing where the embeddings
    serve as output, too. `further_keys` are what GGUF is told beside what it is told of every architecture.
    """

    name: str
    gguf: str
    embedding: Weight
    layer: tuple[Weight, ...]
    norm: Weight
    output: Weight
    further_keys: frozenset[FurtherKey] = frozenset()

    def tensors(self, sizes: Sizes) -> Iterator[PlannedTensor]:
        """All tensors of a model of these sizes, in the order in which they are used."""
        yield _planned(self.embedding, sizes)
        for number in range(sizes.layers):
            for weight in self.layer:
                yield _planned(weight, sizes, f"model.layers.{number}.", f"blk.{number}.")
        yield _planned(self.norm, sizes)
        if not sizes.tied:
            yield _planned(self.output, sizes)


def _planned(weight: Weight, sizes: Sizes, prefix: str = "", gguf_prefix: str = "") -> PlannedTensor:
    return PlannedTensor(
        name=prefix + weight.name,
        gguf=gguf_prefix + weight.gguf,
        shape=tuple(getattr(sizes, dimension) for dimension in weight.shape),
        permuted_heads=getattr(sizes, weight.permuted) if weight.permuted else None,
    )
