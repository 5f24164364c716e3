"""The service as it is deployed, a process in front of a real Ollama: swaps under load, kills, leavers."""

import asyncio
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from modelfiles.ollama import ALIAS, Ollama
from modelfiles.ollama.swap import SETTLE_SECONDS
from tests.contract.ollama_home import Home
from tests.ollama.crowd import Crowd
from tests.ollama.futfut_process import QUESTION, SIGN_OFF, FutfutProcess, index, text_of
from tests.ollama.runners import cancelled, slowed
from tests.real_ollama import RealOllama, provide
from tests.tiny_model import END, MODELFILE_LINES, write_modelfile, write_tiny_model

pytestmark = [pytest.mark.ollama, pytest.mark.model]

ENCODER = Path(os.environ.get("FUTFUT_HOME", ".futfut")).resolve() / "models" / "e5-small-int8"
# What the models say, and what of it a player reads. Long enough for a switch to come in the middle.
ONE = "풋살은 한 팀에 다섯 명이 뛰는 경기로서 축구보다 작은 구장에서 합니다."
OTHER = "킥인을 찰 때는 공을 옆줄 위에 놓고서 네 걸음 밖으로 물러나야 한다."
READ = {
    f"풋살은 한 팀에 다섯 명이 뛰는 경기로서 축구보다 작은 구장에서 해요. {SIGN_OFF}": "one",
    f"킥인을 찰 때는 공을 옆줄 위에 놓고서 네 걸음 밖으로 물러나야 해요. {SIGN_OFF}": "other",
}
# llama-server's threads wait for each other in a loop: several of them on a few cores take long naps.
ONE_THREAD = "PARAMETER num_thread 1"
AT_ONCE, IN_FLIGHT, SWAPS = 4, 200, 3
LONGEST_ANSWER = 2000  # tokens
SOON = 3.0  # seconds, on a busy machine


@pytest.fixture(scope="module")
def ollama() -> Iterator[RealOllama]:
    with RealOllama(provide()) as started:
        yield started


