"""A Docker engine from entry to exit: the one that runs, or one of our own that leaves nothing behind."""

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.compose.programs import CACHE, compose_plugin, engine_answers, say

START_SECONDS = 60
STOP_SECONDS = 60
_PR_SET_PDEATHSIG = 1
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class Engine:
    """Runs docker and `docker compose` against one engine.

    Where an engine runs, that one is used, and the images that we put there are removed. Else a dockerd is
    started with a socket, a state folder and image storage of its own; the storage is kept between runs, so
    that layers needn't be built again, and what a killed run left in it is removed at the start.

    Attributes:
        environment: what programs need to talk to it.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="futfut-engine-"))
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("FUTFUT_", "COMPOSE_"))
            },
            "DOCKER_CONFIG": str(self._folder / "config"),
            # The classic builder needs no plugin; the Dockerfile is written for both.
            "DOCKER_BUILDKIT": "0",
        }
        self._daemon: subprocess.Popen[bytes] | None = None
        self._firewall = ""
        self._forwarding = ""
        self._to_remove: list[str] = []
        self._exclusive = ExitStack()

    def __enter__(self) -> Self:
        try:
            plugins = self._folder / "config" / "cli-plugins"
            plugins.mkdir(parents=True)
            if plugin := compose_plugin():
                (plugins / "docker-compose").symlink_to(plugin)
            if not engine_answers():
                self._start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def is_ours(self) -> bool:
        """Whether it was started here, so that nobody else's images and containers are in it."""
        return self._daemon is not None

    def docker(self, *arguments: str, stdin: int = subprocess.DEVNULL, timeout: float = 300) -> str:
        """What `docker …` prints.

        Raises:
            RuntimeError: it exits with another status than 0; the message has the end of what it printed.
        """
        return self.run(["docker", *arguments], stdin=stdin, timeout=timeout)

    def run(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        environment: dict[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        timeout: float = 300,
    ) -> str:
        """What a program prints that talks to this engine.

        Raises:
            RuntimeError: it exits with another status than 0; the message has the end of what it printed.
        """
        done = subprocess.run(
            command,
            cwd=folder,
            env=self.environment | (environment or {}),
            stdin=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command)} exits with {done.returncode}:\n{(done.stdout + done.stderr)[-6000:]}"
            )
        return done.stdout + done.stderr

    def has(self, image: str) -> bool:
        """Whether an image of this name is there."""
        return bool(self.docker("images", "--quiet", image).strip())

    def remove_later(self, image: str) -> None:
        """Have an image that was made here leave somebody else's engine with us."""
        self._to_remove.append(image)

    def _start(self) -> None:
        # Two engines on one storage would destroy it.
        CACHE.mkdir(parents=True, exist_ok=True)
        lock = self._exclusive.enter_context((CACHE / "engine.lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        say("Starting a Docker engine for the tests")
        self._firewall = _firewall_rules()
        self._forwarding = _FORWARDING.read_text()
        socket = f"unix://{self._folder / 'docker.sock'}"
        self.environment["DOCKER_HOST"] = socket
        with (self._folder / "log").open("wb") as log:
            self._daemon = subprocess.Popen(
                [  # noqa: S607
                    "dockerd",
                    f"--host={socket}",
                    f"--data-root={CACHE / 'engine'}",
                    f"--exec-root={self._folder / 'exec'}",
                    f"--pidfile={self._folder / 'pid'}",
                    # Compose makes the networks that it needs; this one would only be left behind.
                    "--bridge=none",
                    "--log-level=warn",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_us,  # noqa: PLW1509 - one system call, and no thread is running yet
            )
        deadline = time.monotonic() + START_SECONDS
        while not engine_answers(self.environment):
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dockerd doesn't start:\n{(self._folder / 'log').read_text()[-3000:]}")
            time.sleep(0.2)
        self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        if containers := self.docker("ps", "--all", "--quiet").split():
            self.docker("rm", "--force", "--volumes", *containers)
        self.docker("network", "prune", "--force")
        if volumes := self.docker("volume", "ls", "--quiet").split():
            self.docker("volume", "rm", *volumes)

    def _close(self) -> None:
        if self._daemon is None:
            if self._to_remove:
                self.docker("rmi", *self._to_remove)
        else:
            # What an earlier run built and this one built otherwise; stages that are tagged stay.
            self.docker("image", "prune", "--force")
            self._daemon.terminate()
            try:
                self._daemon.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._daemon.pid, signal.SIGKILL)
                self._daemon.wait()
            # dockerd leaves its own network namespace mounted there.
            subprocess.run(["umount", self._folder / "exec/netns/default"], capture_output=True, check=False)  # noqa: S607
            _restore_firewall(self._firewall)
            _FORWARDING.write_text(self._forwarding)
            self._daemon = None
        self._exclusive.close()
        shutil.rmtree(self._folder)


def _end_with_us() -> None:
    """Have the kernel tell dockerd to stop, and its containers with it, when the test run is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _firewall_rules() -> str:
    """The rules without Docker's own: no engine runs, so those are what a killed one has left."""
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    return "".join(
        line for line in saved.splitlines(keepends=True) if "DOCKER" not in line and " br-" not in line
    )


def _restore_firewall(rules: str) -> None:
    """Put back the tables that dockerd changes; where there was none, an empty one."""
    for table, chains in (
        ("nat", ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")),
        ("filter", ("INPUT", "FORWARD", "OUTPUT")),
    ):
        if f"*{table}\n" not in rules:
            rules += f"*{table}\n" + "".join(f":{chain} ACCEPT [0:0]\n" for chain in chains) + "COMMIT\n"
    subprocess.run(["iptables-restore"], input=rules, text=True, check=True)  # noqa: S607
