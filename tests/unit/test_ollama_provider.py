"""Where the tests' Ollama comes from, without compiling one."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests import ollama_build
from tests.ollama_build import HELPERS, OLLAMA, BuildError, built
from tests.real_ollama import provide

Compile = Callable[[Path, Mapping[str, str]], None]


def install(folder: Path, version: str = OLLAMA) -> Path:
    """An `ollama` that tells its version and does nothing else, with its helpers."""
    for program in (folder / "bin" / "ollama", *(folder / "lib" / "ollama" / name for name in HELPERS)):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\necho 'Warning: client version is {version}'\n")
        program.chmod(0o755)
    return folder / "bin" / "ollama"


def on_path(monkeypatch: pytest.MonkeyPatch, ollama: Path | None) -> None:
    """Let every tool be on PATH, and this Ollama or none."""
    found = str(ollama) if ollama else None
    monkeypatch.setattr(shutil, "which", lambda name: found if name == "ollama" else f"/usr/bin/{name}")


@pytest.fixture
def compiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The builds so far; each takes a moment and compiles nothing."""
    builds: list[Path] = []

    def compile_all(building: Path, _environment: Mapping[str, str]) -> None:
        builds.append(building)
        time.sleep(0.1)
        install(building)

    monkeypatch.setattr(ollama_build, "_compile_ollama", compile_all)
    monkeypatch.setattr(ollama_build, "_compile_helpers", lambda *_: None)
    monkeypatch.setattr(ollama_build, "_go_is_new_enough", lambda: True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FUTFUT_TEST_OLLAMA", raising=False)
    on_path(monkeypatch, None)
    return builds


def test_two_builds_at_once(compiles: list[Path]) -> None:
    """Of two that need it at once, one compiles and both get the same."""
    found: list[Path] = []
    asking = [threading.Thread(target=lambda: found.append(built())) for _ in range(2)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert len(compiles) == 1
    assert found[0] == found[1]
    assert found[0].is_file()


def test_build_that_fails(compiles: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that is broken off leaves nothing that looks finished, and isn't in the next one's way."""
    compile_all = ollama_build._compile_ollama

    def fail(building: Path, environment: Mapping[str, str]) -> None:
        compile_all(building, environment)
        raise KeyboardInterrupt

    monkeypatch.setattr(ollama_build, "_compile_ollama", fail)
    with pytest.raises(KeyboardInterrupt):
        built()
    monkeypatch.setattr(ollama_build, "_compile_ollama", compile_all)
    assert built().is_file()
    assert len(compiles) == 2
    assert not compiles[0].exists()


@pytest.mark.parametrize("changed", ["OLLAMA", "FLAGS"])
def test_key(compiles: list[Path], monkeypatch: pytest.MonkeyPatch, changed: str) -> None:
    """Another version, or other options, are built anew."""
    first = built()
    monkeypatch.setattr(ollama_build, changed, {"OLLAMA": "9.9.9", "FLAGS": ("-DX=ON",)}[changed])
    assert built() != first
    assert len(compiles) == 2


def test_named(compiles: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The one that is named is taken, whatever its version; without its helpers it is refused."""
    program = install(tmp_path / "own", "0.31.0")
    monkeypatch.setenv("FUTFUT_TEST_OLLAMA", str(program))
    assert provide() == program
    (tmp_path / "own" / "lib" / "ollama" / "llama-quantize").unlink()
    with pytest.raises(BuildError, match="llama-quantize"):
        provide()
    assert compiles == []


@pytest.mark.parametrize(("version", "taken"), [(OLLAMA, True), ("0.24.0", False)])
def test_installed(
    compiles: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, *, taken: bool
) -> None:
    """The one on PATH is taken if it is of the version we deploy; else one is compiled."""
    program = install(tmp_path / "installed", version)
    on_path(monkeypatch, program)
    assert (provide() == program) is taken
    assert len(compiles) == (0 if taken else 1)


@pytest.mark.parametrize(
    ("line", "percent"),
    [("[105/210] Building CXX object", 50), ("[ 12%] Built target ggml", 12), ("-- Found OpenMP", 0)],
)
def test_percent(line: str, percent: int) -> None:
    """The counters of ninja and of make are understood."""
    assert ollama_build._percent(line) == percent


def test_run_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """A step that fails is told with what it printed last; the compiler's counter is shown on the way."""
    with pytest.raises(BuildError, match=r"(?s)sh -c .* failed:.*no such header"):
        ollama_build._run(
            ["sh", "-c", "echo '[5/10] cc'; echo 'no such header'; exit 1"], {"PATH": "/usr/bin:/bin"}
        )
    assert "compiling: 50 %" in capsys.readouterr().err
