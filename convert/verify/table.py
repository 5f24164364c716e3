"""A report for people: a table, and why what failed has failed."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from convert.verify.report import Report, Row

_UNKNOWN = "–"
# Narrow enough for a terminal of 80 columns; the report has more.
_COLUMNS = ("MB", "KL", "top 1", "PPL", "read/s", "write/s", "RAM MB", "wrong")


def table(report: Report) -> Table:
    """One line a level, the reference first."""
    tokens = report.rows[0].divergence.tokens
    shown = Table(
        title=f"Against {report.reference}, over {tokens:,} tokens",
        caption="KL: mean KL divergence in nats; top 1: how often both think the same token the likeliest; "
        "PPL: perplexity; read/s, write/s: tokens a second; wrong: answers",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    shown.add_column("level", no_wrap=True)
    for column in _COLUMNS:
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("verdict", no_wrap=True)
    for row in report.rows:
        shown.add_row(*_cells(row), style=None if row.passed else "red")
    return shown


def _cells(row: Row) -> tuple[str, ...]:
    divergence, speed = row.divergence, row.speed
    run = (
        (_UNKNOWN,) * 3
        if speed is None
        else (
            f"{speed.prompt_tokens_per_second:.0f}",
            f"{speed.generation_tokens_per_second:.1f}",
            f"{speed.peak_memory_bytes / 1e6:.0f}",
        )
    )
    return (
        row.level,
        f"{row.file_bytes / 1e6:.0f}",
        f"{divergence.kl_divergence.mean:.4f}",
        f"{divergence.top_1_agreement.value:.1%}",
        f"{divergence.perplexity.value:.2f}",
        *run,
        _UNKNOWN if row.persona_faults is None else str(len(row.persona_faults)),
        "passed" if row.passed else "failed",
    )


def conclusion(report: Report) -> list[str]:
    """What to take, and why not the others."""
    best = report.best
    take = f"Take {best.level}: the smallest that passes." if best else "No level passes."
    return [
        take,
        *(
            f"{row.level} failed: {reason}"
            for row in report.rows
            if row.verdict is not None
            for reason in row.verdict.reasons
        ),
    ]
