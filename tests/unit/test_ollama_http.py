"""The faults that a real Ollama can't be made to show, as the stand-in shows them, and what it records."""

import json
import math
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.ollama_http import (
    BUSY,
    HALF_COPIED,
    HANG_UP,
    LOAD_FAILED,
    OUT_OF_MEMORY,
    RUNNER_DIED,
    Failure,
    OllamaHttp,
)

ASKED = {"model": "futfut", "messages": [{"role": "user", "content": "킥인은 몇 초야?"}]}


@pytest.fixture
def ollama() -> Iterator[OllamaHttp]:
    """A stand-in with one model under the alias."""
    with OllamaHttp() as ollama:
        ollama.add("mini-q4_k_m", num_ctx=512)
        ollama.library.copy("mini-q4_k_m", "futfut")
        yield ollama


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client whose requests don't last longer than a test should; making one is slow, so they share it."""
    with httpx.Client(timeout=5, trust_env=False) as client:
        yield client


@pytest.fixture
def http(client: httpx.Client, ollama: OllamaHttp) -> httpx.Client:
    """The client, for this stand-in."""
    client.base_url = httpx.URL(ollama.url)
    return client


def lines(response: httpx.Response) -> list[dict[str, object]]:
    return [json.loads(line) for line in response.text.splitlines()]


@pytest.mark.parametrize("failure", [BUSY, LOAD_FAILED, OUT_OF_MEMORY, HALF_COPIED], ids=str)
def test_refuse(ollama: OllamaHttp, http: httpx.Client, failure: Failure) -> None:
    """A refusal holds for as many calls as were named, on the paths that were named, and then no longer."""
    ollama.refuse(failure, "/api/chat", times=2)
    assert http.get("/api/tags").status_code == 200
    for _ in range(2):
        refused = http.post("/api/chat", json=ASKED)
        assert (refused.status_code, refused.json()) == (failure.status, {"error": failure.text})
    assert lines(http.post("/api/chat", json=ASKED))[-1]["done"]


def test_error_line(ollama: OllamaHttp, http: httpx.Client) -> None:
    """An error in the middle of an answer is its last line; before the first piece it is a status."""
    ollama.say("futfut", "킥인은 ", RUNNER_DIED)
    answer = http.post("/api/chat", json=ASKED)
    assert answer.status_code == 200
    assert lines(answer)[-1] == {"error": RUNNER_DIED.text}
    assert len(lines(answer)) == 2
    ollama.say("mini-q4_k_m", RUNNER_DIED)
    assert http.post("/api/chat", json=ASKED).status_code == 500
    assert http.post("/api/chat", json={**ASKED, "stream": False}).json() == {"error": RUNNER_DIED.text}


def test_garbled_line(ollama: OllamaHttp, http: httpx.Client) -> None:
    """A raw line is sent as it is."""
    ollama.say("futfut", "킥인은 ", b'{"model":"futf')
    assert http.post("/api/chat", json=ASKED).text.splitlines()[1] == '{"model":"futf'


@pytest.mark.parametrize("script", [(HANG_UP,), ("킥인은 ", HANG_UP)], ids=["at-once", "in-the-middle"])
def test_hang_up(ollama: OllamaHttp, http: httpx.Client, script: tuple[str, ...]) -> None:
    """A connection that is closed before the end is an error for the client, not the end of a stream."""
    ollama.say("futfut", *script)
    with pytest.raises(httpx.RemoteProtocolError):
        http.post("/api/chat", json=ASKED)
    assert ollama.calls[-1].closed is None


def test_silence(ollama: OllamaHttp, http: httpx.Client) -> None:
    """Silence lasts as long as the script says, before the first piece or after it."""
    ollama.say("futfut", 0.1, "킥인은 ", 0.1, "4초")
    began = time.monotonic()
    with http.stream("POST", "/api/chat", json=ASKED) as answer:
        arrived = [time.monotonic() - began for _ in answer.iter_lines()]
    assert arrived[0] >= 0.1
    assert arrived[1] >= 0.2
    ollama.say("futfut", math.inf)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/api/chat", json=ASKED, timeout=0.1)


@pytest.mark.parametrize("said", [(), ("킥인은 ",)], ids=["before-the-first-piece", "in-the-middle"])
def test_client_leaves(ollama: OllamaHttp, http: httpx.Client, said: tuple[str, ...]) -> None:
    """The moment at which a client left is recorded, and its place is free at once."""
    ollama.say("futfut", *said, math.inf)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/api/chat", json=ASKED, timeout=0.2)
    left = time.monotonic()
    (call,) = ollama.asked("/api/chat")
    ollama.wait_for(lambda: call.closed is not None)
    assert call.closed is not None
    assert abs(call.closed - left) < 1
    assert (call.answered, call.lines, call.body) == (None, len(said), ASKED)
    ollama.say("futfut", "네.")
    assert lines(http.post("/api/chat", json=ASKED))[-1]["done"]
    assert ollama.asked("/api/chat")[-1].answered is not None


