"""The programs that bring the stack up: found, or brought from the registries.

`python -m tests.compose.programs` does so ahead of the tests; it exits with 3 where this machine can't.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

COMPOSE = "2.40.3"
PACKAGES = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "futfut" / "compose"
NOT_HERE = 3
_COMPILED = CACHE / f"docker-compose-{COMPOSE}"


class NotHereError(RuntimeError):
    """The stack can't be brought up on this machine; the message says what is missing."""


def engine_answers(environment: dict[str, str] | None = None) -> bool:
    """Whether a Docker engine runs that we may use."""
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(
        ["docker", "info", "--format", "{{.ServerVersion}}"],  # noqa: S607
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return asked.returncode == 0 and asked.stdout.strip() != b""


def bring_engine() -> None:
    """Make sure that an engine runs, or can be started and given a base image.

    Raises:
        NotHereError: none runs, and we aren't root or have no package manager to get one by.
    """
    if engine_answers():
        return
    if os.geteuid() != 0:
        raise NotHereError("no Docker engine runs that this user may use, and only root can start one")
    missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise NotHereError(f"{', '.join(missing)} are missing, and there is no apt-get to install them by")
    say(f"Installing {', '.join(missing)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["update", "--quiet"],
        ["install", "--yes", "--quiet", "--no-install-recommends", *missing],
    ):
        done = subprocess.run(
            ["apt-get", *command],  # noqa: S607
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotHereError(f"apt-get {' '.join(command)} fails: {done.stderr.strip()[-500:]}")


def compose_command() -> list[str] | None:
    """How the compose tool of version 2 is called here; None where there is none yet."""
    if shutil.which("docker") and not _exit_status("docker", "compose", "version"):
        return ["docker", "compose"]
    if installed := shutil.which("docker-compose"):
        # Version 1 was another program, which reads these files otherwise.
        version = subprocess.run(
            [installed, "version", "--short"], capture_output=True, text=True, check=False
        )
        if not version.stdout.startswith("1."):
            return [installed]
    return [str(_COMPILED)] if _COMPILED.exists() else None


def compose_plugin() -> Path | None:
    """A compose tool for docker to take as its plugin; None where docker has one.

    Where there is none at all it is compiled from the Go module proxy, and kept.

    Raises:
        NotHereError: there is none, and no Go to compile it with.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with _COMPILED.with_name("docker-compose.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if compose_command() is None:
            _compile(_COMPILED)
    program, *subcommand = compose_command() or []
    return None if subcommand else Path(program)


def _compile(finished: Path) -> None:
    if shutil.which("go") is None:
        raise NotHereError("there is neither a compose tool (version 2) nor Go to compile one")
    say(f"Compiling the compose tool {COMPOSE} once (about three minutes); it is kept in {finished.parent}")
    module = "github.com/docker/compose/v2"
    # `go install` refuses a go.mod with exclusions; built in its own folder the module is the main one.
    folder = json.loads(_output("go", "mod", "download", "-json", f"{module}@v{COMPOSE}"))["Dir"]
    building = finished.with_name("docker-compose.building")
    flags = f"-s -w -X {module}/internal.Version=v{COMPOSE}"
    _output("go", "build", "-C", folder, "-trimpath", "-ldflags", flags, "-o", str(building), "./cmd")
    building.rename(finished)


def _output(*command: str) -> str:
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    done = subprocess.run(command, cwd=CACHE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHereError(f"{' '.join(command)} fails: {done.stderr.strip()[-1000:]}")
    return done.stdout


def _exit_status(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def say(line: str) -> None:
    """A line of progress, for what takes minutes."""
    print(f"==> {line}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    try:
        bring_engine()
        compose_plugin()
    except NotHereError as error:
        say(f"The stack can't be brought up here: {error}")
        sys.exit(NOT_HERE)
