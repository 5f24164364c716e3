"""A plan as a person reads it."""

from rich.console import Group
from rich.table import Table

from convert.pipeline.plan import Plan, Step
from convert.verify.pace import duration


def table(plan: Plan, free: int) -> Group:
    """The steps as a table, and below it what they come to; `free` is how many bytes HOME's disk has."""
    steps = Table(title=f"Plan for {plan.model}", title_justify="left", box=None, pad_edge=False)
    steps.add_column("step", no_wrap=True)
    for heading in ("reads", "writes", "about"):
        steps.add_column(heading, justify="right", no_wrap=True)
    steps.add_column("")
    for step in plan.steps:
        steps.add_row(*_row(step))
    return Group(steps, "", *_sums(plan, free))


def _row(step: Step) -> tuple[str, str, str, str, str]:
    if step.skipped:
        return step.name, "", "", "", step.skipped
    note = "into Ollama's own folder" if step.outside else ""
    return step.name, _size(step.reads), _size(step.writes), duration(step.seconds), note


def _sums(plan: Plan, free: int) -> list[str]:
    if plan.is_done:
        return ["Everything is there: nothing is left to do."]
    lines = [f"Disk: {_size(plan.disk) or 'nothing'} below HOME, where {_size(free)} are free."]
    if plan.disk_outside:
        lines.append(
            f"      {_size(plan.disk_outside)} where Ollama keeps its models; it may be the same disk."
        )
    return [
        *lines,
        f"Time: roughly {duration(plan.seconds)}. Stopped at any moment, the same command goes on.",
    ]


def _size(count: int) -> str:
    if not count:
        return ""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"  # noqa: PLR2004
