"""A low-rank update of one weight: W + scale·B·A, as LoRA adds it (https://arxiv.org/abs/2106.09685)."""

import msgspec
import numpy as np

from convert.checkpoint.tensor import FloatArray, Tensor


class LowRank(msgspec.Struct, frozen=True):
    """What an adapter adds to one weight: `a` is (rank, inputs), `b` is (outputs, rank).

    `alpha` is the scale times the rank: the number by which adapters, and llama.cpp, know their scale.
    """

    a: Tensor
    b: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        """The inner dimension of B·A."""
        return self.a.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weight that this is for."""
        return (self.b.shape[0], self.a.shape[1])

    def rows(self, start: int, stop: int) -> FloatArray:
        """Rows `start` to `stop` (not included) of scale·B·A."""
        # The scale goes to B, the smaller factor of a few rows.
        scaled: FloatArray = self.b.rows(start, stop) * np.float32(self.alpha / self.rank)
        return scaled @ self.a.rows(0, self.rank)
