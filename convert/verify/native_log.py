"""What llama.cpp says about itself: only its errors are kept, for whoever is told that it failed."""

import ctypes
from pathlib import Path

from llama_cpp import llama_cpp as native

from convert.worker_process import GGML_LOG_LEVEL_ERROR


class NativeErrors:
    """The errors that llama.cpp has logged since this was made; holds the callback that llama.cpp calls."""

    def __init__(self) -> None:
        self.said: list[str] = []

        def keep(level: int, text: bytes, _: ctypes.c_void_p) -> None:
            if level == GGML_LOG_LEVEL_ERROR and (line := text.decode(errors="replace").strip()):
                self.said.append(line)

        self._callback = native.llama_log_callback(keep)
        native.llama_log_set(self._callback, None)


class ModelFailedError(Exception):
    """llama.cpp can't run this model; `NativeErrors` has its words."""

    def __init__(self, model: Path) -> None:
        self.model = model
        super().__init__(str(model))
