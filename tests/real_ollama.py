"""A real Ollama for tests: found or compiled, and run on a loopback port with models of its own.

`python tests/real_ollama.py` provides one ahead of the tests and prints where it is.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.ollama_build import HELPERS, OLLAMA, BuildError, built

# Ollama leads a process group that its llama-servers are born into. The shell left behind in it holds the
# reading end of a pipe whose other end is ours: when we are gone, however we went, it removes the models and
# ends the group.
GUARD = 'exec 3<&0; (read -r _ <&3; rm -rf -- "$1"; kill -KILL 0) & shift; exec "$@" 3<&- < /dev/null'
START_SECONDS = 60
STOP_SECONDS = 10


def provide() -> Path:
    """An `ollama` program with `llama-server` and `llama-quantize` in its `../lib/ollama`.

    It is the one that FUTFUT_TEST_OLLAMA names; else the one on PATH, if it is of the version we deploy; else
    one compiled from the package registries and kept.

    Raises:
        BuildError: there is none and it can't be compiled, or the one named is incomplete.
    """
    if named := os.environ.get("FUTFUT_TEST_OLLAMA"):
        if not _is_complete(Path(named)):
            raise BuildError(
                f"FUTFUT_TEST_OLLAMA={named} is no ollama with {' and '.join(HELPERS)} in ../lib/ollama."
            )
        return Path(named).resolve()
    installed = shutil.which("ollama")
    if installed and _is_complete(Path(installed)) and _version(installed) == OLLAMA:
        return Path(installed).resolve()
    return built()


def _is_complete(program: Path) -> bool:
    folder = program.resolve().parent.parent / "lib" / "ollama"
    return program.is_file() and all((folder / name).is_file() for name in HELPERS)


def _version(program: str) -> str | None:
    # Where no server answers (port 1), it tells its own version and not a server's.
    asked = subprocess.run(
        [program, "--version"],
        env={**os.environ, "OLLAMA_HOST": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    found = re.search(r"client version is (\S+)", asked.stdout)
    return found[1] if found else None


class RealOllama:
    """An Ollama server from entry to exit, with a models folder that is gone afterwards.

    Attributes:
        url: where it answers; the same after a restart.
        models: its models folder.
    """

    def __init__(self, program: Path, **environment: str) -> None:
        """Args: the program, and variables of Ollama's that differ from what we deploy with."""
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="futfut-ollama-"))
        self.models = self._folder / "models"
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        ours = {name: value for name, value in os.environ.items() if not name.startswith("OLLAMA_")}
        self._environment = {
            **ours,
            "HOME": str(self._folder),  # it writes a key pair there
            "OLLAMA_HOST": f"127.0.0.1:{self._port}",
            "OLLAMA_MODELS": str(self.models),
            "OLLAMA_GO_TEMPLATE": "1",
            "OLLAMA_KEEP_ALIVE": "30m",
            "OLLAMA_NUM_PARALLEL": "1",
            "OLLAMA_MAX_LOADED_MODELS": "2",
            "OLLAMA_NO_CLOUD": "1",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._remove()

    @property
    def log(self) -> str:
        """What it has logged since the first start; for the message of a failure."""
        path = self._folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it ended, or doesn't answer within a minute; the message ends in its log.
        """
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", GUARD, "sh", str(self._folder), str(self._program), "serve"],  # noqa: S607
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Ollama didn't start. Its log ends:\n{self.log[-3000:]}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it answers now."""
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/api/version", timeout=1, trust_env=False).is_success
        return False

    def kill(self) -> None:
        """End it and its llama-servers at once, as a crash or `docker kill` would; models stay."""
        self._end(grace=0)

    def stop(self) -> None:
        """End it in good order, and what doesn't end with it by force; models stay."""
        self._end(grace=STOP_SECONDS)

    def restart(self) -> None:
        """Start it again where it was, with the models it had; stopped first if it runs."""
        self.stop()
        self.start()

    def run(self, *arguments: str, folder: Path | None = None) -> str:
        """What the program prints as a client of this server: `run("create", "name", "-f", "Modelfile")`.

        Raises:
            RuntimeError: it exits with another status than 0.
        """
        done = subprocess.run(
            [self._program, *arguments],
            env=self._environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"ollama {' '.join(arguments)}: {done.stderr}\n{self.log[-3000:]}")
        return done.stdout

    def _end(self, *, grace: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if grace:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(grace)
        # Its llama-servers go after it: if one went first, it might still end an answer in good order.
        process.kill()
        process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.stdin is not None
        process.stdin.close()

    def _remove(self) -> None:
        shutil.rmtree(self._folder)


def processes_of(models: Path) -> dict[int, str]:
    """The programs that run with this models folder in their environment, by process id."""
    wanted = f"OLLAMA_MODELS={models}".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):  # it has ended, or isn't ours
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "comm").read_text().strip()
    return {number: name for number, name in found.items() if name != "sh"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    print(provide())  # noqa: T201
