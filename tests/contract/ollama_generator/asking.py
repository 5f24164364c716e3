"""One question, asked of a generator on Ollama, and what became of it."""

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from modelfiles.catalog import load as load_catalog
from modelfiles.ollama import Ollama
from server.domain import GenerationEvent, Hit, Message, Passage, Prompt, TextDelta
from server.generate import LiveModels, OllamaGenerator, Timeouts
from server.protocols import Generator
from server.telemetry import Telemetry

QUESTION = "골키퍼는 공을 몇 초 가지고 있을 수 있어?"
TEXT = "골키퍼는 자기 진영에서 공을 4초까지 가질 수 있어요."
HIT = Hit(Passage("1", "규칙.md", "골키퍼", "offset:0", TEXT), 1.0, 1, 1)
PROMPT = Prompt((Message("system", "풋풋이야."), Message("user", QUESTION)), 0, (HIT,), ())
TIMEOUTS = Timeouts(connect=0.5, first_token=5, token=5)
MODEL = "mini-q4_k_m"


def on(url: str, folder: Path, telemetry: Telemetry, timeouts: Timeouts = TIMEOUTS) -> OllamaGenerator:
    """A generator on an Ollama server, to be closed."""
    return OllamaGenerator(url, LiveModels(Ollama(url), load_catalog(), folder), telemetry, timeouts)


async def answer(
    generator: Generator, prompt: Prompt = PROMPT, *, max_tokens: int = 100
) -> list[GenerationEvent]:
    """All events of one answer."""
    async with aclosing(generator.stream(prompt, QUESTION, max_tokens=max_tokens)) as stream:
        return [event async for event in stream]


def text(events: Sequence[GenerationEvent]) -> str:
    """What an answer says."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def metric(telemetry: Telemetry, name: str, **labels: str) -> float:
    """A metric's value; 0 where nothing has been counted."""
    return telemetry.registry.get_sample_value(name, labels) or 0.0
