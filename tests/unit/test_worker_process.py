"""A process that runs llama.cpp: how it ended, and that it ends with who started it."""

import signal
import subprocess
from pathlib import Path

import pytest

from convert.worker_process import killed_by, worker_process

# A worker without llama.cpp: says that it is ready, and then waits for what never comes.
WAITING = """
import signal, sys
from pathlib import Path
from convert.worker_process import end_with_parent

end_with_parent(Path("half").unlink)
print(flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of that worker's module; half a file lies in the working directory."""
    (tmp_path / "waiting_worker.py").write_text(WAITING)
    (tmp_path / "half").touch()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    monkeypatch.chdir(tmp_path)
    return "waiting_worker"


@pytest.mark.parametrize(
    ("status", "number"), [(0, None), (1, None), (-signal.SIGABRT, None), (-signal.SIGKILL, signal.SIGKILL)]
)
def test_an_abort_is_no_kill(status: int, number: int | None) -> None:
    """llama.cpp aborts by itself; every other signal came from outside."""
    assert killed_by(status) == number


def test_it_ends_when_its_stdin_does(module: str, tmp_path: Path) -> None:
    """Which the system closes for whoever is gone; what was half-made goes first. Ctrl-C is not for it."""
    with worker_process(module, stderr=subprocess.DEVNULL) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdout.readline()
        worker.send_signal(signal.SIGINT)
        worker.stdin.close()
        assert worker.wait(30) == 1
    assert not (tmp_path / "half").exists()


def wait_in_vain(worker: "subprocess.Popen[bytes]") -> None:
    worker.wait(0.01)


def test_a_failure_kills_it(module: str) -> None:
    """Nobody would listen to it any more."""
    with (
        pytest.raises(subprocess.TimeoutExpired),
        worker_process(module, stderr=subprocess.DEVNULL) as worker,
    ):
        wait_in_vain(worker)
    assert worker.returncode == -signal.SIGKILL
