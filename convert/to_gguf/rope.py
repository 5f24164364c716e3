"""Llama 3.1's stretched positions, as the factors by which llama.cpp divides each frequency.

The formula is that of Meta's own model code (llama-models, `apply_scaling`).
"""

import math

import numpy as np

from convert.checkpoint.rope import Llama3Scaling
from convert.checkpoint.tensor import FloatArray


def frequency_factors(base: float, head_dim: int, scaling: Llama3Scaling) -> FloatArray:
    """One factor for each pair of numbers that is turned, `(head_dim / 2,)`: 1 leaves its frequency alone."""
    # In float32 all the way, dividing by way of reciprocals, as PyTorch does where models are trained: what
    # is exact in between would be another number at the end.
    one = np.float32(1)
    factor, low, high = map(np.float32, (scaling.factor, scaling.low_freq_factor, scaling.high_freq_factor))
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    frequencies = one / np.power(base, exponents, dtype=np.float64).astype(np.float32)
    wavelengths = one / frequencies * np.float32(2 * math.pi)
    turns = one / wavelengths * np.float32(scaling.original_context)
    between = (turns - low) / (high - low)
    factors = one / ((one - between) / factor + between)
    return np.where(turns > high, one, np.where(turns < low, factor, factors))
