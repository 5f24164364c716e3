"""What verification found, as it is shown and kept as JSON."""

from pathlib import Path

import msgspec

from convert.verify.divergence import Divergence
from convert.verify.job import Speed
from modelfiles.catalog import Quality
from modelfiles.verdict import Verdict


class Basis(msgspec.Struct, frozen=True):
    """What figures were measured on: rows may stand beside each other only if it is the same.

    Attributes:
        reference_sha256: the reference's file.
        text_sha256: the text, in UTF-8.
        tokens: how many were to be scored.
        window: tokens a window.
        threads: how many were computed on.
        questions_sha256: the persona questions.
    """

    reference_sha256: str
    text_sha256: str
    tokens: int
    window: int
    threads: int
    questions_sha256: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One level.

    Attributes:
        level: its name.
        file: its file's name.
        file_bytes: the file's size.
        sha256: the file's.
        divergence: how far it is from the reference; of the reference itself, from itself.
        speed: None if it wasn't run, since it is too large for this machine's memory.
        persona_faults: what was wrong with its answers, one entry for each that was; None if it wasn't run.
        verdict: whether it is good enough, and if not, why; None until it is judged.
    """

    level: str
    file: str
    file_bytes: int
    sha256: str
    divergence: Divergence
    speed: Speed | None
    persona_faults: tuple[str, ...] | None
    verdict: Verdict | None = None

    @property
    def passed(self) -> bool:
        """Whether it was judged good enough."""
        return self.verdict is not None and self.verdict.passed


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All levels, the reference first and then from large to small."""

    reference: str
    basis: Basis
    thresholds: Quality
    rows: tuple[Row, ...]

    @property
    def best(self) -> Row | None:
        """The smallest level that passed: what to take, unless speed says otherwise. None if none did."""
        return min((row for row in self.rows if row.passed), key=lambda row: row.file_bytes, default=None)

    def row(self, level: str) -> Row:
        """A level's.

        Raises:
            KeyError: it isn't in the report.
        """
        return {row.level: row for row in self.rows}[level]


def read_report(path: Path) -> Report | None:
    """What an earlier run found; None if there is nothing of this form."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError):
        return None


def write_report(path: Path, report: Report) -> None:
    """Keep a report, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    unfinished.replace(path)
