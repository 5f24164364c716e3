"""`futfut-convert gguf` makes a model's file once, whole or not at all."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from llama_cpp import Llama

from convert.checkpoint.open import open_checkpoint
from convert.cli import cli
from convert.errors import CheckpointError, DiskSpaceError, FetchBusyError, ForeignFileError, WeightRangeError
from convert.to_gguf.make import make_gguf
from modelfiles.progress import Unseen
from tests.tiny_adapter import TinyAdapter, write_adapter
from tests.tiny_checkpoint import CASES, TinyCheckpoint, write_tiny_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Llama."""
    return write_tiny_checkpoint(tmp_path / "model")


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """Where its file goes."""
    path = tmp_path / "home" / "models"
    path.mkdir(parents=True)
    return path


def gguf_files(models_dir: Path) -> list[Path]:
    """Every such file, half ones in the staging folders too."""
    return [path for path in models_dir.rglob("*.gguf") if path.is_file()]


def test_command(folder: Path, models_dir: Path) -> None:
    """The command makes the file, and the second time leaves it alone."""
    arguments = ["gguf", "small", "--from", str(folder), "--home", str(models_dir.parent)]
    first = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    made = (models_dir / "small-f16.gguf").stat()
    second = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert "made" in first.output
    assert "already there" in second.output
    assert (models_dir / "small-f16.gguf").stat() == made


def test_command_wants_a_name(folder: Path, models_dir: Path) -> None:
    """A path in a name's place is refused, so that no file lands elsewhere."""
    arguments = ["gguf", "../small", "--from", str(folder), "--home", str(models_dir.parent)]
    assert CliRunner().invoke(cli, arguments).exit_code == 2


@pytest.mark.parametrize("name", CASES)
def test_llama_cpp_runs_it(name: str, tmp_path: Path, models_dir: Path) -> None:
    """llama.cpp loads each architecture's file and goes on with a text."""
    folder = write_tiny_checkpoint(tmp_path / name, CASES[name])
    path = make_gguf("any", folder, models_dir, output="bf16", progress=Unseen())
    llama = Llama(str(path), n_ctx=64, logits_all=True, verbose=False)
    llama.eval(llama.tokenize("풋살".encode()))
    logits = llama.scores[llama.n_tokens - 1]
    assert np.isfinite(logits).all()
    assert np.ptp(logits) > 0


def test_made_anew(folder: Path, models_dir: Path) -> None:
    """Another card, another weight or another type is another file."""
    path = make_gguf("any", folder, models_dir, progress=Unseen())
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    before = path.read_bytes()
    assert make_gguf("any", folder, models_dir, progress=Unseen()).read_bytes() != before
    assert make_gguf("any", folder, models_dir, output="f32", progress=Unseen()).name == "any-f32.gguf"


def test_with_an_adapter(folder: Path, models_dir: Path, tmp_path: Path) -> None:
    """An adapter is merged in on the way; another one makes another file, the same one none."""
    target = "model.layers.0.mlp.down_proj"
    shape = open_checkpoint(folder).tensors[f"{target}.weight"].shape
    found = [make_gguf("any", folder, models_dir, progress=Unseen()).read_bytes()]
    for alpha in (8, 16, 16):
        adapter = write_adapter(
            tmp_path / "adapter", TinyAdapter({target: (shape[0], shape[1])}, alpha=alpha)
        )
        found.append(make_gguf("any", folder, models_dir, adapter=adapter, progress=Unseen()).read_bytes())
    assert len(set(found)) == 3
    assert found[2] == found[3]


def test_failure_leaves_nothing(folder: Path, models_dir: Path) -> None:
    """A weight that is found to be too large in the middle leaves no half file, and the old one as it was."""
    path = make_gguf("any", folder, models_dir, progress=Unseen())
    before = path.read_bytes()
    overflow(folder)
    with pytest.raises(WeightRangeError):
        make_gguf("any", folder, models_dir, progress=Unseen())
    assert path.read_bytes() == before
    assert gguf_files(models_dir) == [path]


def overflow(folder: Path) -> None:
    """Make a checkpoint's last weight too large for float16."""
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-2:] = b"\x7f\x7f"  # bfloat16's largest
    file.write_bytes(content)


def test_no_room(folder: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is noticed before anything is written."""
    usage = shutil.disk_usage(models_dir)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskSpaceError):
        make_gguf("any", folder, models_dir, progress=Unseen())
    assert gguf_files(models_dir) == []


def test_what_was_not_made_here_stays(folder: Path, models_dir: Path) -> None:
    """A file of that name which an operator has put there is refused, not replaced."""
    own = models_dir / "any-f16.gguf"
    own.write_bytes(b"the operator's own")
    with pytest.raises(ForeignFileError, match=r"any-f16\.gguf wasn't made here"):
        make_gguf("any", folder, models_dir, progress=Unseen())
    assert own.read_bytes() == b"the operator's own"


def test_two_at_once(folder: Path, models_dir: Path) -> None:
    """A second process is told that the first is at it."""
    staging = models_dir / ".fetching" / "any-f16.gguf"
    staging.mkdir(parents=True)
    with (staging / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FetchBusyError):
            make_gguf("any", folder, models_dir, progress=Unseen())


def test_bad_checkpoint_writes_nothing(folder: Path, models_dir: Path) -> None:
    """What is wrong with a checkpoint is said before anything is written."""
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"type": "WordPiece"}}))
    with pytest.raises(CheckpointError, match="WordPiece"):
        make_gguf("any", folder, models_dir, progress=Unseen())
    assert gguf_files(models_dir) == []


def test_killed(tmp_path: Path, models_dir: Path) -> None:
    """A kill in the middle leaves no file under the final name, and the next run makes it whole."""
    wide = TinyCheckpoint(hidden=256, inner=8192, layers=6)
    folder = write_tiny_checkpoint(tmp_path / "model", wide)
    script = (
        "from pathlib import Path; from convert.to_gguf.make import make_gguf; "
        "from modelfiles.progress import Unseen; "
        f"make_gguf('any', Path({str(folder)!r}), Path({str(models_dir)!r}), output='f32', progress=Unseen())"
    )
    part = models_dir / ".fetching" / "any-f32.gguf" / "any-f32.gguf"
    process = subprocess.Popen([sys.executable, "-c", script])
    while process.poll() is None and not (part.exists() and part.stat().st_size > 1_000_000):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert part.exists()
    assert not (models_dir / "any-f32.gguf").exists()
    path = make_gguf("any", folder, models_dir, output="f32", progress=Unseen())
    assert path.stat().st_size > 4 * sum(
        tensor.shape[0] for tensor in open_checkpoint(folder).tensors.values()
    )
    assert not part.exists()
