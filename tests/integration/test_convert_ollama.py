"""`futfut-convert register` and `use` as a person runs them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfiles.ollama import Ollama
from tests.contract.ollama_home import Home
from tests.integration.convert_command import run
from tests.ollama_http import OllamaHttp
from tests.tiny_model import END

OTHER = ("▁다", "섯", "명", "이", "▁", "해", "요", ".", END)


@pytest.fixture
def server() -> Iterator[OllamaHttp]:
    with OllamaHttp() as served:
        yield served


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Files alone: the commands bring their own client."""
    monkeypatch.setenv("FUTFUT_HOME", str(tmp_path / "home"))
    return Home(tmp_path, Ollama("http://127.0.0.1:1"))


def test_from_nothing_to_live_and_back(
    home: Home, server: OllamaHttp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Register, use, use another, return; `use` alone shows what is live at each step."""
    monkeypatch.setenv("FUTFUT_OLLAMA_URL", server.url)
    one, other = home.write("one"), home.write("other", OTHER)
    assert run(monkeypatch, "use") == 0
    assert capsys.readouterr().out == "No model is live. Choose one: futfut-convert use mini\n"
    assert run(monkeypatch, "register", one, other) == 0
    assert "other: registered" in capsys.readouterr().out
    for arguments, live, previous in (
        ([one], "one", "none"),
        ([other], "other", "one"),
        (["--rollback"], "one", "other"),
        ([one], "one", "other"),
        ([], "one", "other"),
    ):
        assert run(monkeypatch, "use", *arguments) == 0
        out = capsys.readouterr().out.splitlines()
        assert out[-5] == f"live      {live}"
        assert out[-3] == "context   4096"
        assert out[-1] == f"previous  {previous}"


def test_what_is_pinned_and_missing_is_fetched(
    home: Home, server: OllamaHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything else; and not where Ollama has the model already."""
    fetched = []

    def fetch(artifact: object, models_dir: Path, **_: object) -> None:
        fetched.append(getattr(artifact, "file", None))
        shutil.copy(home.models / "one.gguf", models_dir / str(fetched[-1]))

    home.write("one")
    monkeypatch.setattr("convert.cli.register.fetch", fetch)
    arguments = ("mini", "--ollama", server.url, "--wait", "1")
    # The tiny model's own markup is chatml's, as mini's is.
    assert run(monkeypatch, "use", *arguments) == 0
    assert fetched == ["qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"]
    (home.models / fetched[0]).unlink()
    assert run(monkeypatch, "use", *arguments) == 0
    assert run(monkeypatch, "register", *arguments) == 0
    assert len(fetched) == 1


def test_errors_are_for_people(
    home: Home, server: OllamaHttp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, and what to do: no Ollama, no such model, a file to build, nothing to return to."""
    for arguments, said in (
        (["use", "mini", "--ollama", "http://127.0.0.1:1"], "Ollama doesn't answer at http://127.0.0.1:1 ("),
        (["use", "mega", "--ollama", server.url], "no model or level called 'mega'. It knows: big, small"),
        (["register", "big-f16", "--ollama", server.url], f"elsewhere belongs at {home.models}/big-f16.gguf"),
        (["use", "--rollback", "--ollama", server.url], "no model is live yet"),
    ):
        assert run(monkeypatch, *arguments) == 1
        error = capsys.readouterr().err
        assert error.startswith("futfut-convert: ")
        assert said in error
        assert error.count("\n") == 1
    assert run(monkeypatch, "use", "mini", "--rollback") == 2
    assert "not both" in capsys.readouterr().err
