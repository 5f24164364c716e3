"""What the benchmarks print: one table of times and ratios, the same in a terminal and in a Markdown file."""

from collections.abc import Sequence
from dataclasses import dataclass

_HEAD = ("measurement", "size", "FutFut", "against", "takes", "ratio", "note")
_MICROSECONDS, _MILLISECONDS = 1e-6, 1e-3


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: FutFut's median time in seconds, and the median of what it is held against.

    `other` is None where there is nothing to hold it against, or where that took too long; then the note says
    so.
    """

    what: str
    size: str
    ours: float
    against: str = ""
    other: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """FutFut's time divided by the other's: below 1, FutFut is quicker."""
        return self.ours / self.other if self.other else None


def render(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table whose columns are aligned, so that it reads well unrendered too."""
    lines = [_HEAD, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(cells, widths) for cells in (lines[0], rule, *lines[1:]))


def duration(seconds: float) -> str:
    """Three significant digits, in the unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", _MILLISECONDS)):
        if seconds >= size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds / _MICROSECONDS)} µs"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:.3g}"  # beyond, %g turns to exponents


def _cells(row: Row) -> tuple[str, ...]:
    other = "—" if row.other is None else duration(row.other)
    ratio = "—" if row.ratio is None else f"{row.ratio:.2g}" if row.ratio < 0.1 else f"{row.ratio:.2f}"
    return row.what, row.size, duration(row.ours), row.against, other, ratio, row.note


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))} |"
