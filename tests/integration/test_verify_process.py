"""The process that measures: it is told of if it ends, and never outlives who asked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from convert.errors import MeasureKilledError
from convert.verify.job import CompareJob, Measured, to_line
from convert.verify.process import run_job
from convert.verify.questions import QUESTIONS
from convert.verify.windows import Sample
from tests.tiny_level import write_unsure_model

TEXT = "\n\n".join(QUESTIONS)
SAMPLE = Sample(tokens=200, window=256)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_unsure_model(tmp_path_factory.mktemp("unsure") / "tiny-f32.gguf")


def children() -> list[int]:
    return [int(pid) for pid in Path("/proc/thread-self/children").read_text().split()]


def test_a_killed_process_is_told(model: Path) -> None:
    """With what the system does when memory runs out."""
    before = children()
    job = CompareJob(model, {}, TEXT, SAMPLE, 1)
    messages = run_job(job)
    assert isinstance(next(messages), Measured)
    (worker,) = set(children()) - set(before)
    os.kill(worker, signal.SIGSTOP)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(MeasureKilledError, match=r"tiny-f32\.gguf was ended by SIGKILL.*memory"):
        list(messages)


def test_who_stops_listening_ends_the_process(model: Path) -> None:
    """As Ctrl-C does: nothing goes on computing."""
    before = children()
    messages = run_job(CompareJob(model, {}, TEXT, SAMPLE, 1))
    next(messages)
    messages.close()  # type: ignore[attr-defined]  # a generator
    assert children() == before


def test_the_process_ends_with_the_one_that_started_it(model: Path) -> None:
    """However that ended: its stdin is closed then."""
    job = CompareJob(model, {}, TEXT * 50, Sample(10**6, 256), 1)
    with subprocess.Popen(
        [sys.executable, "-m", "convert.verify.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(to_line(job))
        worker.stdin.flush()
        worker.stdout.readline()
        worker.stdin.close()
        assert worker.wait(timeout=30) == 1
