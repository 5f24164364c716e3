"""The process that measures: `python -m convert.verify.worker`, with a job on stdin and messages on stdout.

A process of its own, because llama.cpp aborts on some failures, and because a model's memory is only known of
a process that has held nothing else. It lives no longer than the one that started it.
"""

import os
import signal
from functools import partial
from threading import Thread
from typing import BinaryIO

from convert.errors import TextTooShortError
from convert.verify.job import CompareJob, Job, Message, Refused, TooShort, from_line, to_line
from convert.verify.lockstep import compare_levels
from convert.verify.native_log import ModelFailedError, NativeErrors
from convert.verify.trial import try_model


def main() -> None:
    """Do the job that stands in the first line of stdin; the last message has its outcome."""
    # Ctrl-C reaches every process of a terminal: who started this one decides, and closes stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library prints goes to stderr, so that stdout has messages only.
    messages = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    stdin = os.fdopen(0, "rb", buffering=0)
    job: Job = from_line(stdin.readline(), Job)
    Thread(target=_end_with_parent, daemon=True).start()
    send = partial(_send, messages)
    errors = NativeErrors()
    try:
        send(compare_levels(job, send) if isinstance(job, CompareJob) else try_model(job))
    except ModelFailedError as error:
        send(Refused(error.model, tuple(errors.said)))
    except TextTooShortError as error:
        send(TooShort(error.tokens, error.needed))


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


def _send(messages: BinaryIO, message: Message) -> None:
    messages.write(to_line(message))
    messages.flush()


if __name__ == "__main__":
    main()
