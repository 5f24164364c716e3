"""Whether a level is good enough: its figures against the thresholds, with reasons in words."""

from collections.abc import Iterator, Sequence

from convert.verify.divergence import Divergence
from convert.verify.report import Row
from modelfiles.catalog import Quality
from modelfiles.verdict import Verdict


def verdict(row: Row, thresholds: Quality) -> Verdict:
    """Judge a level by its figures."""
    reasons = tuple(_reasons(row.divergence, row.persona_faults, thresholds))
    return Verdict(row.sha256, passed=not reasons, reasons=reasons)


def _reasons(
    divergence: Divergence, persona_faults: Sequence[str] | None, thresholds: Quality
) -> Iterator[str]:
    # Asked so that what can't be compared fails: NaN is neither over a limit nor under it.
    kl_divergence = divergence.kl_divergence.mean
    if not kl_divergence <= thresholds.kl_divergence:
        yield f"its KL divergence is {kl_divergence:.4f}, over {thresholds.kl_divergence:g}"
    ratio = divergence.perplexity_ratio.value
    if not ratio <= thresholds.perplexity_ratio:
        yield f"its perplexity is {ratio:.3f} times the reference's, over {thresholds.perplexity_ratio:g}"
    agreement = divergence.top_1_agreement.value
    if not agreement >= thresholds.top_1_agreement:
        yield (
            f"it agrees with the reference on {agreement:.1%} of the likeliest tokens, "
            f"under {thresholds.top_1_agreement:.1%}"
        )
    if persona_faults is None:
        yield "it is too large for this machine's memory, so that it couldn't be asked anything"
    elif len(persona_faults) > thresholds.persona_faults:
        yield (
            f"it gives {len(persona_faults)} wrong answers, over {thresholds.persona_faults}; "
            f"to {persona_faults[0]}"
        )
