"""Reports as verification would give them, without measuring."""

from msgspec.structs import replace

from convert.verify.divergence import Divergence, Estimate, Spread
from convert.verify.job import Speed
from convert.verify.judge import verdict
from convert.verify.report import Basis, Report, Row
from modelfiles.catalog import Quality

THRESHOLDS = Quality(kl_divergence=0.06, perplexity_ratio=1.05, top_1_agreement=0.88, persona_faults=0)
FITTING = Speed(0.5, 180.0, 20.0, 1_000_000_000)


def row(  # noqa: PLR0913  # one figure each
    level: str,
    gigabytes: float,
    kl_divergence: float = 0.0,
    *,
    agreement: float = 0.95,
    ratio: float = 1.0,
    faults: tuple[str, ...] | None = (),
) -> Row:
    """One level, judged."""
    divergence = Divergence(
        tokens=2295,
        perplexity=Estimate(25 * ratio, 1.8),
        perplexity_ratio=Estimate(ratio, 0.01),
        kl_divergence=Spread(kl_divergence, 0.001, kl_divergence, 6 * kl_divergence, 20 * kl_divergence),
        top_1_agreement=Estimate(agreement, 0.005),
    )
    found = Row(
        level=level,
        file=f"mini-{level}.gguf",
        file_bytes=int(gigabytes * 1e9),
        sha256=level,
        divergence=divergence,
        speed=None if faults is None else FITTING,
        persona_faults=faults,
    )
    return replace(found, verdict=verdict(found, THRESHOLDS))


def report(*rows: Row) -> Report:
    """A report whose first row is the reference."""
    basis = Basis("r", "t", 2048, 512, 2, "q")
    return Report(reference=rows[0].level, basis=basis, thresholds=THRESHOLDS, rows=rows)
