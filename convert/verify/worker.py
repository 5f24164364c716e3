"""The process that measures: `python -m convert.verify.worker`, with a job on stdin and messages on stdout.

A process of its own also because a model's memory is only known of one that has held nothing else.
"""

import os
from functools import partial
from typing import BinaryIO

from convert.errors import TextTooShortError
from convert.verify.job import CompareJob, Job, Message, Refused, TooShort, from_line, to_line
from convert.verify.lockstep import compare_levels
from convert.verify.native_log import ModelFailedError, NativeErrors
from convert.verify.trial import try_model
from convert.worker_process import end_with_parent


def main() -> None:
    """Do the job that stands in the first line of stdin; the last message has its outcome."""
    # What a library prints goes to stderr, so that stdout has messages only.
    messages = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    stdin = os.fdopen(0, "rb", buffering=0)
    job: Job = from_line(stdin.readline(), Job)
    end_with_parent()
    send = partial(_send, messages)
    errors = NativeErrors()
    try:
        send(compare_levels(job, send) if isinstance(job, CompareJob) else try_model(job))
    except ModelFailedError as error:
        send(Refused(error.model, tuple(errors.said)))
    except TextTooShortError as error:
        send(TooShort(error.tokens, error.needed))


def _send(messages: BinaryIO, message: Message) -> None:
    messages.write(to_line(message))
    messages.flush()


if __name__ == "__main__":
    main()
