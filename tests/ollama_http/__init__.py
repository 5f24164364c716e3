"""An Ollama server for tests: its API over real HTTP, scripted answers, and faults that a test switches on.

It does as Ollama's server/routes.go, create.go and sched.go do at v0.32.15: ollama_semantics/ in
tests/contract runs the same cases over it and over a real one.
"""

from tests.ollama_http.exchange import Call
from tests.ollama_http.failure import (
    BUSY,
    HALF_COPIED,
    LOAD_FAILED,
    OUT_OF_MEMORY,
    RUNNER_DIED,
    Failure,
)
from tests.ollama_http.server import OllamaHttp
from tests.ollama_http.speech import HANG_UP, Step

__all__ = [
    "BUSY",
    "HALF_COPIED",
    "HANG_UP",
    "LOAD_FAILED",
    "OUT_OF_MEMORY",
    "RUNNER_DIED",
    "Call",
    "Failure",
    "OllamaHttp",
    "Step",
]
