"""Divergence: the arithmetic, against sums written out and cases whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convert.verify.divergence import Logits, TokenScores, compare, joined, summarize

ROWS = arrays(np.float32, (5, 7), elements=st.floats(-60, 60, width=32))
FOLLOWING = np.array([0, 3, 6, 2, 2])


def by_hand(logits: list[float]) -> list[float]:
    """Log-probabilities, one after the other."""
    total = math.log(math.fsum(math.exp(value - max(logits)) for value in logits)) + max(logits)
    return [value - total for value in logits]


@given(ROWS, ROWS)
def test_scores_are_the_sums_of_the_definition(reference: Logits, level: Logits) -> None:
    """Loss, KL divergence and agreement of each token, whatever the logits."""
    scores = compare(reference, level, FOLLOWING)
    for row, following in enumerate(FOLLOWING):
        p, q = by_hand(reference[row].tolist()), by_hand(level[row].tolist())
        divergence = math.fsum(math.exp(a) * (a - b) for a, b in zip(p, q, strict=True))
        assert scores.loss[row] == pytest.approx(-q[following], abs=1e-9)
        assert scores.reference_loss[row] == pytest.approx(-p[following], abs=1e-9)
        assert scores.kl_divergence[row] == pytest.approx(divergence, abs=1e-9)
        assert scores.same_top[row] == (reference[row].argmax() == level[row].argmax())


@given(ROWS, st.floats(-50, 50, width=16))
def test_a_level_that_predicts_the_same_loses_nothing(logits: Logits, shift: float) -> None:
    """Not even where all logits are shifted: probabilities are what counts."""
    same = summarize(compare(logits, logits, FOLLOWING))
    assert (same.kl_divergence.max, same.perplexity_ratio.value, same.top_1_agreement.value) == (0, 1, 1)
    shifted = compare(logits, logits + np.float32(shift), FOLLOWING)
    assert shifted.kl_divergence == pytest.approx(np.zeros(5), abs=1e-4)


def test_known_distributions() -> None:
    """A reference that is sure, and a level that has no idea: ln 4, and a perplexity of 4."""
    sure = np.array([[50, 0, 0, 0]] * 3, np.float32)
    clueless = np.zeros((3, 4), np.float32)
    found = summarize(compare(sure, clueless, np.zeros(3, int)))
    assert found.kl_divergence.mean == pytest.approx(math.log(4))
    assert found.perplexity.value == found.perplexity_ratio.value == pytest.approx(4)


def test_figures_of_known_scores() -> None:
    """Mean, standard error, median, 99th percentile and maximum; errors are those of a mean over tokens."""
    values = np.arange(101, dtype=np.float64)
    found = summarize(TokenScores(values / 100, values / 200, values, values % 2))
    spread = found.kl_divergence
    assert (spread.mean, spread.median, spread.p99, spread.max) == (50, 50, 99, 100)
    assert spread.error == pytest.approx(np.std(values, ddof=1) / math.sqrt(101))
    assert found.perplexity.value == pytest.approx(math.exp(0.5))
    assert found.perplexity_ratio.value == pytest.approx(math.exp(0.25))
    assert found.perplexity_ratio.error == pytest.approx(math.exp(0.25) * spread.error / 200)
    assert found.top_1_agreement.value == pytest.approx(50 / 101)
    assert found.tokens == 101


def test_pieces_join_in_order() -> None:
    """What is scored window by window is what would be scored at once."""
    random = np.random.default_rng(3)
    reference, level = random.normal(size=(2, 9, 11)).astype(np.float32)
    following = random.integers(0, 11, 9)
    parts = [compare(reference[rows], level[rows], following[rows]) for rows in (slice(0, 2), slice(2, 9))]
    assert summarize(joined(parts)) == summarize(compare(reference, level, following))