@pytest.fixture(scope="module")
def home(ollama: RealOllama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Where the service lives, with two models to swap as an operator does."""
    if not ENCODER.is_dir():
        pytest.skip(f"{ENCODER} isn't there: run `make models`")
    with Ollama(ollama.url) as client:
        home = Home(tmp_path_factory.mktemp("service"), client, settle_seconds=SETTLE_SECONDS)
        index(home.path, ENCODER)
        yield home


@pytest.fixture(scope="module")
def models(home: Home) -> tuple[str, str]:
    one, other = ([f"▁{word}" for word in said.split()] for said in (ONE, OTHER))
    return home.write("one", (*one, END), ONE_THREAD), home.write("other", (*other, END), ONE_THREAD)


@pytest.fixture(scope="module")
def service(home: Home, ollama: RealOllama) -> Iterator[FutfutProcess]:
    with FutfutProcess(
        home.path,
        ollama_url=ollama.url,
        max_waiting=256,
        max_generations=AT_ONCE,
        max_answer_tokens=LONGEST_ANSWER,
    ) as started:
        yield started
    assert "Traceback" not in started.log


@pytest.fixture
def endless(home: Home, ollama: RealOllama, tmp_path: Path) -> Iterator[None]:
    """A model is live that never ends, and speaks as slowly as a large one. It would pass no gate."""
    model = write_tiny_model(tmp_path / "tiny.gguf", ["▁풋", "살"])
    lines = [line.replace("num_ctx 512", "num_ctx 4096") for line in MODELFILE_LINES]
    ollama.run(
        "create", "endless", "-f", str(write_modelfile(tmp_path / "Modelfile", model, *lines, ONE_THREAD))
    )
    ollama.run("cp", "endless", ALIAS)
    home.ollama.load(ALIAS)
    with slowed(ollama):
        yield


def test_nothing_live(home: Home, models: tuple[str, str], service: FutfutProcess) -> None:
    """Without a live model every question is a problem that says so; one is made live, and it answers."""
    home.empty()
    refused = [
        service.chat(),
        service.chat(stream=True),
        service.http.post("/query", json={"query": QUESTION}),
        service.http.get("/health/ready"),
    ]
    assert [(each.status_code, each.json()["type"]) for each in refused] == [
        (503, "/problems/model-missing")
    ] * len(refused)
    home.swap.use(models[0])
    ready = service.http.get("/health/ready").json()
    assert (ready["status"], ready["mode"], ready["model"]) == ("ready", "model", "one")
    answer = service.chat().raise_for_status().json()
    assert READ[answer["message"]["content"]] == "one"
    assert "4초" in answer["sources"][0]["text"]


def test_swapped_under_load(home: Home, models: tuple[str, str], service: FutfutProcess) -> None:
    """200 questions at once, swap upon swap: all are answered, each by one model alone, in the persona."""
    home.swap.use(models[1])
    home.swap.use(models[0])
    seconds: list[float] = []

    async def swap_on(asking: list["asyncio.Task[None]"], crowd: Crowd) -> None:
        # By name and by rollback in turn, both lead to the other of the two.
        while not all(task.done() for task in asking):
            begun = time.monotonic()
            use = home.swap.rollback if len(seconds) % 2 else lambda: home.swap.use(models[1])
            await asyncio.to_thread(use)
            seconds.append(time.monotonic() - begun)
            if len(seconds) >= SWAPS:
                crowd.enough.set()

    async def load() -> Crowd:
        crowd = Crowd(service.url)
        async with asyncio.TaskGroup() as tasks:
            await swap_on([tasks.create_task(crowd.ask(number)) for number in range(IN_FLIGHT)], crowd)
        await crowd.close()
        return crowd

    begun = time.monotonic()
    crowd = asyncio.run(load())
    streamed = [answer for answer in crowd.answers if answer.kind == "streamed"]
    by = Counter(READ.get(answer.text, answer.text) for answer in crowd.answers)
    print(  # noqa: T201 - the figures, for who wants to see them
        f"{len(seconds)} swaps of {', '.join(f'{each:.1f}' for each in seconds)} s "
        f"in {time.monotonic() - begun:.1f} s; answers: {dict(by)}; failures: {crowd.failures}; "
        f"farthest place: {max(place for answer in streamed for place in answer.places)}; "
        f"longest wait: {max(answer.waited for answer in streamed):.1f} s; "
        f"asked again: {service.log.count('stamina.retry_scheduled')}; metrics: {service.metrics()}"
    )
    assert crowd.failures == []
    assert len(crowd.answers) >= IN_FLIGHT
    assert by.keys() == {"one", "other"}
    assert len(seconds) >= SWAPS
    assert all(answer.places for answer in streamed if answer.waited > 0.5)
    assert all(list(answer.places) == sorted(set(answer.places), reverse=True) for answer in streamed)
    assert max(place for answer in streamed for place in answer.places) > IN_FLIGHT // 2


def test_question_too_long(home: Home, service: FutfutProcess) -> None:
    """What doesn't fit into a small context is refused, and what just fits is read to its last token."""
    small = home.write("small", ("▁네", ".", END), ONE_THREAD, context_tokens=LONGEST_ANSWER + 400)
    home.swap.use(small)
    assert service.http.get("/health/ready").json()["model"] == "small"

    refused = service.chat("가" * 500, rag=False)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/question-too-long")
    tokens, budget = (int(number) for number in re.findall(r"(\d+)토큰", refused.json()["detail"]))
    assert budget == 400
    # A syllable is three tokens, its bytes.
    longest = 500 - -(-(tokens - budget) // 3)
    fits = service.chat("가" * longest, rag=False).raise_for_status().json()
    assert budget - 3 < fits["done"]["usage"]["prompt_tokens"] <= budget
    for fields in ({"rag": False}, {"stream": True}):
        refused = service.chat("가" * (longest + 1), **fields)
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/question-too-long")
    assert service.metrics()["futfut_prompt_count_disagreements_total"] == 0


@pytest.mark.parametrize("path", ["/chat", "/query"])
@pytest.mark.usefixtures("endless")
def test_client_leaves(ollama: RealOllama, service: FutfutProcess, path: str) -> None:
    """Ollama stops when a client is gone, whether it read along or waited: the next is heard at once."""
    before = cancelled(ollama)
    if path == "/chat":
        with service.streaming() as events:
            assert next(name for name, _ in events if name == "token")
    else:
        with pytest.raises(httpx.ReadTimeout):
            service.http.post(path, json={"query": QUESTION}, timeout=1)
    left = time.monotonic()
    while cancelled(ollama) == before:
        assert time.monotonic() < left + SOON
        time.sleep(0.01)
    stopped = time.monotonic()
    # There is one slot: whoever holds it keeps the next one waiting.
    with service.streaming() as events:
        assert next(name for name, _ in events if name == "token")
    heard = time.monotonic()
    print(f"{path}: stopped after {stopped - left:.3f} s, the next was heard after {heard - left:.3f} s")  # noqa: T201
    assert heard < left + 2 * SOON


@pytest.mark.usefixtures("endless")
def test_ollama_killed(ollama: RealOllama, home: Home, service: FutfutProcess, tmp_path: Path) -> None:
    """An answer breaks off in words; the next are refused, or come from the passages, until it is back."""
    shutil.copytree(home.path / "index", tmp_path / "index")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / ENCODER.name).symlink_to(ENCODER)
    with FutfutProcess(
        tmp_path, ollama_url=ollama.url, fallback="extractive", max_answer_tokens=LONGEST_ANSWER
    ) as falls_back:
        assert falls_back.http.get("/health/ready").json()["mode"] == "model"
        with service.streaming() as events:
            assert next(name for name, _ in events if name == "token")
            ollama.kill()
            *_, (last, problem) = events
        assert (last, problem["type"]) == ("error", "/problems/generation-failed")

        refused = [
            service.http.get("/health/ready"),
            service.chat(),
            service.chat(stream=True),
            service.http.post("/query", json={"query": QUESTION}),
        ]
        assert [(each.status_code, each.json()["type"]) for each in refused] == [
            (503, "/problems/model-unreachable")
        ] * len(refused)

        assert falls_back.http.get("/health/ready").json()["mode"] == "extractive"
        answer = falls_back.chat().raise_for_status().json()
        assert (answer["done"]["mode"], "4초" in answer["message"]["content"]) == ("extractive", True)
        with falls_back.streaming() as streamed:
            told = list(streamed)
        assert (told[-1][0], told[-1][1]["mode"]) == ("done", "extractive")
        assert text_of(told).endswith(SIGN_OFF)

        ollama.restart()
        for each in (service, falls_back):
            assert each.http.get("/health/ready").json()["mode"] == "model"
            with each.streaming() as streamed:
                assert "풋살" in next(data["text"] for name, data in streamed if name == "token")