@pytest.mark.parametrize("parallel", [1, 3])
def test_slots(ollama: OllamaHttp, http: httpx.Client, parallel: int) -> None:
    """A model gives as many answers at once as it has slots; the others wait."""
    ollama.say("futfut", "네.", math.inf)
    ollama.runners.parallel = parallel

    def ask() -> None:
        with pytest.raises(httpx.ReadTimeout):
            http.post("/api/chat", json=ASKED, timeout=1)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    ollama.wait_for(lambda: len(ollama.calls) == len(asking))
    ollama.wait_for(lambda: sum(call.lines for call in ollama.calls) == parallel)
    time.sleep(0.2)
    assert sum(call.lines for call in ollama.calls) == parallel
    for thread in asking:
        thread.join()
    ollama.wait_for(lambda: all(call.closed for call in ollama.calls))


def test_slow_load(ollama: OllamaHttp, http: httpx.Client) -> None:
    """A cold model is silent while it is loaded, and isn't listed yet; load_duration tells it."""
    ollama.runners.load_seconds = 0.2
    with pytest.raises(httpx.ReadTimeout):
        http.post("/api/chat", json=ASKED, timeout=0.1)
    assert http.get("/api/ps").json() == {"models": []}
    last = lines(http.post("/api/chat", json=ASKED))[-1]
    assert int(str(last["load_duration"])) >= 200_000_000
    assert ollama.runners.loads == ["futfut:latest"]  # a load whose client leaves is given up


def test_failed_load(ollama: OllamaHttp, http: httpx.Client) -> None:
    """A load that fails fails after its time, for who asks and for who only loads."""
    ollama.runners.load_failure = OUT_OF_MEMORY
    for path, body in (("/api/chat", ASKED), ("/api/generate", {"model": "futfut"})):
        failed = http.post(path, json=body)
        assert (failed.status_code, failed.json()) == (500, {"error": OUT_OF_MEMORY.text})
    ollama.runners.load_failure = None
    assert http.post("/api/chat", json=ASKED).status_code == 200


def test_evicts(ollama: OllamaHttp, http: httpx.Client) -> None:
    """Beyond the number of models that fit, the one that is least needed is unloaded."""
    ollama.runners.max_loaded = 1
    ollama.add("mini-q8_0")
    for name in ("mini-q4_k_m", "mini-q8_0"):
        http.post("/api/generate", json={"model": name})
        assert [model["name"] for model in http.get("/api/ps").json()["models"]] == [f"{name}:latest"]


def test_miscount(ollama: OllamaHttp, http: httpx.Client) -> None:
    """A test may have the prompt counted wrongly, or not at all: a counter of 0 is left out."""
    (count,) = {lines(http.post("/api/chat", json=ASKED))[-1]["prompt_eval_count"] for _ in "ab"}
    assert isinstance(count, int)
    ollama.speech.miscounted = 3
    assert lines(http.post("/api/chat", json=ASKED))[-1]["prompt_eval_count"] == count + 3
    ollama.speech.miscounted = -count
    assert "prompt_eval_count" not in lines(http.post("/api/chat", json=ASKED))[-1]


def test_kill_and_start(ollama: OllamaHttp, http: httpx.Client) -> None:
    """A kill cuts answers off; after a start the address and the models are the same, and none is loaded."""
    ollama.say("futfut", "킥인은 ", math.inf)
    with http.stream("POST", "/api/chat", json=ASKED) as answer:
        pieces = answer.iter_lines()
        next(pieces)
        ollama.kill()
        with pytest.raises(httpx.TransportError):
            next(pieces)
    with pytest.raises(httpx.ConnectError):
        http.get("/api/version")
    ollama.start()
    assert {model["name"] for model in http.get("/api/tags").json()["models"]} == {
        "mini-q4_k_m:latest",
        "futfut:latest",
    }
    assert http.get("/api/ps").json() == {"models": []}


def test_own_bytes(ollama: OllamaHttp) -> None:
    """Models that are put there have digests of their own, and copies that of their model."""
    digests = [ollama.add(name) for name in ("mini-q8_0", "big-q5_k_m")]
    assert len({*digests, *(model["digest"] for model in ollama.library.tags())}) == 3


def test_wait_for_ends(ollama: OllamaHttp) -> None:
    """Waiting for what doesn't come ends, and says what was asked so far."""
    with pytest.raises(TimeoutError, match="Calls: "):
        ollama.wait_for(lambda: False, seconds=0.01)
