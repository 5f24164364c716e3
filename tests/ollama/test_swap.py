"""Swaps of a real Ollama's live model: between two levels, under load, and killed at random moments."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from modelfiles.catalog import load
from modelfiles.ollama import ALIAS, Ollama, Registry, Swap
from modelfiles.ollama.audit import read_entries
from modelfiles.progress import Unseen
from tests.contract.ollama_home import Home
from tests.real_ollama import RealOllama, provide
from tests.tiny_model import END

pytestmark = pytest.mark.ollama

OTHER = ("▁다", "섯", "명", "이", "▁", "해", "요", ".", END)
SAID = {" 풋살은 재밌어요.", " 다섯명이 해요."}
QUESTIONS = 200
KILLS = 10


@pytest.fixture
def server() -> Iterator[RealOllama]:
    """One for each test: what is live in it is that test's alone."""
    with RealOllama(provide()) as ollama:
        yield ollama


@pytest.fixture
def home(server: RealOllama, tmp_path: Path) -> Iterator[Home]:
    with Ollama(server.url) as ollama:
        yield Home(tmp_path, ollama)


@pytest.mark.model
def test_two_levels_of_mini(server: RealOllama, tmp_path: Path) -> None:
    """From q4_k_m to a q8_0 made on the spot, and back: both pass the gate, side by side in memory."""
    name = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
    fetched = Path(os.environ.get("FUTFUT_HOME", ".futfut")) / "models" / name
    if not fetched.is_file():
        pytest.skip(f"{fetched} isn't there: run `make models`")
    models = tmp_path / "models"
    models.mkdir()
    (models / name).symlink_to(fetched.resolve())
    quantize = provide().parent.parent / "lib" / "ollama" / "llama-quantize"
    subprocess.run(
        [quantize, "--allow-requantize", fetched, models / "mini-q8_0.gguf", "q8_0"],
        check=True,
        capture_output=True,
        timeout=300,
    )
    with Ollama(server.url) as ollama:
        swap = Swap(Registry(ollama, load(), tmp_path, Unseen()), asked_by="admin")
        assert swap.use("mini").live.level == "q4_k_m"
        outcome = swap.use("mini-q8_0")
        assert (outcome.live.model, outcome.live.level, outcome.live.context_tokens) == ("mini", "q8_0", 4096)
        assert outcome.live.previous == "mini-q4_k_m"
        assert outcome.beside_each_other is True
        back = swap.rollback()
        assert (back.live.name, back.live.previous) == ("mini-q4_k_m", "mini-q8_0")
    assert [entry.level for entry in read_entries(tmp_path)] == ["q4_k_m", "q8_0", "q4_k_m"]


def test_under_load(home: Home, server: RealOllama) -> None:
    """While the live model goes back and forth, every question is answered, by one of the two alone."""
    one, other = home.write("one"), home.write("other", OTHER)
    home.swap.use(other)
    home.swap.use(one)
    left, answers = iter(range(QUESTIONS)), Counter[str]()
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:
            for _ in left:
                answers[_answer(http)] += 1
                time.sleep(0.05)
        done.set()

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        swaps = 0
        while not done.is_set():
            home.swap.rollback()
            swaps += 1
        for each in asking:
            each.result()
    assert answers.total() == QUESTIONS
    assert answers.keys() == SAID
    assert swaps >= 3


def _answer(http: httpx.Client) -> str:
    """An answer by the alias; asked again where Ollama was just writing the alias, as the service does."""
    body = {"model": ALIAS, "messages": [{"role": "user", "content": "안녕"}], "stream": False}
    for _ in range(3):
        answer = http.post("/api/chat", json=body)
        if not (answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR and "EOF" in answer.text):
            break
    text: str = answer.raise_for_status().json()["message"]["content"]
    return text


def test_killed_at_random_moments(home: Home, server: RealOllama) -> None:
    """The alias always answers as one of the two models; the next run works, and finds nothing in its way."""
    names = [home.write("one"), home.write("other", OTHER)]
    home.swap.use(names[0])
    begun = time.monotonic()
    assert _use(home, server, names[1], None) == 0
    duration = time.monotonic() - begun
    chance = random.Random(20)  # noqa: S311  # moments, no secrets
    killed = 0
    for turn in range(KILLS):
        wanted = names[turn % 2]
        # Changed each time, so that it is created and tried anew.
        with Path(wanted).open("a") as modelfile:
            modelfile.write(f"PARAMETER seed {turn}\n")
        killed += _use(home, server, wanted, chance.uniform(0, 1.2 * duration)) != 0
        assert home.ollama.chat(ALIAS, [{"role": "user", "content": "안녕"}], {}).message.content in SAID
        live = home.swap.live()
        assert live is not None
    assert killed > KILLS // 3
    outcome = home.swap.use(names[0])
    assert outcome.live.name == "one"
    home.swap.use(names[1])
    assert home.swap.rollback().live.name == "one"
    assert not [name for name in home.ollama.tags() if name.endswith((":unchecked", ":returning"))]


def _use(home: Home, server: RealOllama, name: str, seconds: float | None) -> int:
    """Run `futfut-convert use`, killed after so many seconds; its exit code."""
    code = "from convert.cli import main; main()"
    arguments = ["use", name, "--ollama", server.url, "--home", str(home.path)]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
