"""The embedded engine with the real model of the first run."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.domain import Finished, GenerationEvent, Message, Prompt
from server.generate import LlamaCppGenerator
from server.generate.engine import BATCH_TOKENS

pytestmark = pytest.mark.model

FILE = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
SYSTEM = "너는 풋살 도우미 풋풋이야. 자료에 적힌 내용만으로 짧게 답해."
RULES = "경기는 전반과 후반 20분씩이에요. 골키퍼는 자기 진영에서 공을 4초까지 가질 수 있어요. " * 8


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCppGenerator]:
    models = Path(os.environ.get("FUTFUT_HOME", ".futfut")) / "models"
    if not (models / FILE).is_file():
        pytest.skip(f"{models / FILE} isn't there: run `make models`")
    modelfile = tmp_path_factory.mktemp("modelfiles") / "mini.Modelfile"
    modelfile.write_text(
        f"FROM ./{FILE}\nPARAMETER temperature 0\nPARAMETER num_ctx 2048\n", encoding="utf-8"
    )
    loaded = LlamaCppGenerator.load(modelfile, models, threads=None)
    yield loaded
    loaded.close()


def prompt(generator: LlamaCppGenerator, question: str) -> Prompt:
    messages = (Message("system", SYSTEM), Message("user", f"{RULES}\n\n질문: {question}"))
    return Prompt(messages, generator.count_tokens(messages), (), ())


async def answer(generator: LlamaCppGenerator, question: str, max_tokens: int = 24) -> list[GenerationEvent]:
    stream = generator.stream(prompt(generator, question), question, max_tokens=max_tokens)
    return [event async for event in stream]


@pytest.mark.anyio
async def test_korean_from_the_passages(generator: LlamaCppGenerator) -> None:
    """The answer is whole Korean text, and the counts are the prompt's own."""
    *pieces, end = await answer(generator, "골키퍼는 공을 몇 초까지 가질 수 있어?", 60)
    text = "".join(getattr(piece, "text", "") for piece in pieces)
    assert "4초" in text
    assert "\ufffd" not in text
    assert isinstance(end, Finished)
    assert end.reason == "stop"
    assert end.usage.prompt_tokens == prompt(generator, "골키퍼는 공을 몇 초까지 가질 수 있어?").tokens


@pytest.mark.anyio
async def test_a_second_question_reuses_the_first_ones_prefix(generator: LlamaCppGenerator) -> None:
    """Of a prompt that begins like the last one, only the rest is evaluated."""
    await answer(generator, "경기는 몇 분이야?", 1)
    shared = prompt(generator, "골키퍼는?").tokens - 20
    await answer(generator, "골키퍼는?", 1)
    assert generator.reused_tokens >= shared


@pytest.mark.anyio
async def test_cancelled_while_the_prompt_is_evaluated(generator: LlamaCppGenerator) -> None:
    """Cancelling cuts the evaluation short, and the question asked again is answered as ever.

    Both times the question comes after another prompt with the same beginning: llama.cpp's sums depend on how
    a prompt is cut into batches, and so on how much of it was cached already.
    """
    question = "골키퍼는 공을 몇 초까지 가질 수 있어?"
    other, longer = (Prompt((Message("user", text),), 0, (), ()) for text in ("안녕", RULES * 2))
    llama = generator._engine._llama
    await anext(stream := generator.stream(other, "", max_tokens=1))
    await stream.aclose()
    expected = await answer(generator, question)
    await anext(stream := generator.stream(other, "", max_tokens=1))
    await stream.aclose()
    assert llama.n_tokens < BATCH_TOKENS
    first = asyncio.ensure_future(anext(generator.stream(longer, "", max_tokens=10)))
    async with asyncio.timeout(60):
        while llama.n_tokens < BATCH_TOKENS:  # noqa: ASYNC110 - llama.cpp tells nobody how far it is
            await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert llama.n_tokens < generator.count_tokens(longer.messages)
    assert await answer(generator, question) == expected
