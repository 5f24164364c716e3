"""Levels and reference through the same windows, in turns.

The models take turns: of an 8-billion model the f16 file alone is as large as a 16 GB machine's memory, so
that with a second model beside it both would be read from disk again for every window. The reference goes
through a block of windows, its logits are kept, each level follows through the same block and is compared,
and the block is forgotten. So the reference goes through the text once however many levels there are, memory
holds one model and one block, and nothing is written to disk.
"""

from collections.abc import Callable
from math import isfinite

import numpy as np

from convert.verify.divergence import Divergence, TokenScores, compare, joined, summarize
from convert.verify.job import Compared, CompareJob, Measured, NoNumbers
from convert.verify.scorer import Scorer
from convert.verify.windows import Sample, windows

# The reference's logits of a block: four windows with Llama 3's vocabulary, sixteen with Zephyr's.
BLOCK_BYTES = 512 << 20


def compare_levels(job: CompareJob, measured: Callable[[Measured], None]) -> Compared | NoNumbers:
    """Measure the reference against itself, and each level against the reference.

    Args:
        job: the models, all with one vocabulary, and the text.
        measured: told of each window that has gone through a model.

    Returns:
        The figures, or the first model that has none.

    Raises:
        ModelFailedError: llama.cpp can't run one of the models.
        TextTooShortError: the text has too few tokens.
    """
    sample = job.sample
    with Scorer(job.reference, sample, job.threads) as scorer:
        chosen = windows(scorer.tokens(job.text), sample)
        per_block = min(len(chosen), windows_per_block(sample, scorer.vocabulary_size))
        block = np.empty((per_block, sample.scored, scorer.vocabulary_size), np.float32)
    for path in job.levels.values():
        # One that can't be loaded is told now, not after the reference's first block.
        Scorer(path, sample, job.threads).close()
    following = chosen[:, sample.first + 1 :]
    scores: dict[str | None, list[TokenScores]] = {name: [] for name in (None, *job.levels)}
    for start in range(0, len(chosen), per_block):
        for name, path in ((None, job.reference), *job.levels.items()):
            with Scorer(path, sample, job.threads) as scorer:
                for position in range(start, min(start + per_block, len(chosen))):
                    logits = scorer.logits(chosen[position])
                    if not np.isfinite(logits).all():
                        return NoNumbers(path)
                    kept = block[position - start]
                    if name is None:
                        kept[:] = logits
                    scores[name].append(compare(kept, logits, following[position]))
                    measured(Measured(path, position + 1, len(chosen)))
    found = {name: summarize(joined(parts)) for name, parts in scores.items()}
    for name, path in ((None, job.reference), *job.levels.items()):
        if not _is_finite(found[name]):
            return NoNumbers(path)
    return Compared(found[None], {name: found[name] for name in job.levels})


def _is_finite(found: Divergence) -> bool:
    figures = (found.perplexity, found.perplexity_ratio)
    return all(isfinite(figure.value) and isfinite(figure.error) for figure in figures)


def windows_per_block(sample: Sample, vocabulary_size: int) -> int:
    """How many windows' logits are kept at a time: as `BLOCK_BYTES` allows, and one in any case."""
    return max(1, BLOCK_BYTES // (sample.scored * vocabulary_size * np.float32().itemsize))
