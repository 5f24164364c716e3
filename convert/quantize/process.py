"""Runs a worker process, and learns from it how it goes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable

import msgspec

from convert.quantize.job import Ended, Job, Line, Message

_PREFIX = "llama_model_quantize: failed to quantize: "


class Outcome(msgspec.Struct, frozen=True):
    """How a worker process ended.

    Attributes:
        logs: the lines that llama.cpp logged, one tuple for each level that went well.
        complaints: what it called errors, and what stood on stderr.
        killed_by: the number of the signal that ended it.
    """

    succeeded: bool
    logs: tuple[tuple[str, ...], ...]
    complaints: tuple[str, ...]
    killed_by: int | None


def run_worker(job: Job, seen: Callable[[int], None] = lambda _: None) -> Outcome:
    """Have a job done by a worker process, which ends with this call, whatever ends it.

    Args:
        job: what to do.
        seen: told again and again how many bytes of the output are written.
    """
    with subprocess.Popen(  # noqa: S603  # our own module, no shell
        [sys.executable, "-m", "convert.quantize.worker", msgspec.json.encode(job)],
        stdin=subprocess.PIPE,  # never written to: its end tells the worker that nobody is waiting any more
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # where llama.cpp writes when it aborts
        env=os.environ | {"GGML_NO_BACKTRACE": "1"},  # else it would look for a debugger
    ) as worker:
        try:
            logs, complaints = _listen(worker.stdout or (), seen)
            status = worker.wait()
        except BaseException:
            worker.kill()
            raise
    killed_by = -status if status < 0 else None
    # An abort is llama.cpp's way to say no.
    if killed_by == signal.SIGABRT and complaints:
        killed_by = None
    return Outcome(status == 0, tuple(logs), tuple(complaints), killed_by)


def _listen(output: Iterable[bytes], seen: Callable[[int], None]) -> tuple[list[tuple[str, ...]], list[str]]:
    logs: list[tuple[str, ...]] = []
    lines: list[str] = []
    complaints: list[str] = []
    for raw in output:
        message = _decoded(raw)
        if isinstance(message, Line):
            lines.append(message.text)
            seen(message.written)
            if message.is_error:
                complaints.append(message.text)
        elif isinstance(message, Ended):
            logs.append(tuple(lines))
            lines = []
        else:
            complaints.append(message)
    # Frames of "====" around an error say nothing.
    return logs, [text.removeprefix(_PREFIX).strip() for text in complaints if text.strip(" =\n")]


def _decoded(raw: bytes) -> Message | str:
    try:
        message: Message = msgspec.json.decode(raw, type=Message)
    except msgspec.DecodeError:
        return raw.decode(errors="replace")
    return message
