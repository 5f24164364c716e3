"""Quantization that is stopped half-way: by a signal, by a full disk, or because nobody waits any more."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from convert.errors import DiskFullError, WorkerBrokenError
from convert.making import making
from convert.quantize.job import Job
from convert.quantize.make import make
from convert.quantize.plan import plan
from convert.quantize.process import run_worker
from modelfiles.progress import Unseen
from tests.quantize_model import half_made, write_model

# Slow to make, so that there is time to stop it.
LEVEL, FTYPE = "iq3_s", 26
PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes seconds to quantize."""
    return write_model(tmp_path_factory.mktemp("models") / "slow-f16.gguf", width=1024, layers=1)


@pytest.fixture
def command(source: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`futfut-convert quantize` at work on that model, in a folder of this test's own."""
    own = tmp_path / source.name
    own.symlink_to(source)
    started = [sys.executable, "-c", "from convert.cli import main; main()", "quantize", str(own)]
    with subprocess.Popen(
        [*started, "--levels", LEVEL, "--threads", "1"], stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: half_made(tmp_path) != [])
        yield process
        process.kill()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def child(process: int) -> int:
    """The one process that a process has started."""
    (number,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(number)


def has_ended(process: int) -> bool:
    return not Path(f"/proc/{process}").exists()


def test_a_killed_worker_is_told(command: subprocess.Popen[str], tmp_path: Path) -> None:
    """As the system kills it when memory runs out: the error says so, and nothing is left behind."""
    os.kill(child(command.pid), signal.SIGKILL)
    _, error = command.communicate(timeout=PATIENCE_SECONDS)
    assert command.returncode == 1
    assert "was ended by SIGKILL. That is what the system does when memory runs out" in error
    assert half_made(tmp_path) == []
    assert not (tmp_path / f"slow-{LEVEL}.gguf").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_worker_ends_with_who_started_it(
    command: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    """Interrupted, ended or killed: the worker is gone at once, and half a file with it."""
    worker = child(command.pid)
    command.send_signal(number)
    command.wait(PATIENCE_SECONDS)
    wait_for(lambda: has_ended(worker))
    assert half_made(tmp_path) == []
    assert not (tmp_path / f"slow-{LEVEL}.gguf").exists()


def test_ctrl_c_on_a_terminal(command: subprocess.Popen[str], tmp_path: Path) -> None:
    """It reaches the worker as well, which leaves it to who started it: nobody was killed, then."""
    worker = child(command.pid)
    os.kill(worker, signal.SIGINT)
    os.kill(command.pid, signal.SIGINT)
    _, error = command.communicate(timeout=PATIENCE_SECONDS)
    assert "was ended by" not in error
    wait_for(lambda: has_ended(worker))
    assert half_made(tmp_path) == []


def test_a_file_that_may_not_grow_is_told(source: Path, tmp_path: Path) -> None:
    """A limit on file sizes, as a full disk, stops the writing: the error has the system's reason."""
    own = tmp_path / source.name
    own.symlink_to(source)
    program = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
    program += "from convert.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "quantize", str(own), "--levels", "q8_0"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "slow-q8_0.gguf couldn't be written to its end: File too large. It needs 1" in done.stderr
    assert half_made(tmp_path) == []
    assert not (tmp_path / "slow-q8_0.gguf").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)  # noqa: S607


def test_a_full_disk_is_told(source: Path, small_disk: Path) -> None:
    """It fills up while the file is written: the file that was there stays, and the half one is gone."""
    target = small_disk / "slow-q8_0.gguf"
    with making(target, {}) as part:
        part.write_bytes(b"the old one")
    planned = plan(source, ["q8_0"])["q8_0"]
    with pytest.raises(DiskFullError, match=r"No space left on device.*make room, then run") as caught:
        make(Job(str(source), (7,)), "q8_0", planned, target, {}, progress=Unseen())
    assert caught.value.needed == planned.size
    assert target.read_bytes() == b"the old one"
    assert half_made(small_disk) == []


def test_a_worker_that_does_not_work_is_told(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where llama.cpp's library can't be loaded it isn't the model's fault."""
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", "/nowhere")
    with pytest.raises(WorkerBrokenError, match=r"doesn't work: .*install futfut and llama-cpp-python again"):
        run_worker(Job(str(source), (FTYPE,)))
