"""A stop sign that llama.cpp's own threads can read."""

import ctypes

from llama_cpp import llama_cpp as native

# llama.cpp asks its abort callback before every node of the graph, about 600 times a token. A Python callback
# would take the interpreter's lock each time: beside one busy thread, generation fell from 10 to 3 tokens a
# second. `strlen` needs no lock and reads the flag just as well: it is 0 for "" and 1 for "\x01".
_IS_SET = ctypes.cast(ctypes.CDLL(None).strlen, native.ggml_abort_callback)


class StopFlag:
    """Set from any thread, once; read between two tokens here, and inside a computation by llama.cpp."""

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)

    def set(self) -> None:
        """Ask for the end, at once."""
        self._text[0] = b"\x01"

    def is_set(self) -> bool:
        """Whether the end was asked for."""
        return bool(self._text.value)

    def watch(self, context: native.llama_context_p) -> None:
        """Have llama.cpp give up a computation in `context` once the flag is set; it must live as long."""
        native.llama_set_abort_callback(context, _IS_SET, ctypes.cast(self._text, ctypes.c_void_p))
