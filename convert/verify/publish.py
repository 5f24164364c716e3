"""What verification leaves behind: a report as JSON, its picture, and beside each model file a verdict."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from convert.verify.picture import draw
from convert.verify.report import Report, write_report
from modelfiles.progress import Progress
from modelfiles.verdict import write_verdict


def publish(
    report: Report, files: Mapping[str, Path], folder: Path, model: str, *, progress: Progress
) -> tuple[Path, ...]:
    """Write a report down.

    Args:
        report: what was found.
        files: the model files by level, as `verify` was given them.
        folder: where the report and its picture go, as `model.json`, `model.png` and `model.svg`.
        model: what they are called.
        progress: told if there is no picture.

    Returns:
        The report, and the pictures if they could be drawn.

    Raises:
        OSError: the report or a verdict can't be written.
    """
    path = folder / f"{model}.json"
    write_report(path, report)
    for row in report.rows:
        if row.level in files and row.verdict is not None:
            write_verdict(files[row.level], row.verdict)
    pictures = (path.with_suffix(".png"), path.with_suffix(".svg"))
    try:
        _draw_in_place(report, model, pictures)
    except Exception as error:  # noqa: BLE001  # hours of measuring don't depend on what a plotter may raise
        progress.say(f"  no picture of {model}, since it can't be drawn: {error}")
        return (path,)
    return path, *pictures


def _draw_in_place(report: Report, model: str, pictures: Sequence[Path]) -> None:
    for picture in pictures:
        picture.unlink(missing_ok=True)  # an earlier one would contradict the report
    with TemporaryDirectory(dir=pictures[0].parent, prefix=".drawing-") as folder:
        drawn = [Path(folder) / picture.name for picture in pictures]
        draw(report, model, drawn)
        for finished, picture in zip(drawn, pictures, strict=True):
            finished.replace(picture)
