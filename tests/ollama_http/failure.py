"""Errors as Ollama tells them."""

from typing import Self


class Failure(Exception):  # noqa: N818 - a test says it as often as the server raises it
    """A status before the answer has begun, an `error` line afterwards."""

    def __init__(self, text: str, status: int = 500) -> None:
        self.text = text
        self.status = status
        super().__init__(f"{status} {text}")

    def again(self) -> Self:
        """The same to raise: an exception that is raised twice would keep both tracebacks."""
        return type(self)(self.text, self.status)


BUSY = Failure("server busy, please try again.  maximum pending requests exceeded", 503)
LOAD_FAILED = Failure(
    "llama-server process has terminated: exit status 1: error loading model: "
    "check_tensor_dims: tensor 'output_norm.weight' not found"
)
OUT_OF_MEMORY = Failure("llama-server reported out-of-memory during startup: failed to allocate CPU buffer")
# A copy writes the manifest in place: who asks for the name in that moment may find it empty.
HALF_COPIED = Failure("EOF")
RUNNER_DIED = Failure("an error was encountered while running the model: unexpected EOF")
