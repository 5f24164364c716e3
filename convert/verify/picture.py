"""A report as a picture: how much each level loses for its size, and how fast it is."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convert.verify.labels import place_labels
from convert.verify.report import Report, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of Okabe and Ito's palette, which colour-blind people can tell apart (https://jfly.uni-koeln.de/color/). The
# shapes say the same again, for print without colour.
_PASSED, _FAILED, _MUTED = "#0072B2", "#D55E00", "#666666"
_MARKS = {True: "o", False: "X"}
# What is drawn for a divergence of nothing at all, which a logarithmic axis doesn't have.
_LEAST = 1e-6


def draw(report: Report, model: str, paths: Sequence[Path]) -> None:
    """Draw a report into files; their suffixes say as what (`.png`, `.svg`).

    Raises:
        OSError: a file can't be written.
    """
    # In a container the home may not be writable: matplotlib then takes a temporary folder, and would tell of
    # it when it is imported.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    # On demand: it takes a second, and only this needs it. Without pyplot nothing is global.
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Always the same bytes for the same report.
    with rc_context({"svg.hashsalt": "futfut", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(11, 5.2), dpi=130, layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        figure.suptitle(_title(report, model), fontsize=13, fontweight="bold")
        _draw_divergence(left, report)
        _draw_speed(right, report)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=2, frameon=False)
        for path in paths:
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _title(report: Report, model: str) -> str:
    best = report.best
    if best is None:
        return f"{model}: no level passes"
    share = best.file_bytes / report.row(report.reference).file_bytes
    size = "" if best.level == report.reference else f", {share:.0%} of {report.reference}'s size"
    return f"{model}: take {best.level}, the smallest level that passes{size}"


def _draw_divergence(axes: "Axes", report: Report) -> None:
    levels = [row for row in report.rows if row.level != report.reference]
    for row in levels:
        axes.plot(
            row.file_bytes / 1e9,
            _height(row),
            linestyle="none",
            marker=_MARKS[row.passed],
            markersize=11,
            color=_colour(row),
            markeredgecolor="white",
            zorder=3,
        )
    if (best := report.best) is not None and best in levels:
        axes.plot(
            best.file_bytes / 1e9,
            _height(best),
            "o",
            markersize=20,
            markerfacecolor="none",
            markeredgecolor=_PASSED,
            markeredgewidth=1.8,
            zorder=2,
        )
    reference = report.row(report.reference)
    axes.axvline(reference.file_bytes / 1e9, color=_MUTED, linestyle=":", zorder=1)
    axes.axhline(report.thresholds.kl_divergence, color=_FAILED, linestyle="--", linewidth=1, zorder=1)
    axes.set_yscale("log")
    sizes = [row.file_bytes / 1e9 for row in report.rows]
    axes.set_xlim(0.75 * min(sizes), 1.05 * max(sizes))
    heights = [report.thresholds.kl_divergence, *map(_height, levels)]
    axes.set_ylim(min(heights) / 3, max(heights) * 3)
    axes.set_xlabel("file size, GB")
    axes.set_ylabel(f"mean KL divergence from {report.reference}, nats")
    axes.set_title("What each level loses: lower is better, further left is smaller", fontsize=10, loc="left")
    axes.grid(visible=True, which="major", color="#E5E5E5", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.annotate(
        f"limit {report.thresholds.kl_divergence:g}",
        (0.5, report.thresholds.kl_divergence),
        xycoords=("axes fraction", "data"),
        xytext=(0, 4),
        textcoords="offset points",
        color=_FAILED,
    )
    axes.annotate(
        f"{report.reference}, the reference",
        (reference.file_bytes / 1e9, 0.03),
        xycoords=("data", "axes fraction"),
        xytext=(-5, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        color=_MUTED,
    )
    place_labels(
        axes,
        [
            (
                row.file_bytes / 1e9,
                _height(row),
                f"{row.level}\n{row.divergence.kl_divergence.mean:.2g}",
                _colour(row),
            )
            for row in levels
        ],
    )


def _draw_speed(axes: "Axes", report: Report) -> None:
    rows = report.rows[::-1]
    speeds = [row.speed.generation_tokens_per_second if row.speed else 0.0 for row in rows]
    bars = axes.barh(
        [row.level for row in rows],
        speeds,
        color=[_colour(row) for row in rows],
        hatch=["" if row.passed else "//" for row in rows],
        edgecolor="white",
    )
    axes.bar_label(bars, [_speed_text(row) for row in rows], padding=4, fontsize=9)
    axes.set_xlim(0, max([*speeds, 1.0]) * 1.75)
    axes.set_xlabel("tokens a second")
    axes.set_title("How fast it writes, and how much memory it takes", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _legend() -> list[object]:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    return [
        Line2D([], [], linestyle="none", marker=_MARKS[True], markersize=9, color=_PASSED, label="passed"),
        Line2D([], [], linestyle="none", marker=_MARKS[False], markersize=9, color=_FAILED, label="failed"),
    ]


def _speed_text(row: Row) -> str:
    if row.speed is None:
        return "too large for this machine"
    return f"{row.speed.generation_tokens_per_second:.3g} t/s, {row.speed.peak_memory_bytes / 1e9:.1f} GB"


def _colour(row: Row) -> str:
    return _PASSED if row.passed else _FAILED


def _height(row: Row) -> float:
    return max(row.divergence.kl_divergence.mean, _LEAST)
