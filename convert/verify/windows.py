"""Which tokens of a text are measured."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.errors import TextTooShortError

Tokens = NDArray[np.int32]

LEAST_WINDOWS = 2


class Sample(msgspec.Struct, frozen=True):
    """How much is measured: windows of `window` tokens, as many as it takes to score `tokens`."""

    tokens: int = 2048
    window: int = 512

    @property
    def first(self) -> int:
        """The first position whose prediction is scored.

        The half before it is only read, so that every scored token has some text in front: the convention of
        llama.cpp's perplexity tool, and of https://huggingface.co/docs/transformers/perplexity.
        """
        return self.window // 2

    @property
    def scored(self) -> int:
        """How many predictions of a window are scored: the last one has nothing to be compared with."""
        return self.window - 1 - self.first


def windows(tokens: Sequence[int], sample: Sample) -> Tokens:
    """Windows taken evenly from a whole text, so that each of its parts counts; fewer if it is short.

    Returns:
        An array of shape [windows, sample.window].

    Raises:
        TextTooShortError: there aren't `LEAST_WINDOWS`.
    """
    there = len(tokens) // sample.window
    if there < LEAST_WINDOWS:
        raise TextTooShortError(len(tokens), LEAST_WINDOWS * sample.window)
    count = min(there, max(LEAST_WINDOWS, -(-sample.tokens // sample.scored)))
    pieces = np.asarray(tokens[: there * sample.window], dtype=np.int32).reshape(there, sample.window)
    return pieces[[position * there // count for position in range(count)]]
