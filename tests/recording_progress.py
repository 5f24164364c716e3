"""A progress that keeps what it was told, for tests to look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelfiles.progress import Advance


@dataclass
class RecordingProgress:
    """Keeps what was told, where each bar began, and how far it came."""

    lines: list[str] = field(default_factory=list)
    begun: dict[str, int] = field(default_factory=dict)
    bars: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def say(self, line: str) -> None:
        """Keep the line."""
        self.lines.append(line)

    @contextmanager
    def bar(self, label: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Keep how far it comes; a bar that would overshoot is a mistake."""
        assert done <= total
        self.begun[label] = self.bars[label] = done
        self.totals[label] = total

        def advance(count: int) -> None:
            self.bars[label] += count
            assert self.bars[label] <= total

        yield advance
