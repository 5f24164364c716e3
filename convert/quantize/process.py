"""Runs a worker process, and learns from it how it goes."""

import subprocess
from collections.abc import Callable, Iterable

import msgspec

from convert.errors import WorkerBrokenError
from convert.quantize.job import Ended, Job, Line, Message
from convert.worker_process import killed_by, worker_process

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

    Raises:
        WorkerBrokenError: it failed before llama.cpp could.
    """
    with worker_process(
        "convert.quantize.worker",
        [msgspec.json.encode(job)],
        stderr=subprocess.STDOUT,  # where llama.cpp writes when it aborts
    ) as worker:
        heard = _listen(worker.stdout or (), seen)
        status = worker.wait()
    if status > 0 and not heard.refused:
        raise WorkerBrokenError(heard.complaints)
    return Outcome(status == 0, tuple(heard.logs), tuple(heard.complaints), killed_by(status))


class _Heard(msgspec.Struct):
    """What a worker process has told."""

    logs: list[tuple[str, ...]] = []
    complaints: list[str] = []
    refused: bool = False


def _listen(output: Iterable[bytes], seen: Callable[[int], None]) -> _Heard:
    heard = _Heard()
    lines: list[str] = []
    for raw in output:
        message = _decoded(raw)
        if isinstance(message, Line):
            lines.append(message.text)
            seen(message.written)
            # Frames of "====" around an error say nothing.
            if message.is_error and message.text.strip("= "):
                heard.complaints.append(message.text.removeprefix(_PREFIX))
        elif isinstance(message, Ended):
            heard.refused = not message.succeeded
            heard.logs.append(tuple(lines))
            lines = []
        elif text := message.strip():
            heard.complaints.append(text)
    return heard


def _decoded(raw: bytes) -> Message | str:
    try:
        message: Message = msgspec.json.decode(raw, type=Message)
    except msgspec.DecodeError:
        return raw.decode(errors="replace")
    return message
