"""A service that is stopped while it answers: everybody is told, and the log shows no fault."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
from kiwipiepy import Kiwi

from server.api.answering import StoppingError
from server.cli.serve import Server
from tests.integration.http_service import Service, chat_body, running


@pytest.mark.parametrize(
    "script", [["네, ", 60.0], [60.0], ["네, ", 0.01] * 6000], ids=["mid", "silent", "flow"]
)
def test_answers_that_take_too_long(
    tmp_path: Path, kiwi: Kiwi, script: list[str | float], caplog: pytest.LogCaptureFixture
) -> None:
    """After the grace a stream ends with an `error` event and a whole answer with 503, waiting ones too."""
    caplog.set_level(logging.WARNING)
    service = Service(tmp_path, kiwi, *script, at_once=2, max_waiting=2)
    service.publish()
    new_server = partial(Server, answers=service.answers, answer_seconds=0.3)
    with ThreadPoolExecutor() as pool:
        with running(service.app, new_server) as server:
            asked = [
                pool.submit(httpx.post, f"{server.url}/chat", json=chat_body(stream=stream), timeout=60)
                for stream in (True, False, True, False)
            ]
            for _ in range(2):
                assert service.generator.started.acquire(timeout=10)
            while service.admission.waiting < 2:
                assert not any(answer.done() for answer in asked)
        answers = [answer.result() for answer in asked]
    for answer in answers:
        if answer.headers["content-type"].startswith("text/event-stream"):
            *_, name, data = answer.text.strip().split("\n")
            assert name == "event: error"
            problem = json.loads(data.removeprefix("data: "))
        else:
            assert answer.status_code == 503
            problem = answer.json()
        assert problem["type"] == "/problems/stopping"
    for _ in range(2):
        assert service.generator.closed.acquire(blocking=False)
    assert (service.admission.answering, service.admission.waiting) == (0, 0)
    assert not caplog.records


def test_answers_that_end_in_time(tmp_path: Path, kiwi: Kiwi, caplog: pytest.LogCaptureFixture) -> None:
    """An answer that ends within the grace is given whole."""
    caplog.set_level(logging.WARNING)
    service = Service(tmp_path, kiwi, "네, ", 0.5, "그래요.")
    service.publish()
    with ThreadPoolExecutor() as pool:
        with running(service.app, partial(Server, answers=service.answers, answer_seconds=10)) as server:
            asked = pool.submit(httpx.post, f"{server.url}/chat", json=chat_body(stream=True), timeout=60)
            assert service.generator.started.acquire(timeout=10)
        assert asked.result().text.count("event: done") == 1
    assert not caplog.records


def test_nothing_begins_any_more(tmp_path: Path, kiwi: Kiwi) -> None:
    """Who comes after the end is told so."""
    service = Service(tmp_path, kiwi)
    service.answers.stop()
    with pytest.raises(StoppingError):
        service.answers.begin(service.chat.answer([]))
