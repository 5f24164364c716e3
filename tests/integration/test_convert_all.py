"""`futfut-convert all`: a fine-tune's whole way in one command, on tiny models and the stand-in."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelfiles.ollama import Ollama
from modelfiles.verdict import read_verdict
from tests.hub_server import Hub, point_hub_at, serving
from tests.integration.convert_command import run
from tests.ollama_http import OllamaHttp
from tests.tiny_adapter import TinyAdapter, write_adapter
from tests.tiny_checkpoint import TinyCheckpoint, write_tiny_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHECKPOINT = TinyCheckpoint(
    "Qwen2ForCausalLM", "qwen2", config={"max_position_embeddings": 8192}, files={"README.md": "# 풋살\n"}
)
ADAPTER = TinyAdapter({"model.layers.0.self_attn.q_proj": (64, 64)})
# What is asked of a tiny model, whose answers are noise: any level is registered, whatever it is worth.
LEVELS = ("--levels", "q8_0,q4_0", "--tokens", "300", "--threads", "1", "--accept-failed")


@dataclass
class Box:
    """A home with nothing in it, text to measure on, and a checkpoint."""

    home: Path
    checkpoint: Path

    @property
    def models(self) -> dict[str, str]:
        """The sha256 of the model files that are there, by name."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.home / "models").glob("*.gguf"))
        }


@pytest.fixture
def ollama() -> Iterator[OllamaHttp]:
    with OllamaHttp() as server:
        yield server


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ollama: OllamaHttp) -> Box:
    monkeypatch.setenv("FUTFUT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FUTFUT_OLLAMA_URL", ollama.url)
    text = tmp_path / "text.txt"
    text.write_text("풋살은 다섯 명이 한 팀이에요. 킥인은 4초 안에 차야 해요. " * 60, encoding="utf-8")
    monkeypatch.setenv("FUTFUT_CORPUS", str(text))
    return Box(tmp_path / "home", write_tiny_checkpoint(tmp_path / "tuned", CHECKPOINT))


def tuned(box: Box, *more: str) -> tuple[str, ...]:
    return ("all", "mini", "--from", str(box.checkpoint), "--name", "tuned", *LEVELS, *more)


