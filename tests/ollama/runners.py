"""The llama-servers of a real Ollama: slowed down, and seen giving up an answer."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.real_ollama import RealOllama, processes_of


@contextmanager
def slowed(ollama: RealOllama) -> Iterator[None]:
    """What is loaded now runs for a tenth of the time."""
    runners = [number for number, name in processes_of(ollama.models).items() if name == "llama-server"]
    over = threading.Event()

    def tell(number: signal.Signals) -> None:
        for runner in runners:
            with suppress(ProcessLookupError):
                os.kill(runner, number)

    def pace() -> None:
        while not over.wait(0.003):
            tell(signal.SIGSTOP)
            time.sleep(0.027)
            tell(signal.SIGCONT)

    pacing = threading.Thread(target=pace)
    pacing.start()
    try:
        yield
    finally:
        over.set()
        pacing.join()


def cancelled(ollama: RealOllama) -> int:
    """How many answers Ollama's llama-server has given up before their end."""
    return ollama.log.count("stop: cancel task")
