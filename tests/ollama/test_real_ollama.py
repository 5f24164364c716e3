"""What other tests rely on: the real Ollama takes our Modelfiles and tiny models, and ends when told to."""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.real_ollama import RealOllama, processes_of, provide
from tests.tiny_model import END, MODELFILE_LINES, write_modelfile, write_tiny_model

pytestmark = pytest.mark.ollama

MODELFILES = Path(__file__).parents[2] / "modelfiles"
SCRIPT = ["▁풋", "살", "은", "▁재", "밌", "어", "요", ".", END]


def ask(ollama: RealOllama, model: str, question: str = "안녕", **fields: object) -> dict[str, object]:
    body = {"model": model, "messages": [{"role": "user", "content": question}], "stream": False, **fields}
    answer = httpx.post(f"{ollama.url}/api/chat", json=body, timeout=120, trust_env=False)
    found: dict[str, object] = answer.raise_for_status().json()
    return found


@pytest.mark.model
def test_mini_modelfile(real_ollama: RealOllama) -> None:
    """`ollama create -f` with the committed Modelfile works by hand, and the model answers in Korean."""
    real_ollama.run("create", "by-hand", "-f", "mini-q4_k_m.Modelfile", folder=MODELFILES)
    try:
        answer = ask(real_ollama, "by-hand", "[1] 킥인은 4초 안에 해야 해요.\n\n질문: 킥인은 몇 초 안에 해?")
    finally:
        real_ollama.run("rm", "by-hand")
    assert answer["done_reason"] == "stop"
    assert "4초" in str(answer["message"])


def test_tiny_model(real_ollama: RealOllama, tmp_path: Path) -> None:
    """A scripted tiny model says its script, and nothing after the end."""
    model = write_tiny_model(tmp_path / "tiny.gguf", SCRIPT)
    modelfile = write_modelfile(tmp_path / "Modelfile", model, *MODELFILE_LINES)
    real_ollama.run("create", "scripted", "-f", str(modelfile))
    answer = ask(real_ollama, "scripted")
    assert answer["message"] == {"role": "assistant", "content": " 풋살은 재밌어요."}
    assert (answer["done_reason"], answer["eval_count"]) == ("stop", len(SCRIPT))


def test_template_holds(real_ollama: RealOllama, tmp_path: Path) -> None:
    """The Modelfile's TEMPLATE renders the prompt, not the one in the GGUF."""
    model = write_tiny_model(tmp_path / "tiny.gguf", SCRIPT, template="{{ messages[0].content }} {{ tools }}")
    modelfile = write_modelfile(tmp_path / "Modelfile", model, *MODELFILE_LINES, "SYSTEM 풋풋이")
    real_ollama.run("create", "templated", "-f", str(modelfile))
    answer = ask(real_ollama, "templated", "골?", _debug_render_only=True)
    system, user = "<|im_start|>system\n풋풋이<|im_end|>\n", "<|im_start|>user\n골?<|im_end|>\n"
    assert answer["_debug_info"] == {"rendered_template": f"{system}{user}<|im_start|>assistant\n"}


def test_kill_and_restart(tmp_path: Path) -> None:
    """A kill cuts an answer off and takes the llama-servers along; the models are there after a restart."""
    model = write_tiny_model(tmp_path / "tiny.gguf", ["▁풋", "살"])
    modelfile = write_modelfile(tmp_path / "Modelfile", model, *MODELFILE_LINES)
    with RealOllama(provide()) as ollama:
        ollama.run("create", "endless", "-f", str(modelfile))
        body = {"model": "endless", "messages": [{"role": "user", "content": "안녕"}]}
        with httpx.stream("POST", f"{ollama.url}/api/chat", json=body, timeout=60, trust_env=False) as answer:
            lines = answer.iter_lines()
            next(lines)
            assert set(processes_of(ollama.models).values()) == {"ollama", "llama-server"}
            ollama.kill()
            with pytest.raises(httpx.TransportError):
                list(lines)
        wait_until_gone(ollama.models)
        assert not ollama.answers()
        ollama.restart()
        assert ask(ollama, "endless", options={"num_predict": 2})["done_reason"] == "length"
    wait_until_gone(ollama.models)


RUN_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from tests.real_ollama import RealOllama, provide
with RealOllama(provide()) as ollama:
    ollama.run("create", "tiny", "-f", sys.argv[1])
    ollama.run("run", "tiny", "안녕")
    print(ollama.models, flush=True)
    time.sleep(600)
"""


def test_killed_test_run(tmp_path: Path) -> None:
    """A test run that is killed leaves no process and no models behind."""
    model = write_tiny_model(tmp_path / "tiny.gguf", SCRIPT)
    modelfile = write_modelfile(tmp_path / "Modelfile", model, *MODELFILE_LINES)
    command = [sys.executable, "-c", RUN_UNTIL_KILLED, str(modelfile)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        models = Path(run.stdout.readline().strip())
        assert set(processes_of(models).values()) == {"ollama", "llama-server"}
        run.kill()
    wait_until_gone(models)
    assert not models.parent.exists()


def wait_until_gone(models: Path) -> None:
    """A process that is killed needs a moment to go."""
    deadline = time.monotonic() + 20
    while found := processes_of(models):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
