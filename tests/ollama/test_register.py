"""The mini model, registered from its own Modelfile with a real Ollama as it is deployed, and as it isn't."""

import os
from pathlib import Path

import pytest

from modelfiles.catalog import load
from modelfiles.compose import FOLDER
from modelfiles.ollama import Ollama, Registry
from modelfiles.progress import Unseen
from tests.real_ollama import RealOllama, provide

pytestmark = [pytest.mark.ollama, pytest.mark.model]

FILE = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the mini model's file in it."""
    fetched = Path(os.environ.get("FUTFUT_HOME", ".futfut")) / "models" / FILE
    if not fetched.is_file():
        pytest.skip(f"{fetched} isn't there: run `make models`")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / FILE).symlink_to(fetched.resolve())
    return tmp_path


@pytest.mark.parametrize("environment", [{}, {"OLLAMA_GO_TEMPLATE": ""}], ids=["ours", "jinja"])
def test_mini_passes_the_gate(home: Path, environment: dict[str, str]) -> None:
    """Whether Ollama renders by our TEMPLATE or, as by default, by the file's own: without a warning."""
    with RealOllama(provide(), **environment) as server, Ollama(server.url) as ollama:
        registry = Registry(ollama, load(), home, Unseen())
        registered = registry.register("mini")
        assert registered.is_new
        assert registered.record.warnings == ()
        assert ollama.show("mini-q4_k_m").template.startswith(
            "{%" if environment else "{{- range .Messages }}"
        )
        assert not registry.register("mini-q4_k_m").is_new


def test_created_by_hand_it_is_the_same_model(home: Path, real_ollama: RealOllama) -> None:
    """`ollama create -f` and `futfut-convert register` make one and the same of a Modelfile."""
    with Ollama(real_ollama.url) as ollama:
        registered = Registry(ollama, load(), home, Unseen()).register("mini")
        real_ollama.run("create", "by-hand", "-f", "mini-q4_k_m.Modelfile", folder=FOLDER)
        try:
            assert ollama.tags()["by-hand"].digest == registered.record.digest
        finally:
            ollama.delete("by-hand")
            ollama.delete("mini-q4_k_m")
