"""The real programs, run as an operator runs them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from time import monotonic, sleep

import httpx

from server.settings import Settings
from tests.bench.errors import ProgramFailedError

_COMMAND_SECONDS = 600.0
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.01
_REQUEST_SECONDS = 5.0


def futfut(*arguments: str) -> list[str]:
    """The command line of a `futfut` command, by this interpreter."""
    return [sys.executable, "-c", "from server.cli import main; main()", *arguments]


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment, with what the benchmarks choose."""
    chosen = {
        "FUTFUT_HOME": settings.home,
        "FUTFUT_CORPUS": settings.corpus,
        "FUTFUT_MODEL": settings.model,
        "FUTFUT_MAX_ANSWER_TOKENS": settings.max_answer_tokens,
    }
    return os.environ | {name: str(value) for name, value in chosen.items()}


def run(command: Sequence[str], settings: Settings) -> str:
    """Run a command to its end, and return what it printed.

    Raises:
        ProgramFailedError: it failed.
    """
    done = subprocess.run(
        command,
        env=environment(settings),
        check=False,
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
    )
    if done.returncode:
        raise ProgramFailedError(" ".join(command[-2:]), done.stderr)
    return done.stdout


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Start `futfut serve`, give its address once it is ready, and stop it afterwards.

    Raises:
        ProgramFailedError: it ended or never got ready.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with TemporaryFile() as log:
        server = subprocess.Popen(
            futfut("serve", "--host", "127.0.0.1", "--port", str(port)),
            env=environment(settings),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            if not _gets_ready(server, url):
                log.seek(0)
                raise ProgramFailedError("futfut serve", log.read().decode(errors="replace"))
            yield url
        finally:
            _stop(server)


def _gets_ready(server: subprocess.Popen[bytes], url: str) -> bool:
    deadline = monotonic() + _START_SECONDS
    with httpx.Client(timeout=_REQUEST_SECONDS, trust_env=False) as client:
        while monotonic() < deadline and server.poll() is None:
            with suppress(httpx.TransportError):  # not listening yet
                if client.get(f"{url}/health/ready").is_success:
                    return True
            sleep(_POLL_SECONDS)
    return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
