"""The compose files: what the specification asks of them, and what we promise of the stack."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from server.settings import Settings
from tests.compose.files import BASE, EXAMPLE, FILES, OVERRIDES, ROOT, read, services, variables
from tests.compose.programs import compose_command

SCHEMA = json.loads((ROOT / "tests/data/compose_spec/compose-spec.json").read_text(encoding="utf-8"))
ONE_SHOTS = {"models", "index"}
SERVERS = {"ollama", "qdrant", "api"}
OURS = {"models", "index", "api"}

# What is set for the box rather than for a process: the folder that is mounted, and what is published.
ON_THE_HOST = {"FUTFUT_CORPUS", "FUTFUT_HOST", "FUTFUT_PORT"}
# What the stack decides: the volume, and where its own servers are.
FIXED = {"FUTFUT_HOME", "FUTFUT_OLLAMA_URL", "FUTFUT_QDRANT_URL"}
# Answers come from whatever is live in Ollama: only the one-shot that makes it live is told a name.
OF_THE_MODELS_ONE_SHOT = {"FUTFUT_MODEL"}


def of_settings() -> dict[str, object]:
    """Each setting's variable with its default."""
    return {f"FUTFUT_{name.upper()}": field.default for name, field in Settings.model_fields.items()}


def example() -> dict[str, str]:
    """The variables of .env.example with the values it shows."""
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_specification(path: Path) -> None:
    """Every file is valid by the compose specification's own schema."""
    errors = Draft202012Validator(SCHEMA).iter_errors(read(path))
    assert [f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors] == []


@pytest.mark.parametrize("override", [None, *OVERRIDES], ids=lambda path: path.name if path else "alone")
def test_compose_reads_them(override: Path | None, tmp_path: Path) -> None:
    """The compose tool itself takes compose.yaml, alone and with each override."""
    tool = compose_command()
    if tool is None:
        pytest.skip("no compose tool here; `make test-compose` brings one")
    files = [argument for path in (BASE, override) if path for argument in ("--file", str(path))]
    command = [*tool, *files, "--env-file", os.devnull, "config", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_services() -> None:
    """The stack is three servers and two one-shots."""
    assert set(services()) == SERVERS | ONE_SHOTS
    assert {name for name, service in services().items() if service["restart"] == "no"} == ONE_SHOTS
    assert {services()[name]["restart"] for name in SERVERS} == {"unless-stopped"}


def test_images_are_pinned() -> None:
    """Every image and the image's own base have a tag of one version; ours is this project's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, service in services().items():
        if name in OURS:
            assert service["image"] == f"futfut:{project['version']}"
        else:
            assert re.search(r":v?\d+\.\d+\.\d+(-\w+)?$", service["image"]), service["image"]
    dockerfile = (ROOT / "server/Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^ARG BASE=(.*)$", dockerfile, re.MULTILINE) == ["python:3.11-slim-bookworm"]
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert bases == ["${BASE}", "${BASE}", "packages", "${BASE}"]


def test_only_the_api_is_published() -> None:
    """Nothing but the API has a port on the box, and that on loopback unless the operator opens it."""
    published = {
        (path.name, name): service["ports"]
        for path in FILES
        for name, service in services(path).items()
        if service and "ports" in service
    }
    assert published == {
        ("compose.yaml", "api"): ["${FUTFUT_HOST:-127.0.0.1}:${FUTFUT_PORT:-8000}:8000"],
    }
    assert all(service.get("network_mode") is None for service in services().values())
    assert read(BASE)["networks"] == {"engines": {"internal": True}}
    assert all(services()[name]["networks"] == ["engines"] for name in ("ollama", "qdrant", "index"))


@pytest.mark.parametrize("name", sorted(SERVERS | ONE_SHOTS))
def test_hardened(name: str) -> None:
    """A container writes to its volumes and /tmp only, has no capability and gains none, and has limits."""
    service = services()[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - inside the container
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    limits = service["deploy"]["resources"]["limits"]
    assert limits["memory"]
    assert limits["pids"]
    assert service["logging"]["options"]["max-size"]
    assert "privileged" not in service


def test_nobody_is_root_in_our_image() -> None:
    """The image's last user is a number that isn't root's, so that an engine can see it."""
    users = re.findall(r"^USER (.*)$", (ROOT / "server/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert users == ["10001:10001"]


def test_health() -> None:
    """Every server has a health check that dependants wait for; one-shots are waited for to their end."""
    assert {name for name, service in services().items() if "healthcheck" in service} == SERVERS
    conditions = {
        (name, needed): how["condition"]
        for name, service in services().items()
        for needed, how in service.get("depends_on", {}).items()
    }
    assert conditions == {
        ("models", "ollama"): "service_healthy",
        ("index", "models"): "service_completed_successfully",
        ("index", "qdrant"): "service_healthy",
        ("api", "ollama"): "service_healthy",
        ("api", "qdrant"): "service_healthy",
        ("api", "models"): "service_completed_successfully",
        ("api", "index"): "service_completed_successfully",
    }


def test_every_setting_can_be_set() -> None:
    """Each setting of the service is a variable of the stack, but for those that the stack decides."""
    assert set(of_settings()) - FIXED <= variables()
    passed = {name for name, value in services()["api"]["environment"].items() if value is None}
    assert passed == set(of_settings()) - FIXED - ON_THE_HOST - OF_THE_MODELS_ONE_SHOT


def test_the_example_names_every_variable() -> None:
    """.env.example lists every variable that the files take, and nothing else; all of it is commented out."""
    assert set(example()) == variables() | {"COMPOSE_FILE"}
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_the_example_shows_the_defaults() -> None:
    """The values that .env.example shows are what holds without them."""
    settings = {name: "" if default is None else str(default) for name, default in of_settings().items()}
    defaults = {
        name: default
        for path in FILES
        for name, default in re.findall(r"(?<!\$)\$\{([A-Z_]+):-([^}]*)\}", path.read_text(encoding="utf-8"))
    }
    expected = settings | defaults | {"COMPOSE_FILE": "compose.yaml"}
    assert {name: value for name, value in example().items() if value != expected.get(name, "")} == {}


def test_keys_are_in_no_file() -> None:
    """No file holds a key: they are passed on, or read from the operator's own files."""
    for path in FILES:
        for service in services(path).values():
            for name, value in (service or {}).get("environment", {}).items():
                assert value is None or "KEY" not in name or name == "OLLAMA_KEEP_ALIVE"


@pytest.mark.parametrize(
    ("variable", "file", "expected"),
    [(None, None, "none"), ("", None, "none"), ("abc", None, "abc"), (None, "from a file", "from a file")],
)
def test_qdrant_key(variable: str | None, file: str | None, expected: str, tmp_path: Path) -> None:
    """Qdrant gets the key of the variable, or of the file; and none rather than an empty one."""
    entrypoint = tmp_path / "entrypoint.sh"
    entrypoint.write_text('#!/bin/sh\necho "${QDRANT__SERVICE__API_KEY-none}"\n')
    entrypoint.chmod(0o755)
    secret = tmp_path / "secret"
    if file is not None:
        secret.write_text(f"{file}\n")
    *bash, script = services()["qdrant"]["command"]
    script = script.replace("$$", "$").replace("/run/secrets/futfut_qdrant_api_key", str(secret))
    environment = {"PATH": os.environ["PATH"]}
    if variable is not None:
        environment["FUTFUT_QDRANT_API_KEY"] = variable
    said = subprocess.run(
        [*bash, script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout == f"{expected}\n"
