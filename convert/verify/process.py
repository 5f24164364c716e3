"""Runs a measuring process, and hears from it."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from typing import IO

from convert.errors import MeasureError, MeasureKilledError, TextTooShortError
from convert.verify.job import CompareJob, Job, Message, Refused, TooShort, from_line, to_line
from convert.worker_process import killed_by, worker_process

_LAST_LINES = 3


def run_job(job: Job) -> Iterator[Message]:
    """Have a job done by a process of its own, which ends when this iterator does.

    Yields:
        What it tells on the way, and last its outcome.

    Raises:
        MeasureError: llama.cpp can't run a model.
        MeasureKilledError: the process was ended from outside.
        TextTooShortError: there is too little text.
    """
    under_way = job.reference if isinstance(job, CompareJob) else job.model
    with tempfile.TemporaryFile() as log:
        with worker_process("convert.verify.worker", stderr=log) as process:
            assert process.stdin is not None  # noqa: S101  # for the type checker
            assert process.stdout is not None  # noqa: S101
            process.stdin.write(to_line(job))
            process.stdin.flush()
            with closing(process.stdout) as messages:
                for line in messages:
                    message: Message = from_line(line, Message)
                    _raise_failure(message)
                    yield message
            status = process.wait()
        if number := killed_by(status):
            raise MeasureKilledError(under_way, number)
        if status:
            raise MeasureError(under_way, _last_lines(log))


def _raise_failure(message: Message) -> None:
    if isinstance(message, Refused):
        raise MeasureError(message.model, message.said)
    if isinstance(message, TooShort):
        raise TextTooShortError(message.tokens, message.needed)


def _last_lines(log: IO[bytes]) -> list[str]:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip()][-_LAST_LINES:]
