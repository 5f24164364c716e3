"""The process that quantizes: it takes a job as its argument, and tells on stdout how it goes.

Cut short, it removes what it has written: half a model is of no use.
"""

import sys
from functools import partial
from pathlib import Path

import msgspec

from convert.quantize.job import Ended, Job, Line, Message
from convert.quantize.native import quantize_one
from convert.worker_process import end_with_parent


def main() -> None:
    """Do the job; exit code 1 if llama.cpp says that it failed."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    out = None if job.out is None else Path(job.out)
    end_with_parent(partial(_remove, out))
    for ftype in job.ftypes:
        succeeded = quantize_one(job, ftype, _Lines(out))
        _send(Ended(succeeded))
        if not succeeded:
            sys.exit(1)


def _remove(out: Path | None) -> None:
    if out is not None:
        out.unlink(missing_ok=True)


class _Lines:
    """Puts llama.cpp's pieces of log together to lines, and sends them."""

    def __init__(self, out: Path | None) -> None:
        self._out = out
        self._begun = ""

    def __call__(self, piece: str, is_error: bool) -> None:
        if is_error and self._begun:
            self("\n", is_error=False)  # what was going well until then
        *whole, self._begun = (self._begun + piece).split("\n")
        written = self._out.stat().st_size if self._out is not None and self._out.exists() else 0
        for text in whole:
            _send(Line(text, is_error, written))


def _send(message: Message) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