def test_from_a_folder_to_ollama(
    box: Box, ollama: OllamaHttp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan comes first and the next command last; every level is there, judged, and in Ollama."""
    assert run(monkeypatch, *tuned(box)) == 0
    out = capsys.readouterr().out
    assert out.index("Plan for tuned") < out.index("tuned-f16.gguf: made") < out.index("Against f16")
    assert "Next: futfut-convert use tuned-q" in out.splitlines()[-1]
    assert list(box.models) == ["tuned-f16.gguf", "tuned-q4_0.gguf", "tuned-q8_0.gguf"]
    with Ollama(ollama.url) as client:
        assert client.tags().keys() == {"tuned-q8_0", "tuned-q4_0"}
    modelfile = (box.home / "models" / "tuned-q8_0.Modelfile").read_text(encoding="utf-8")
    assert modelfile.startswith("FROM ./tuned-q8_0.gguf\n")
    report = json.loads((box.home / "reports" / "tuned.json").read_bytes())
    assert [row["level"] for row in report["rows"]] == ["f16", "q8_0", "q4_0"]
    assert (box.home / "reports" / "tuned.png").read_bytes().startswith(b"\x89PNG")
    for row in report["rows"]:
        file = box.home / "models" / row["file"]
        verdict = read_verdict(file, box.models[file.name])
        assert verdict is not None
        assert verdict.passed == row["verdict"]["passed"]


def test_a_second_run_makes_nothing(
    box: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing changed nothing is made, measured or registered again; with a level more, only that."""
    run(monkeypatch, *tuned(box))
    before = {path: path.stat().st_mtime_ns for path in (box.home / "models").glob("*.gguf")}
    capsys.readouterr()
    assert run(monkeypatch, *tuned(box)) == 0
    out = capsys.readouterr().out
    assert out.count("already there, and fresh") >= 3
    assert out.count("already registered, and nothing has changed") == 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert run(monkeypatch, *tuned(box, "--levels", "q8_0,q4_0,q5_0")) == 0
    out = capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "tuned-q5_0: registered" in out


def test_a_fine_tune_is_verified_by_its_name(
    box: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its own Modelfiles and the thresholds that it was held to before; nothing is measured anew."""
    run(monkeypatch, *tuned(box, "--no-register"))
    path = box.home / "reports" / "tuned.json"
    before = json.loads(path.read_bytes())
    capsys.readouterr()
    assert run(monkeypatch, "verify", "tuned", "--tokens", "300", "--threads", "1") == 0
    after = json.loads(path.read_bytes())
    assert after["thresholds"] == before["thresholds"]
    rows = {row["level"]: row for row in before["rows"]}
    assert {row["level"]: row for row in after["rows"]} == rows
    assert "speed, and" not in capsys.readouterr().out


def test_an_adapter_from_the_hub(
    box: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It is recognized, fetched, merged into its base, and where it comes from stands in the file."""
    folder = write_adapter(tmp_path / "lora", ADAPTER)
    hub = Hub(about={"cardData": {"license": "mit"}})
    hub.push(COMMIT, {path.name: path.read_bytes() for path in folder.iterdir()})
    whole = ("all", "mini", "--name", "tuned", *LEVELS, "--no-register")
    with serving(hub):
        point_hub_at(monkeypatch, hub.port)
        adapted = (*whole, "--from", "org/name", "--base", str(box.checkpoint))
        assert run(monkeypatch, *adapted) == 0
    assert "name: an adapter of" in capsys.readouterr().out
    merged = box.models["tuned-f16.gguf"]
    assert COMMIT.encode() in (box.home / "models" / "tuned-f16.gguf").read_bytes()
    assert run(monkeypatch, *whole, "--from", str(box.checkpoint)) == 0
    assert box.models["tuned-f16.gguf"] != merged


def test_a_dry_run_writes_nothing(
    box: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the plan is printed; no Ollama is needed for it, and not even the home is made."""
    monkeypatch.setenv("FUTFUT_OLLAMA_URL", "http://127.0.0.1:1")
    assert run(monkeypatch, *tuned(box, "--dry-run")) == 0
    out = capsys.readouterr().out
    for step in ("convert to f16", "quantize q8_0", "verify q4_0", "register q4_0", "Disk:", "Time:"):
        assert step in out
    assert not box.home.exists()


def test_what_fails_is_not_registered(
    box: Box, ollama: OllamaHttp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Noise doesn't answer in Korean: no level passes, Ollama gets none, and the command says so."""
    arguments = [argument for argument in tuned(box) if argument != "--accept-failed"]
    assert run(monkeypatch, *arguments) == 1
    captured = capsys.readouterr()
    assert "q4_0 failed:" in captured.out
    assert "No level of tuned passed verification" in captured.err
    with Ollama(ollama.url) as client:
        assert client.tags() == {}


def test_what_cannot_be_asked_for(
    box: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is told before anything is made, with what to do."""
    here = str(box.checkpoint)
    for arguments, said in (
        (["mega", "--from", here], "no model 'mega'"),
        (["mid", "--levels", "q8_0"], "names no checkpoint of mid. Say where it is, with --from"),
        (["mini", "--from", here, "--levels", "q4_k_m"], "--name mini-tuned"),
        (["mini", "--from", here, "--name", "big"], "a model 'big' of its own"),
        (["mini", "--from", here, "--name", "../up"], "No model can be called '../up'"),
        (["mini", "--from", here, "--name", "풋살"], "No model can be called '풋살'"),
        (["mini", "--from", here, "--name", "x", "--base", here], "are whole: there is nothing to merge"),
        (["mini", "--from", here, "--levels", ","], "No level is asked for"),
        (["mini", "--from", here, "--name", "x", "--levels", "q9_z"], "q9_z"),
        (["mini", "--from", here, "--name", "x", "--levels", "iq2_m"], "--imatrix"),
        (["mini", "--from", "nowhere", "--name", "x"], "neither a folder nor a repository's name"),
        (["mini", "--from", str(box.checkpoint.parent), "--name", "x"], "there is no config.json"),
        (["mini", "--from", here, "--name", "x", "--text", "nothing.txt"], "nothing.txt"),
        (["mini", "--from", here, "--name", "x", "--ollama", "http://127.0.0.1:1"], "Ollama doesn't answer"),
    ):
        assert run(monkeypatch, "all", *arguments) == 1, arguments
        error = capsys.readouterr().err
        assert error.startswith("futfut-convert: ")
        assert said in error
        assert not (box.home / "models").exists(), arguments


def test_killed_at_any_moment(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """After kills at random moments the same command makes what an undisturbed run makes, to the byte."""
    run(monkeypatch, *tuned(box, "--no-register"))
    undisturbed = box.models
    for file in (box.home / "models").rglob("*"):
        if file.is_file():
            file.unlink()
    code = "from convert.cli import main; main()"
    command = [sys.executable, "-c", code, *tuned(box, "--no-register")]
    for moment in sorted(random.Random(4).uniform(0.3, 4.0) for _ in range(4)):  # noqa: S311  # no secret
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
            time.sleep(moment)
            os.killpg(process.pid, signal.SIGKILL)
        # Whatever is there under its name is whole.
        assert box.models.items() <= undisturbed.items()
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert box.models == undisturbed
