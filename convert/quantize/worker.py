"""The process that quantizes: it takes a job as its argument, and tells on stdout how it goes.

It is a process of its own, because llama.cpp aborts on some failures, and what it took of memory is surely
given back. It lives no longer than the one that started it: stdin ends when that one is gone,
however it went.
"""

import os
import signal
import sys
from pathlib import Path
from threading import Thread

import msgspec

from convert.quantize.job import Ended, Job, Line, Message
from convert.quantize.native import quantize_one


def main() -> None:
    """Do the job; exit code 1 if llama.cpp says that it failed."""
    # Ctrl-C reaches every process of a terminal: who started this one decides, and closes stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    job = msgspec.json.decode(sys.argv[1], type=Job)
    out = None if job.out is None else Path(job.out)
    Thread(target=_end_with_parent, args=(out,), daemon=True).start()
    for ftype in job.ftypes:
        succeeded = quantize_one(job, ftype, _Lines(out))
        _send(Ended(succeeded))
        if not succeeded:
            sys.exit(1)


def _end_with_parent(out: Path | None) -> None:
    while os.read(0, 1):
        pass
    if out is not None:
        out.unlink(missing_ok=True)
    os._exit(1)


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
