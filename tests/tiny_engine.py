"""The embedded engine on tiny models, for the modules that test it."""

from pathlib import Path
from typing import Any

from server.domain import Finished, Message
from server.generate.engine import Engine
from server.generate.parameters import Parameters
from server.generate.stop_flag import StopFlag

ENDLESS = ["▁재", "밌", "어", "요", "."]
QUESTION = [Message("system", "규칙이야."), Message("user", "풋살은 어때?")]
LONG_QUESTION = [Message("system", "규칙이야."), Message("user", "풋살은 재밌어요. " * 60)]


def greedy(model: Path, **parameters: Any) -> Engine:
    """An engine on one thread that always says the likeliest."""
    return Engine(model, Parameters(temperature=0, **parameters), adapter=None, threads=1)


def say(
    engine: Engine, messages: list[Message], max_tokens: int = 24, stop: StopFlag | None = None
) -> tuple[str, Finished]:
    """The whole answer, and how it ended."""
    said: list[str] = []
    finished = engine.answer(messages, max_tokens, stop or StopFlag(), said.append)
    return "".join(said), finished
