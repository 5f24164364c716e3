"""A model that is being loaded, a client that goes away, and who answers while Ollama is away."""

import asyncio
import math
import random
import socket
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from kiwipiepy import Kiwi

from modelfiles.catalog import load as load_catalog
from modelfiles.ollama import ALIAS, Ollama
from server.domain import Finished, Loading, Message, TextDelta
from server.errors import (
    ModelUnavailableError,
    OllamaLoadError,
)
from server.generate import ExtractiveGenerator, LiveModels, OllamaGenerator, WithFallback
from server.generate import ollama as ollama_module
from server.telemetry import Telemetry
from tests.contract.ollama_generator.asking import (
    MODEL,
    PROMPT,
    QUESTION,
    TIMEOUTS,
    answer,
    metric,
    text,
)
from tests.ollama_http import (
    LOAD_FAILED,
    OUT_OF_MEMORY,
    RUNNER_DIED,
    Failure,
    OllamaHttp,
    Step,
)

pytestmark = pytest.mark.anyio
CLOSED_WITHIN_SECONDS = 0.25


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is taken for one that is being loaded after 0.1 seconds instead of one."""
    monkeypatch.setattr(ollama_module, "LOADING_SECONDS", 0.1)


@pytest.mark.usefixtures("impatient")
async def test_loading(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """A model that is being loaded is announced, once; one that is loaded and slow isn't."""
    ollama.runners.load_seconds = 0.4
    cold = await answer(generator)
    assert cold[0] == Loading(MODEL)
    assert text(cold) == "4초까지예요."
    ollama.say(ALIAS, 0.4, "4초")
    assert not any(isinstance(event, Loading) for event in await answer(generator))
    assert len(ollama.asked("/api/ps")) == 2


@pytest.mark.usefixtures("impatient")
async def test_load_fails(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """A load that fails after it was announced is an error like any other."""
    ollama.runners.load_seconds = 0.3
    ollama.runners.load_failure = LOAD_FAILED
    stream = generator.stream(PROMPT, QUESTION, max_tokens=100)
    assert await anext(stream) == Loading(MODEL)
    with pytest.raises(OllamaLoadError):
        await anext(stream)


@pytest.mark.usefixtures("impatient")
async def test_nobody_says_whether_it_is_loading(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """An /api/ps that fails tells nothing, and the answer comes all the same."""
    ollama.say(ALIAS, 0.4, "4초")
    ollama.refuse(Failure("broken"), "/api/ps")
    assert [type(event) for event in await answer(generator)] == [TextDelta, Finished]


@pytest.mark.parametrize(
    "script", [(math.inf,), ("4초", math.inf)], ids=["before-the-first", "in-the-middle"]
)
async def test_closing_closes_upstream(
    ollama: OllamaHttp, generator: OllamaGenerator, script: tuple[Step, ...]
) -> None:
    """A stream that is closed or cancelled, waiting or answering, ends its request at once."""
    ollama.say(ALIAS, *script)

    async def ask() -> None:
        async with aclosing(generator.stream(PROMPT, QUESTION, max_tokens=100)) as stream:
            async for _ in stream:
                pass

    task = asyncio.create_task(ask())
    await to_thread.run_sync(
        ollama.wait_for, lambda: [call.lines for call in ollama.asked("/api/chat")] == [len(script) - 1]
    )
    await asyncio.sleep(0.05)
    cancelled = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (call,) = ollama.asked("/api/chat")
    await to_thread.run_sync(ollama.wait_for, lambda: call.closed is not None)
    assert call.closed is not None
    assert call.closed - cancelled < CLOSED_WITHIN_SECONDS


async def test_many_leave_at_random_moments(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """However many leave and whenever: every request upstream is over within a quarter of a second."""
    ollama.runners.parallel = 4
    ollama.say(ALIAS, 0.1, *(step for number in range(100) for step in (f"{number} ", 0.01)))
    # The first to ask would wait for the vocabulary, too, and all would have left before they asked.
    await to_thread.run_sync(generator.model)
    draw = random.Random(7)  # noqa: S311 - no secret
    left: dict[str, float] = {}

    async def ask(name: str, patience: float) -> None:
        with anyio.move_on_after(patience):
            await answer(generator, replace(PROMPT, messages=(Message("user", name),)))
        left[name] = time.monotonic()

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(ask, f"질문 {number}", draw.uniform(0.05, 0.8))
    calls = ollama.asked("/api/chat")
    await to_thread.run_sync(ollama.wait_for, lambda: all(call.is_over for call in calls))
    delays = sorted(
        (call.closed or math.inf) - left[call.body["messages"][-1]["content"]]
        for call in calls
        if call.body  # else its client left while it was still asking
    )
    assert len(delays) > 10
    assert delays[-1] < CLOSED_WITHIN_SECONDS, delays


@pytest.mark.parametrize(
    "failure",
    [LOAD_FAILED, OUT_OF_MEMORY, RUNNER_DIED, Failure("model 'futfut' not found", 404)],
    ids=["load", "memory", "runner", "missing"],
)
async def test_fallback(
    ollama: OllamaHttp,
    generator: OllamaGenerator,
    telemetry: Telemetry,
    kiwi: Kiwi,
    failure: Failure,
) -> None:
    """Where the model can't answer, the passages do, and the end says so."""
    both = WithFallback(generator, ExtractiveGenerator(kiwi), telemetry)
    ollama.refuse(failure, "/api/chat")
    events = await answer(both)
    assert "4초까지" in text(events)
    assert isinstance(events[-1], Finished)
    assert events[-1].mode == "extractive"
    assert metric(telemetry, "futfut_fallback_answers_total") == 1
    after = (await answer(both))[-1]
    assert isinstance(after, Finished)
    assert after.mode == "model"


async def test_fallback_while_ollama_is_away(
    ollama: OllamaHttp, generator: OllamaGenerator, telemetry: Telemetry, kiwi: Kiwi
) -> None:
    """The one that answers is named: the extractive one while Ollama is away, then the model."""
    both = WithFallback(generator, ExtractiveGenerator(kiwi), telemetry)
    ollama.kill()
    assert both.model(fresh=True).mode == "extractive"
    assert "4초까지" in text(await answer(both))
    ollama.start()
    assert both.model(fresh=True).name == MODEL


async def test_no_fallback_after_the_first_word(
    ollama: OllamaHttp, generator: OllamaGenerator, telemetry: Telemetry, kiwi: Kiwi
) -> None:
    """An answer that has begun isn't taken up by another voice."""
    both = WithFallback(generator, ExtractiveGenerator(kiwi), telemetry)
    ollama.say(ALIAS, "4초", OUT_OF_MEMORY)
    with pytest.raises(ModelUnavailableError):
        await answer(both)
    assert metric(telemetry, "futfut_fallback_answers_total") == 0


async def test_leaving_while_ollama_hangs(tmp_path: Path, telemetry: Telemetry) -> None:
    """Who leaves while a silent Ollama is asked which model is live is let go at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        models = LiveModels(Ollama(url, quick_seconds=1), load_catalog(), tmp_path)
        generator = OllamaGenerator(url, models, telemetry, TIMEOUTS)
        begun = time.monotonic()
        with anyio.move_on_after(0.1) as scope:
            await answer(generator)
        assert scope.cancelled_caught
        assert time.monotonic() - begun < 0.1 + CLOSED_WITHIN_SECONDS
        await generator.close()
