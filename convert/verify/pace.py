"""How long a measurement still takes, told from how long it has taken."""

from collections.abc import Iterable
from pathlib import Path


class Pace:
    """Windows of several models, each of which has its own speed."""

    def __init__(self, models: Iterable[Path]) -> None:
        self._seconds: dict[Path, list[float]] = {model: [] for model in models}

    def measured(self, model: Path, seconds: float) -> None:
        """One window has gone through a model."""
        self._seconds[model].append(seconds)

    def remaining(self, windows: int) -> float:
        """Seconds until `windows` windows have gone through every model.

        A model that hasn't had its turn is expected to be as fast as the slowest that has.
        """
        means = {model: sum(all_of) / len(all_of) for model, all_of in self._seconds.items() if all_of}
        slowest = max(means.values())
        return sum(
            (windows - len(all_of)) * means.get(model, slowest) for model, all_of in self._seconds.items()
        )


def duration(seconds: float) -> str:
    """Seconds for people: `40 s`, `3 min`, `1 h 20 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:  # noqa: PLR2004  # below that, minutes are too coarse
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004
