"""Has measuring processes do their work, and tells how it goes."""

import time
from pathlib import Path

from convert.errors import NoNumbersError
from convert.verify.divergence import Divergence
from convert.verify.job import Compared, CompareJob, Measured, NoNumbers, Tried, TryJob
from convert.verify.memory import memory_bytes
from convert.verify.pace import Pace, duration
from convert.verify.process import run_job
from convert.verify.questions import QUESTIONS
from modelfiles.grammar import Modelfile
from modelfiles.progress import Progress
from modelfiles.smoke import faults, markup_of, question_of

# More than enough text to measure reading speed on, whatever the tokenizer.
_SPEED_CHARACTERS = 4000
# Beside the file, memory holds the context, the buffers and everything else in it.
_MEMORY_FOR_FILE = 0.85


def measure_divergence(job: CompareJob, progress: Progress) -> dict[Path, Divergence]:
    """How far each file, the reference among them, is from the reference.

    Raises:
        NoNumbersError: what a model predicts can't be compared.
        MeasureError, MeasureKilledError, TextTooShortError: as `run_job`.
    """
    pace = Pace([job.reference, *job.levels.values()])
    found: dict[Path, Divergence] = {}
    last = time.monotonic()
    for message in run_job(job):
        if isinstance(message, Measured):
            now = time.monotonic()
            pace.measured(message.model, now - last)
            last = now
            progress.say(
                f"  window {message.position} of {message.windows}: {message.model.name}, "
                f"about {duration(pace.remaining(message.windows))} left"
            )
        elif isinstance(message, NoNumbers):
            raise NoNumbersError(message.model)
        elif isinstance(message, Compared):
            found = {path: message.levels[name] for name, path in job.levels.items()}
            found[job.reference] = message.reference
    return found


def trial_of(path: Path, modelfile: Modelfile, text: str, threads: int) -> TryJob:
    """What it takes to run a model as its Modelfile has it; its reading speed is measured on the text."""
    return TryJob(
        path,
        text[:_SPEED_CHARACTERS],
        QUESTIONS,
        modelfile.system,
        modelfile.values("stop"),
        repeat_penalty=float(_last(modelfile, "repeat_penalty", "1.1")),
        context_tokens=int(_last(modelfile, "num_ctx", "4096")),
        threads=threads,
    )


def try_out(job: TryJob, progress: Progress) -> Tried | None:
    """Run a model: how fast and large it is, and what it answers.

    Returns:
        None if it is too large for this machine's memory: each answer would take minutes, from disk.

    Raises:
        MeasureError, MeasureKilledError: as `run_job`.
    """
    if job.model.stat().st_size > _MEMORY_FOR_FILE * memory_bytes():
        progress.say(f"  {job.model.name}: not run, it is too large for this machine's memory")
        return None
    progress.say(f"  {job.model.name}: speed, and {len(job.messages)} questions")
    (tried,) = [message for message in run_job(job) if isinstance(message, Tried)]
    return tried


def wrong_answers(tried: Tried, job: TryJob, modelfile: Modelfile) -> tuple[str, ...]:
    """What is wrong with a model's answers, one entry for each that is."""
    markup = markup_of(modelfile)
    return tuple(
        f"'{question_of(message)}': {' and '.join(found)}"
        for message, answer in zip(job.messages, tried.answers, strict=True)
        if (found := faults(answer.text, answer.unended, markup.union(answer.markup)))
    )


# The defaults are Ollama's (docs/modelfile.md).
def _last(modelfile: Modelfile, parameter: str, default: str) -> str:
    return (default, *modelfile.values(parameter))[-1]
