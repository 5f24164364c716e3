"""A client of `/chat` that reads its events and notes when they come."""

import json
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import httpx

from tests.bench.answers import Answer
from tests.bench.errors import AnswerFailedError

_TIMEOUT_SECONDS = 120.0


def timed_answer(client: httpx.Client, url: str, question: str, *, rag: bool = True) -> Answer:
    """Ask a question and read the whole answer.

    Raises:
        AnswerFailedError: the server answers with a problem, with an `error` event, or without a `done`.
    """
    first_text, first_seconds = "", 0.0
    body = {"messages": [{"role": "user", "content": question}], "stream": True, "rag": rag}
    started = perf_counter()
    with client.stream("POST", f"{url}/chat", json=body, timeout=_TIMEOUT_SECONDS) as response:
        if not response.is_success:
            raise AnswerFailedError(question, response.read().decode())
        for event, data in _events(response):
            if event == "token" and not first_text:
                first_text, first_seconds = data["text"], perf_counter() - started
            elif event == "error":
                raise AnswerFailedError(question, str(data))
            elif event == "done":
                usage = data["usage"]
                return Answer(
                    *(first_text, first_seconds, perf_counter() - started),
                    *(usage["prompt_tokens"], usage["completion_tokens"]),
                )
    raise AnswerFailedError(question, "the stream ended without a 'done' event")


def _events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Events with one `data` line each, as our server writes them."""
    event = ""
    for line in response.iter_lines():
        name, _, value = line.partition(":")
        if name == "event":
            event = value.strip()
        elif name == "data":
            yield event, json.loads(value)
