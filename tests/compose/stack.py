"""The stack of compose.yaml, brought up for tests beside whatever else the engine runs."""

import json
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.compose.engine import Engine
from tests.compose.files import BASE, ROOT
from tests.compose.images import base_image, ollama_image, qdrant_image
from tests.compose.programs import say

PROJECT = "futfut-test"
IMAGE = "futfut-test:0"
OURS = ("models", "index", "api")
BUILD_SECONDS = 3600
UP_SECONDS = 1200
ANSWER_SECONDS = 300
# What a build needs to reach the registries as this machine does; the Dockerfile needn't name them.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
MEMORY = {"OLLAMA_MEMORY": "4g", "FUTFUT_MEMORY": "3g", "QDRANT_MEMORY": "1g"}


class Stack:
    """Images, project and published port, from entry to exit.

    Attributes:
        url: where the API is published.
        with_qdrant: whether a Qdrant server is part of it; else compose.embedded.yaml leaves it out.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._folder = Path(tempfile.mkdtemp(prefix="futfut-stack-"))
        self.with_qdrant = qdrant_image(engine)
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        files = [BASE] if self.with_qdrant else [BASE, ROOT / "compose.embedded.yaml"]
        self._environment = {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_FILE": os.pathsep.join(map(str, [*files, self._override()])),
            # The developer's own choices don't reach the tests.
            "COMPOSE_ENV_FILES": os.devnull,
            "FUTFUT_PORT": str(port),
            **MEMORY,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            say(self.log()[-6000:])
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")
        shutil.rmtree(self._folder)

    def compose(self, *arguments: str, timeout: float = UP_SECONDS) -> str:
        """What `docker compose …` prints; RuntimeError if it fails."""
        return self.shell(["docker", "compose", *arguments], timeout=timeout)

    def shell(
        self,
        command: list[str],
        *,
        folder: Path | None = None,
        timeout: float = UP_SECONDS,
        **environment: str,
    ) -> str:
        """What a command prints in whose surroundings `docker compose` means this stack."""
        return self._engine.run(
            command, folder=folder or ROOT, environment=self._environment | environment, timeout=timeout
        )

    def readme(self, commands: str, folder: Path) -> str:
        """Run commands of the README as they stand, but for the names of the stack and its image."""
        script = commands.replace("futfut_", f"{PROJECT}_").replace("futfut:0.1.0", IMAGE)
        return self.shell(["bash", "-euo", "pipefail", "-c", script], folder=folder)

    def build(self) -> None:
        """Have the images that can't be pulled made, and server/Dockerfile built."""
        base = base_image(self._engine)
        ollama_image(self._engine, base)
        say("Building server/Dockerfile (about ten minutes on two cores at the first time)")
        proxies = [f"--build-arg={name}" for name in PROXIES if name in self._engine.environment]
        build = ["build", "--network", "host", "--file", str(ROOT / "server/Dockerfile"), *proxies]
        # What was compiled has a name, too, for unnamed images don't outlive the engine's tidying up.
        self._engine.docker(
            *build, "--target", "packages", "--tag", f"{IMAGE}-packages", str(ROOT), timeout=BUILD_SECONDS
        )
        self._engine.docker(*build, "--tag", IMAGE, str(ROOT), timeout=BUILD_SECONDS)
        if not self._engine.is_ours:
            for name in (IMAGE, f"{IMAGE}-packages"):
                self._engine.remove_later(name)

    def seed(self, models: Path) -> None:
        """Put model files that this machine has into the volume: half a gigabyte less to fetch."""
        command = ["cp", "--archive", "--no-preserve=ownership", "/from/.", "/var/lib/futfut/models"]
        self.compose("run", "--rm", "--no-deps", "--volume", f"{models}:/from:ro", "models", *command)

    def up(self, *arguments: str) -> str:
        """`docker compose up`, as the README has it."""
        return self.compose("up", "--detach", "--wait", *arguments)

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container."""
        container = self.compose("ps", "--all", "--quiet", service).strip()
        (found,) = json.loads(self._engine.docker("inspect", container))
        assert isinstance(found, dict)
        return found

    def log(self, *services: str) -> str:
        """What services have printed."""
        return self.compose("logs", "--no-color", "--no-log-prefix", *services)

    def ask(self, question: str) -> dict[str, Any]:
        """The whole answer to a question, through the published port."""
        body = {"messages": [{"role": "user", "content": question}]}
        response = httpx.post(f"{self.url}/chat", json=body, timeout=ANSWER_SECONDS, trust_env=False)
        assert response.is_success, response.text
        answer = response.json()
        assert isinstance(answer, dict)
        return answer

    @contextmanager
    def asking(self, question: str) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        """The events of an answer, as they come through the published port."""
        body = {"messages": [{"role": "user", "content": question}], "stream": True}
        with httpx.stream(
            "POST", f"{self.url}/chat", json=body, timeout=ANSWER_SECONDS, trust_env=False
        ) as response:
            assert response.is_success, response.read()
            yield _events(response)

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Return as soon as `/health/ready` says so."""
        deadline = time.monotonic() + seconds
        answer = "nothing"
        while time.monotonic() < deadline:
            try:
                response = httpx.get(f"{self.url}/health/ready", timeout=30, trust_env=False)
            except httpx.TransportError as error:
                answer = repr(error)
            else:
                if response.is_success:
                    return
                answer = response.text
            time.sleep(0.2)
        raise AssertionError(f"not ready after {seconds} s; it says {answer}\n{self.log('api')[-3000:]}")

    def _override(self) -> Path:
        """What differs from a real deployment: the image's name, as it is built already."""
        path = self._folder / "test.yaml"
        services = {name: {"image": IMAGE, "pull_policy": "never"} for name in OURS}
        path.write_text(yaml.safe_dump({"services": services}), encoding="utf-8")
        return path


def commands_of(heading: str) -> str:
    """The commands under a heading of the README, which has them indented by four spaces."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^#|\Z)", readme, re.MULTILINE | re.DOTALL)
    assert section, heading
    return "\n".join(line[4:] for line in section[1].splitlines() if line.startswith("    "))


def _events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    event = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
