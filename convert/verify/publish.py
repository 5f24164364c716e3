"""What verification leaves behind: a report as JSON, its picture, and beside each model file a verdict."""

from collections.abc import Mapping
from pathlib import Path

from convert.verify.picture import draw
from convert.verify.report import Report, write_report
from modelfiles.verdict import write_verdict


def publish(report: Report, files: Mapping[str, Path], folder: Path, model: str) -> tuple[Path, ...]:
    """Write a report down.

    Args:
        report: what was found.
        files: the model files by level, as `verify` was given them.
        folder: where the report and its picture go, as `model.json`, `model.png` and `model.svg`.
        model: what they are called.

    Returns:
        The report and the pictures.

    Raises:
        OSError: they can't be written.
    """
    path = folder / f"{model}.json"
    write_report(path, report)
    pictures = (path.with_suffix(".png"), path.with_suffix(".svg"))
    draw(report, model, pictures)
    for row in report.rows:
        if row.level in files and row.verdict is not None:
            write_verdict(files[row.level], row.verdict)
    return path, *pictures
