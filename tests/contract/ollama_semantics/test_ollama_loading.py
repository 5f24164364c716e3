"""The stand-in loads, waits and lets go as a real Ollama does: the same cases over both."""

import json
import threading
import time
from pathlib import Path

import httpx
import pytest

from modelfiles.grammar import parse
from tests.contract.ollama_served import HELLO, Served, error
from tests.ollama_http import BUSY, LOAD_FAILED, OllamaHttp
from tests.real_ollama import RealOllama, provide
from tests.tiny_model import END


def test_load_and_unload(served: Served) -> None:
    """Nothing to answer loads a model, keep_alive 0 unloads it; an alias uses what its model has loaded."""
    served.create("loaded")
    served.post("/api/copy", source="loaded", destination="futfut")
    assert served.loaded() == []
    answer = served.post("/api/generate", model="LOADED").json()
    assert (answer["done_reason"], answer["done"], answer["model"]) == ("load", True, "LOADED")
    (model,) = served.loaded()
    assert (model["name"], model["context_length"]) == ("loaded:latest", 512)
    assert model["digest"] == served.tags()["futfut:latest"]["digest"]
    assert served.post("/api/chat", model="futfut", messages=[]).json()["done_reason"] == "load"
    assert [model["name"] for model in served.loaded()] == ["loaded:latest"]
    for path in ("/api/generate", "/api/chat"):
        answer = served.post(path, model="futfut", keep_alive=0).json()
        assert answer["done_reason"] == "unload"
        served.wait_until(lambda: served.loaded() == [])
    assert served.chat("futfut", keep_alive=0, stream=False).json()["done"]
    served.wait_until(lambda: served.loaded() == [])


def test_loads_anew(served: Served) -> None:
    """Another num_ctx has a loaded model loaded anew."""
    served.create("sized")
    for options, tokens in (({}, 512), ({"num_ctx": 256}, 256), ({}, 512)):
        served.post("/api/generate", model="sized", options=options).raise_for_status()
        assert [model["context_length"] for model in served.loaded()] == [tokens]


def test_slow_load(served: Served) -> None:
    """A model isn't listed while it is being loaded, and a list doesn't wait for it."""
    served.create("slow")
    if isinstance(served.ollama, OllamaHttp):
        served.ollama.runners.load_seconds = 0.2
    for _ in range(5):  # on a busy machine the first list may come too late
        loading = threading.Thread(
            target=Served.post, args=(served, "/api/generate"), kwargs={"model": "slow"}
        )
        loading.start()
        seen = [[model["name"] for model in served.loaded()]]
        loading.join()
        assert [model["name"] for model in served.loaded()] == ["slow:latest"]
        if seen == [[]]:
            break
        served.unload("slow")
    assert seen == [[]]


def test_unload_waits(served: Served) -> None:
    """A model that answers is unloaded when it has answered; until then it is listed."""
    served.create("endless", "풋", "살")
    body = {"model": "endless", "messages": HELLO}
    with served.http.stream("POST", "/api/chat", json=body | {"options": {"num_predict": 500}}) as answer:
        pieces = answer.iter_lines()
        next(pieces)
        assert served.post("/api/generate", model="endless", keep_alive=0).json()["done_reason"] == "unload"
        *_, last = pieces
    assert json.loads(last)["eval_count"] == 500
    served.wait_until(lambda: served.loaded() == [])
    with served.http.stream("POST", "/api/chat", json=body) as answer:
        pieces = answer.iter_lines()
        next(pieces)
        served.post("/api/generate", model="endless", keep_alive=0)
        assert [model["name"] for model in served.loaded()] == ["endless:latest"]
    served.wait_until(lambda: served.loaded() == [])


def test_client_leaves(served: Served) -> None:
    """The next in line is answered when a client leaves in the middle of an answer."""
    served.create("endless", "풋", "살")
    with served.http.stream("POST", "/api/chat", json={"model": "endless", "messages": HELLO}) as answer:
        pieces = answer.iter_lines()
        next(pieces)
        waiting: list[httpx.Response] = []
        ask = lambda: waiting.append(served.chat("endless", options={"num_predict": 1}))  # noqa: E731
        asking = threading.Thread(target=ask)
        asking.start()
        asking.join(0.1)
        assert asking.is_alive()
    left = time.monotonic()
    asking.join(10)
    assert time.monotonic() - left < 2
    assert waiting[0].status_code == 200


def test_load_fails(served: Served) -> None:
    """A model that can't be loaded is status 500, with llama-server's own words."""
    served.create("broken")
    if isinstance(served.ollama, OllamaHttp):
        served.ollama.runners.load_failure = LOAD_FAILED
    else:
        shown = parse(served.post("/api/show", model="broken").json()["modelfile"])
        blob = Path(shown.base)
        blob.write_bytes(blob.read_bytes().replace(b"output_norm.weight", b"output_nork.weight"))
    for failed in (served.chat("broken"), served.post("/api/generate", model="broken")):
        status, text = error(failed)
        assert (status, text[: len(LOAD_FAILED.text)]) == (500, LOAD_FAILED.text)
    assert served.loaded() == []


def check_busy(ollama: OllamaHttp | RealOllama, folder: Path) -> None:
    """Ask for more models at once than are loaded in that time, where one may wait."""
    served = Served(ollama, folder)
    names = [f"level-{number}" for number in range(6)]
    answers: list[httpx.Response] = []
    for name in names:
        served.create(name, f"▁{name}", END)
    asking = [
        threading.Thread(target=lambda name=name: answers.append(served.post("/api/generate", model=name)))
        for name in names
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    served.http.close()
    refused = [error(answer) for answer in answers if answer.status_code != 200]
    assert 0 < len(refused) < len(names)
    assert set(refused) == {(BUSY.status, BUSY.text)}


def test_busy(tmp_path: Path) -> None:
    """Beyond the queue for loads it is 503, in the stand-in."""
    with OllamaHttp() as ollama:
        ollama.runners.load_seconds = 0.25
        ollama.runners.max_queue = 1
        check_busy(ollama, tmp_path)


@pytest.mark.ollama
def test_really_busy(tmp_path: Path) -> None:
    """Beyond the queue for loads it is 503, in the real one."""
    with RealOllama(provide(), OLLAMA_MAX_QUEUE="1") as ollama:
        check_busy(ollama, tmp_path)
