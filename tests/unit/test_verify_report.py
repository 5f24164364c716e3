"""Verdicts, and the report as people and programs read it."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

import matplotlib.pyplot as plt
import msgspec
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from rich.console import Console

from convert.verify.labels import place_labels
from convert.verify.picture import draw
from convert.verify.publish import publish
from convert.verify.report import Report, read_report
from convert.verify.table import conclusion, table
from modelfiles.progress import Unseen
from modelfiles.verdict import read_verdict
from tests.recording_progress import RecordingProgress
from tests.verify_reports import report, row

LEVELS = report(
    row("f16", 1.27, agreement=1.0),
    row("q8_0", 0.676, 0.0014),
    row("q5_k_m", 0.522, 0.0055),
    row("q5_k_s", 0.515, 0.006),
    row("q4_k_m", 0.491, 0.0065),
    row("q2_k", 0.415, 0.19, agreement=0.8, ratio=1.2, faults=("'a': the answer is empty",)),
)


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"kl_divergence": 0.07}, "KL divergence is 0.0700, over 0.06"),
        ({"ratio": 1.051}, "perplexity is 1.051 times the reference's, over 1.05"),
        ({"agreement": 0.87}, "agrees with the reference on 87.0% of the likeliest tokens, under 88.0%"),
        ({"faults": ("'a': the answer is empty",)}, "wrong answers, over 0; to 'a': the answer is empty"),
        ({"faults": None}, "too large for this machine's memory"),
    ],
)
def test_each_threshold_fails_a_level_and_says_why(figures: dict[str, float], reason: str) -> None:
    """A level that stays within all of them passes; outside of one it fails for that one."""
    assert row("q", 1, 0.06, agreement=0.88, ratio=1.05).passed
    verdict = row("q", 1, **figures).verdict  # type: ignore[arg-type]  # one figure, of any type
    assert verdict is not None
    assert len(verdict.reasons) == 1
    assert reason in verdict.reasons[0]


@pytest.mark.parametrize("figure", ["kl_divergence", "ratio", "agreement"])
def test_a_figure_that_is_no_number_fails_a_level(figure: str) -> None:
    """It isn't over the limit, but it isn't within it either."""
    assert not row("q", 1, **{figure: float("nan")}).passed  # type: ignore[arg-type]  # one figure, of any type


def test_the_smallest_level_that_passes_is_the_one_to_take() -> None:
    """In words, and first; then each reason of each that failed."""
    lines = conclusion(LEVELS)
    assert lines[0] == "Take q4_k_m: the smallest that passes."
    assert len(lines) == 5
    assert all(line.startswith("q2_k failed: ") for line in lines[1:])
    nothing = report(row("f16", 1, faults=("x",)))
    assert nothing.best is None
    assert conclusion(nothing)[0] == "No level passes."


def test_a_report_is_published_whole(tmp_path: Path) -> None:
    """JSON that reads back as it was, both pictures, and a verdict for each file's very bytes."""
    files = {each.level: tmp_path / each.file for each in LEVELS.rows}
    written = publish(LEVELS, files, tmp_path / "reports", "mini", progress=Unseen())
    assert [path.name for path in written] == ["mini.json", "mini.png", "mini.svg"]
    assert read_report(written[0]) == LEVELS
    for each in LEVELS.rows:
        assert read_verdict(files[each.level], each.sha256) == each.verdict
    assert read_verdict(files["q2_k"], "other bytes") is None


def test_a_picture_that_cannot_be_drawn_costs_nothing_else(tmp_path: Path) -> None:
    """Report and verdicts are there, it is said why the picture isn't, and nothing is left half drawn."""
    (tmp_path / "mini.png" / "in the way").mkdir(parents=True)
    files = {each.level: tmp_path / each.file for each in LEVELS.rows}
    progress = RecordingProgress()
    assert publish(LEVELS, files, tmp_path, "mini", progress=progress) == (tmp_path / "mini.json",)
    assert read_verdict(files["q2_k"], "q2_k") == LEVELS.row("q2_k").verdict
    assert "no picture of mini, since it can't be drawn: " in progress.lines[0]
    assert {path.name for path in tmp_path.iterdir()} == {".verdicts", "mini.json", "mini.png"}


@pytest.mark.parametrize("home", ["/dev/null", "writable"])
def test_the_picture_needs_no_home(tmp_path: Path, home: str) -> None:
    """In a container it may not be writable: matplotlib then says nothing, and leaves nothing behind."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "writable").mkdir()
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(LEVELS))
    drawing = (
        "from pathlib import Path; from convert.verify.picture import draw; "
        "from convert.verify.report import read_report; "
        f"folder = Path({str(tmp_path)!r}); "
        "draw(read_report(folder / 'report.json'), 'a', [folder / 'a.svg'])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", drawing],
        env={"HOME": str(tmp_path / home), "TMPDIR": str(tmp_path / "temporary")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout, done.returncode) == ("", "", 0)
    assert (tmp_path / "a.svg").is_file()
    assert not list((tmp_path / "temporary").iterdir())


def test_a_report_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    """Then everything is measured: nothing is built on what isn't understood."""
    (tmp_path / "old.json").write_text('{"rows": []}')
    assert read_report(tmp_path / "old.json") is None
    assert read_report(tmp_path / "none.json") is None


def test_the_table_fits_a_terminal() -> None:
    """Of 80 columns, with nothing cut off: not the names, nor the figures, nor what wasn't measured."""
    console = Console(width=80, file=StringIO())
    large = report(row("f16", 16.1, faults=None), *LEVELS.rows[1:])
    console.print(table(large))
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert "…" not in shown
    for expected in ("q5_k_m", "0.1900", "80.0%", "16100", "failed", "–"):
        assert expected in shown


@pytest.mark.parametrize(
    ("drawn", "title"),
    [
        (LEVELS, "mini: take q4_k_m, the smallest level that passes, 39% of f16's size"),
        (report(row("f16", 16.1, faults=None), row("q8_0", 8.5, 0.3)), "mini: no level passes"),
        (report(row("f16", 16.1), row("q8_0", 8.5, 0.3)), "mini: take f16, the smallest level that passes"),
        (report(row("a", 1), row("b", 1)), "mini: take a, the smallest level that passes"),
    ],
)
def test_the_picture_says_which_level_to_take(tmp_path: Path, drawn: Report, title: str) -> None:
    """As its title, and every level is named."""
    draw(drawn, "mini", [tmp_path / "a.svg"])
    text = (tmp_path / "a.svg").read_text()
    assert f">{title}<" in text
    assert all(f">{each.level}<" in text for each in drawn.rows)


def test_the_same_report_gives_the_same_picture(tmp_path: Path) -> None:
    """To the byte, as PNG and SVG; and nothing of it stays open."""
    once, again = [[tmp_path / f"{name}.{kind}" for kind in ("png", "svg")] for name in "ab"]
    draw(LEVELS, "mini", once)
    draw(LEVELS, "mini", again)
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]
    assert once[0].read_bytes().startswith(b"\x89PNG")
    assert not plt.get_fignums()


def test_labels_do_not_cover_each_other() -> None:
    """Though the points almost do."""
    figure = Figure()
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    place_labels(axes, [(0.5 + n / 100, 0.5 + n / 50, f"level {n}\n0.{n}", "black") for n in range(6)])
    boxes = [text.get_window_extent() for text in axes.texts if Text.get_text(text)]
    assert len(boxes) == 6
    assert all(box.count_overlaps(boxes) == 1 for box in boxes)
