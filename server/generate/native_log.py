"""What llama.cpp says about itself: to Python's `logging`, never to stderr, and its errors to who asked."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from llama_cpp import llama_cpp as native

log = logging.getLogger(__name__)

_GGML_LOG_LEVEL_ERROR = 4


def _write_log(level: int, text: bytes, _: object) -> None:
    log.debug("llama.cpp (%d): %s", level, text.decode(errors="replace").rstrip())


_TO_LOG = native.llama_log_callback(_write_log)


@contextmanager
def reported_errors() -> Iterator[list[str]]:
    """Collect what llama.cpp logs as errors; afterwards it goes on logging to Python's `logging`."""
    errors: list[str] = []

    def keep(level: int, text: bytes, data: object) -> None:
        _write_log(level, text, data)
        if level == _GGML_LOG_LEVEL_ERROR:
            errors.append(text.decode(errors="replace").strip())

    callback = native.llama_log_callback(keep)
    native.llama_log_set(callback, None)
    try:
        yield errors
    finally:
        native.llama_log_set(_TO_LOG, None)
