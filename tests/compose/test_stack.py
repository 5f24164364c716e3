"""The whole stack on a real Docker engine: built, brought up, asked, restarted, backed up and restored.

The tests are steps of one deployment, in this order.
"""

from pathlib import Path

import httpx
import pytest

from tests.compose.engine import Engine
from tests.compose.stack import IMAGE, OURS, Stack, commands_of

pytestmark = pytest.mark.compose

QUESTION = "작전타임은 몇 번 쓸 수 있어?"
SIGN_OFF = "언제든지 물어보세요! 풋풋~!"
IMAGE_MEGABYTES = 1000
SERVERS = ("ollama", "qdrant", "api")


@pytest.fixture
def servers(stack: Stack) -> tuple[str, ...]:
    return SERVERS if stack.with_qdrant else ("ollama", "api")


@pytest.mark.usefixtures("stack")
def test_image(engine: Engine) -> None:
    """The image runs both programs as nobody in particular, holds no compiler, and is of a bearable size."""
    run = ["run", "--rm", "--network", "none", "--read-only", IMAGE, "sh", "-c"]
    said = engine.docker(
        *run, "id -u; futfut --help; futfut-convert --help; command -v cc g++ cmake ninja || echo none"
    )
    assert said.startswith("10001\n")
    assert "Answer questions over HTTP" in said
    assert "Fetch and build the model files" in said
    assert said.endswith("none\n")
    size = int(engine.docker("image", "inspect", "--format", "{{.Size}}", IMAGE))
    assert size < IMAGE_MEGABYTES * 1_000_000


def test_up(stack: Stack, servers: tuple[str, ...]) -> None:
    """Without a setting the stack comes up healthy, and answers through the published port by its model."""
    stack.up()
    assert {name: stack.inspect(name)["State"]["Health"]["Status"] for name in servers} == dict.fromkeys(
        servers, "healthy"
    )
    assert httpx.get(f"{stack.url}/health/ready", timeout=30, trust_env=False).json()["mode"] == "model"
    answer = stack.ask(QUESTION)
    assert answer["done"]["mode"] == "model"
    assert answer["message"]["content"].endswith(SIGN_OFF)
    assert answer["sources"]


def test_qdrant(stack: Stack) -> None:
    """The index is on the Qdrant server."""
    if not stack.with_qdrant:
        pytest.skip(
            "Qdrant's image can't be had here: the API ran with its embedded index (compose.embedded.yaml)"
        )
    assert "/storage" in stack.compose("exec", "qdrant", "ls", "-d", "/qdrant/storage/collections")


def test_published(stack: Stack, engine: Engine, servers: tuple[str, ...]) -> None:
    """Only the API has a port here, and only on loopback; what it asks is on a network without a way out."""
    ports = {name: stack.inspect(name)["HostConfig"]["PortBindings"] for name in servers}
    published = ports.pop("api")
    assert [binding["HostIp"] for binding in published["8000/tcp"]] == ["127.0.0.1"]
    assert not any(ports.values())
    (network,) = stack.inspect("ollama")["NetworkSettings"]["Networks"]
    assert engine.docker("network", "inspect", "--format", "{{.Internal}}", network) == "true\n"


@pytest.mark.parametrize("name", ["ollama", "api"])
def test_hardened(stack: Stack, name: str) -> None:
    """The engine holds the container to it: nothing of the image can be changed, no capability is left."""
    with pytest.raises(RuntimeError, match="Read-only file system"):
        stack.compose("exec", "--user", "0", name, "touch", "/usr/bin/it")
    status = stack.compose("exec", name, "cat", "/proc/self/status")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


def test_restart_in_the_middle(stack: Stack) -> None:
    """Ollama goes away in the middle of an answer: its stream ends in good order, and the next is whole."""
    with stack.asking(QUESTION) as events:
        seen = [next(events)[0]]
        while seen[-1] != "token":
            seen.append(next(events)[0])
        stack.compose("restart", "--timeout", "0", "ollama")
        seen += [name for name, _ in events]
    assert seen[-1] in {"error", "done"}
    stack.wait_until_ready()
    assert stack.ask(QUESTION)["message"]["content"].endswith(SIGN_OFF)


def test_restart_of_the_api(stack: Stack) -> None:
    """The API is killed: the engine starts it again, and it answers."""
    before = stack.inspect("api")["State"]["StartedAt"]
    with pytest.raises(RuntimeError, match="137"):
        stack.compose("exec", "api", "sh", "-c", "kill -KILL -1; sleep 5")
    stack.wait_until_ready()
    assert stack.inspect("api")["State"]["StartedAt"] != before
    assert stack.ask(QUESTION)["message"]["content"].endswith(SIGN_OFF)


def test_up_again(stack: Stack, servers: tuple[str, ...]) -> None:
    """Up once more: the one-shots find nothing to do, and no server is started again."""
    before = {name: stack.inspect(name)["State"]["StartedAt"] for name in servers}
    stack.up()
    assert {name: stack.inspect(name)["State"]["StartedAt"] for name in servers} == before
    assert "Nothing has changed" in stack.log("index")
    assert stack.ask(QUESTION)["message"]["content"].endswith(SIGN_OFF)


def test_backup_and_restore(stack: Stack, tmp_path: Path) -> None:
    """The README's backup, restored into a stack that has lost everything, answers without a fetch."""
    (tmp_path / "compose.yaml").touch()
    stack.readme(commands_of("Back up"), tmp_path)
    stack.compose("down", "--volumes")
    stack.readme(commands_of("Restore"), tmp_path)
    assert "Nothing has changed" in stack.log("index")
    assert "downloading" not in stack.log("models")
    assert stack.ask(QUESTION)["message"]["content"].endswith(SIGN_OFF)


def test_users(stack: Stack) -> None:
    """Whatever restored the volume, what is in it belongs to the user that our containers run as."""
    owners = stack.compose("exec", "api", "sh", "-c", "find /var/lib/futfut -printf '%U\\n' | sort -u")
    assert owners.split() == ["10001"]
    assert {stack.inspect(name)["Config"]["User"] for name in OURS} == {"10001:10001"}
