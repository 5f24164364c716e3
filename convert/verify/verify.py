"""Levels measured against the most exact one, tried, and judged."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from convert.verify.comparable import require_comparable
from convert.verify.divergence import Divergence
from convert.verify.figures import Comparison, Figures, Trial
from convert.verify.job import CompareJob, TryJob
from convert.verify.judge import verdict
from convert.verify.measure import measure_divergence, trial_of, try_out, wrong_answers
from convert.verify.questions import QUESTIONS
from convert.verify.report import Basis, Report, Row
from convert.verify.text import text_sha256
from convert.verify.windows import Sample
from modelfiles.catalog import Quality
from modelfiles.file_hash import file_hash
from modelfiles.grammar import Modelfile
from modelfiles.progress import Progress


def verify(  # noqa: PLR0913  # what is measured, against what, on what
    reference: Path,
    levels: Mapping[str, Path],
    modelfiles: Mapping[str, Modelfile],
    text: str,
    thresholds: Quality,
    *,
    figures: Figures,
    progress: Progress,
    sample: Sample | None = None,
    threads: int | None = None,
) -> Report:
    """Measure, try and judge levels; the reference is tried and judged like them.

    Stopped at any moment, it goes on behind the last figure: the comparison of all levels is one, and each
    level's trial.

    Args:
        reference: the file that the levels are measured against.
        levels: the levels' files by name; the reference's own name may be among them.
        modelfiles: what each level is asked by; those that aren't in it, by the first that is.
        text: what is measured on.
        thresholds: what the levels are held to.
        figures: what is known already, and where what is found is kept.
        progress: told how it goes.
        sample: how much of the text is measured.
        threads: how many to compute on; all cores if None.

    Raises:
        LevelMissingError, ModelFileError, VocabularyMismatchError, ContextTooShortError: a file can't be
            compared with the reference.
        TextTooShortError: the text has too few tokens.
        NoNumbersError: what a model predicts is NaN or infinite.
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
        text_sha256=text_sha256(text),
        tokens=sample.tokens,
        window=sample.window,
        threads=threads,
        questions_sha256=text_sha256("\n\n".join(QUESTIONS)),
    )
    divergences = _divergences(subjects, CompareJob(reference, {}, text, sample, threads), figures, progress)
    rows = [
        _row(subject, divergence, trial_of(subject.path, subject.modelfile, text, threads), figures, progress)
        for subject, divergence in zip(subjects, divergences, strict=True)
    ]
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


def _divergences(
    subjects: Sequence[_Subject], job: CompareJob, figures: Figures, progress: Progress
) -> list[Divergence]:
    """Each subject's divergence; those that aren't known are measured, all in one go."""
    reference, text = file_hash(job.reference, progress), text_sha256(job.text)
    comparisons = {
        subject.path: Comparison(reference, subject.sha256, text, job.sample) for subject in subjects
    }
    known = {path: figures.divergence(comparison) for path, comparison in comparisons.items()}
    if missing := {subject.name: subject.path for subject in subjects if known[subject.path] is None}:
        levels = {name: path for name, path in missing.items() if path != job.reference}
        measured = measure_divergence(replace(job, levels=levels), progress)
        for path in missing.values():
            figures.keep_divergence(comparisons[path], measured[path])
        known |= measured
    return [divergence for subject in subjects if (divergence := known[subject.path]) is not None]


def _row(subject: _Subject, divergence: Divergence, job: TryJob, figures: Figures, progress: Progress) -> Row:
    trial = Trial(subject.sha256, job)
    tried = figures.tried(trial)
    if tried is None and (tried := try_out(job, progress)) is not None:
        figures.keep_tried(trial, tried)
    return Row(
        level=subject.name,
        file=subject.path.name,
        file_bytes=subject.path.stat().st_size,
        sha256=subject.sha256,
        divergence=divergence,
        speed=tried.speed if tried else None,
        persona_faults=wrong_answers(tried, job, subject.modelfile) if tried else None,
    )
