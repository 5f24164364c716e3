"""What a person sees while something takes its time: bars on a terminal, one line a step anywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from modelfiles.progress import Advance, Progress


class LineProgress:
    """One line a step: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """Print the line."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def bar(self, label: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Print how much there is to do, then nothing."""
        rest = f", {done / 1e6:,.0f} MB of it done" if done else ""
        self.say(f"  {label} ({total / 1e6:,.0f} MB{rest})")
        yield lambda _: None


class TerminalProgress(LineProgress):
    """Bars with bytes, speed and the time that remains."""

    @contextmanager
    def bar(self, label: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Show a bar while the step lasts; it goes away when the step is over."""
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=self._console, transient=True) as bars:
            task = bars.add_task(label, total=total, completed=done)
            yield lambda advance: bars.update(task, advance=advance)


def progress_on(console: Console) -> Progress:
    """Bars if the console is a terminal, else lines."""
    return TerminalProgress(console) if console.is_terminal else LineProgress(console)
