"""Levels measured against the most exact one, tried, and judged."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from convert.verify.comparable import require_comparable
from convert.verify.job import CompareJob
from convert.verify.judge import verdict
from convert.verify.measure import measure_divergence, try_out
from convert.verify.questions import QUESTIONS
from convert.verify.report import Basis, Report, Row
from convert.verify.windows import Sample
from modelfiles.catalog import Quality
from modelfiles.file_hash import file_hash
from modelfiles.grammar import Modelfile, render
from modelfiles.progress import Progress


def verify(  # noqa: PLR0913  # what is measured, against what, on what
    reference: Path,
    levels: Mapping[str, Path],
    modelfiles: Mapping[str, Modelfile],
    text: str,
    thresholds: Quality,
    *,
    progress: Progress,
    sample: Sample | None = None,
    threads: int | None = None,
    earlier: Report | None = None,
) -> Report:
    """Measure, try and judge levels; the reference is tried and judged like them.

    Args:
        reference: the file that the levels are measured against.
        levels: the levels' files by name; the reference's own name may be among them.
        modelfiles: what each level is asked by; those that aren't in it, by the first that is.
        text: what is measured on.
        thresholds: what the levels are held to.
        progress: told how it goes.
        sample: how much of the text is measured.
        threads: how many to compute on; all cores if None.
        earlier: a report whose figures are taken over where they speak of the same files on the same text.

    Raises:
        LevelMissingError, ModelFileError, VocabularyMismatchError, ContextTooShortError: a file can't be
            compared with the reference.
        TextTooShortError: the text has too few tokens.
        MeasureError, MeasureKilledError: a model can't be run.
    """
    sample = sample or Sample()
    threads = threads or os.cpu_count() or 1
    paths = dict(levels) if reference in levels.values() else {reference.stem: reference, **levels}
    require_comparable(reference, paths.values(), sample.window)
    default = next(iter(modelfiles.values()))
    subjects = [
        _Subject(name, path, file_hash(path, progress), modelfiles.get(name, default))
        for name, path in paths.items()
    ]
    basis = Basis(
        reference_sha256=file_hash(reference, progress),
        text_sha256=_sha256(text),
        tokens=sample.tokens,
        window=sample.window,
        threads=threads,
        questions_sha256=_sha256("\n\n".join(QUESTIONS)),
    )
    known = earlier.rows if earlier is not None and earlier.basis == basis else ()
    rows = [row for row in known if any(subject.is_of(row) for subject in subjects)]
    missing = [subject for subject in subjects if not any(subject.is_of(row) for row in rows)]
    if missing:
        others = {subject.name: subject.path for subject in missing if subject.path != reference}
        divergences = measure_divergence(CompareJob(reference, others, text, sample, threads), progress)
        for subject in missing:
            tried = try_out(subject.path, subject.modelfile, text, threads, progress)
            rows.append(
                Row(
                    level=subject.name,
                    file=subject.path.name,
                    file_bytes=subject.path.stat().st_size,
                    sha256=subject.sha256,
                    modelfile_sha256=_sha256(render(subject.modelfile)),
                    divergence=divergences[subject.path],
                    speed=tried.speed if tried else None,
                    persona_faults=tried.faults if tried else None,
                )
            )
    rows.sort(key=lambda row: (row.sha256 != basis.reference_sha256, -row.file_bytes))
    return Report(
        reference=rows[0].level,
        basis=basis,
        thresholds=thresholds,
        rows=tuple(replace(row, verdict=verdict(row, thresholds)) for row in rows),
    )


class _Subject(msgspec.Struct, frozen=True):
    """What is verified under a name."""

    name: str
    path: Path
    sha256: str
    modelfile: Modelfile

    def is_of(self, row: Row) -> bool:
        """Whether the row was measured on this very file, asked in this very way."""
        modelfile = _sha256(render(self.modelfile))
        return (row.level, row.sha256, row.modelfile_sha256) == (self.name, self.sha256, modelfile)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
