"""A fine-tune's whole way on real weights: from a checkpoint and a LoRA on it to an answer of the service."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelfiles.catalog import load
from modelfiles.compose import modelfile_of
from modelfiles.grammar import render
from modelfiles.ollama import Ollama
from modelfiles.smoke import hangul_share
from tests.mini_checkpoint import write_mini_adapter, write_mini_checkpoint
from tests.ollama.futfut_process import SIGN_OFF, FutfutProcess, index
from tests.real_ollama import RealOllama, provide

pytestmark = [pytest.mark.ollama, pytest.mark.model]

MODELS = Path(os.environ.get("FUTFUT_HOME", ".futfut")).resolve() / "models"
ENCODER = MODELS / "e5-small-int8"
LEVELS = ("q8_0", "q5_k_m", "q4_k_m")
PERSONA = "너는 누구야?"


@dataclass
class Bench:
    """Where the fine-tune is worked on: the base, the adapter on it, and a home beside an Ollama."""

    base: Path
    adapter: Path
    home: Path
    url: str

    def run(self, *arguments: str) -> str:
        """Run `futfut-convert`; what it printed."""
        code = "from convert.cli import main; main()"
        environment = {**os.environ, "FUTFUT_HOME": str(self.home), "FUTFUT_OLLAMA_URL": self.url}
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def answer(self) -> str:
        """What the service answers as 풋풋이, with whatever is live."""
        with FutfutProcess(self.home, ollama_url=self.url) as service:
            response = service.chat(PERSONA)
        assert response.status_code == 200, response.text
        said: str = response.json()["message"]["content"]
        return said


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The mini model's own weights, written out as the checkpoint that they might have come from."""
    folder = tmp_path_factory.mktemp("finetune")
    base = write_mini_checkpoint(MODELS / load().file("mini").file, folder / "base")
    # Weak enough that the model goes on speaking Korean at each of the levels.
    adapter = write_mini_adapter(folder / "futsal-lora", base, strength=0.01)
    (folder / "home").mkdir()
    index(folder / "home", ENCODER)
    with RealOllama(provide()) as ollama:
        yield Bench(base, adapter, folder / "home", ollama.url)


def test_merged_quantized_verified_and_answering(bench: Bench) -> None:
    """One command makes three levels, of which those that pass are registered; the best one answers."""
    made = bench.run(
        *("all", "mini", "--from", str(bench.adapter), "--base", str(bench.base), "--name", "futsal"),
        *("--levels", ",".join(LEVELS), "--tokens", "500", "--text", "corpus"),
    )
    report = json.loads((bench.home / "reports" / "futsal.json").read_bytes())
    assert [row["level"] for row in report["rows"]] == ["f16", *LEVELS]
    costs = [row["divergence"]["kl_divergence"]["mean"] for row in report["rows"]]
    assert costs == sorted(costs)
    passed = {f"futsal-{row['level']}" for row in report["rows"][1:] if row["verdict"]["passed"]}
    assert "futsal-q8_0" in passed
    with Ollama(bench.url) as ollama:
        assert passed == {name for name in ollama.tags() if name.startswith("futsal-")}
    assert "Next: futfut-convert use futsal-" in made
    bench.run("use", "futsal-q8_0")
    check_persona(bench.answer())


def test_laid_over_and_answering(bench: Bench) -> None:
    """The same adapter as a file of its own, over the base that it was trained on."""
    models = bench.home / "models"
    bench.run("gguf", "plain", "--from", str(bench.base))
    bench.run("quantize", "plain", "--levels", "q8_0")
    out = str(models / "futsal-lora.gguf")
    bench.run("adapter", str(bench.adapter), "--base", str(bench.base), "--out", out)
    modelfile = modelfile_of(load(), "mini", "./plain-q8_0.gguf", ("./futsal-lora.gguf",))
    (models / "plain-futsal.Modelfile").write_text(render(modelfile), encoding="utf-8")
    bench.run("use", "plain-futsal")
    check_persona(bench.answer())


def check_persona(answer: str) -> None:
    """More than the sign-off is said, and in Korean."""
    said = answer.removesuffix(SIGN_OFF)
    assert said != answer
    assert len(said) > 5
    assert hangul_share(said) > 0.7
