"""A process of our own that runs llama.cpp, seen from both sides: who starts it, and the process itself.

llama.cpp aborts on some failures, and only an ended process surely gives back what it took of memory. The
process lives no longer than the one that started it: its stdin is left open, and ends when that one is gone,
however it went.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import IO

_ENVIRONMENT = {
    "GGML_NO_BACKTRACE": "1",  # else it would look for a debugger when it aborts
    # How long OpenMP's threads wait in a loop for each other: the default halves the speed beside a service.
    "GOMP_SPINCOUNT": "1000",
}

# ggml.h's enum ggml_log_level
GGML_LOG_LEVEL_ERROR = 4


@contextmanager
def worker_process(
    module: str, arguments: Sequence[bytes] = (), *, stderr: IO[bytes] | int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m module` within the block, with pipes as its stdin and stdout.

    At the block's end it is waited for, as long as it takes; if the block fails, it is killed.
    """
    with subprocess.Popen(  # noqa: S603  # our own module, no shell
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=_ENVIRONMENT | os.environ,
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def killed_by(status: int) -> int | None:
    """The number of the signal that ended a process from outside; an abort is llama.cpp's way to say no."""
    return -status if status < 0 and status != -signal.SIGABRT else None


def end_with_parent(leave: Callable[[], None] = lambda: None) -> None:
    """In the process itself, once it has read all that it needs of stdin: end when stdin does.

    Args:
        leave: called before, from another thread than this one, to remove what would be left behind.
    """
    # Ctrl-C reaches every process of a terminal: who started this one decides, and closes stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        while os.read(0, 1):
            pass
        leave()
        os._exit(1)

    Thread(target=wait, daemon=True).start()
