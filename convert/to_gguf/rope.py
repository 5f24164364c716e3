"""Llama 3.1's stretched positions, as the factors by which llama.cpp divides each frequency.

The formula is that of Meta's own model code (llama-models, `apply_scaling`).
"""

import math

import numpy as np

from convert.checkpoint.rope import Llama3Scaling
from convert.checkpoint.tensor import FloatArray


def frequency_factors(base: float, head_dim: int, scaling: Llama3Scaling) -> FloatArray:
    """One factor for each pair of numbers that is turned, `(head_dim / 2,)`: 1 leaves its frequency alone."""
    # In float32 from the start, as the models compute them.
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    frequencies = 1 / np.float32(base) ** exponents
    factors = [_factor(2 * math.pi / float(frequency), scaling) for frequency in frequencies]
    return np.array(factors, dtype=np.float32)


def _factor(wavelength: float, scaling: Llama3Scaling) -> float:
    """What the frequency of a wavelength, in tokens, is divided by."""
    turns = scaling.original_context / wavelength
    if turns > scaling.high_freq_factor:
        return 1
    if turns < scaling.low_freq_factor:
        return scaling.factor
    between = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    return 1 / ((1 - between) / scaling.factor + between)
