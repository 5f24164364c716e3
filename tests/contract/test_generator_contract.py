"""What every generator does, whatever is behind it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from kiwipiepy import Kiwi

from modelfiles.ollama import ALIAS
from server.domain import Finished, GenerationEvent, Hit, Message, Passage, Prompt, TextDelta
from server.generate import ExtractiveGenerator, LlamaCppGenerator
from server.protocols import Generator
from server.resources import open_ollama
from server.settings import Settings
from server.telemetry import Telemetry
from tests.ollama_http import OllamaHttp
from tests.real_ollama import RealOllama
from tests.tiny_model import CONTEXT, MODELFILE_LINES, write_modelfile, write_tiny_model

QUESTION = "골키퍼는 공을 몇 초 가지고 있을 수 있어?"
TEXT = "골키퍼는 자기 진영에서 공을 4초까지 가질 수 있어요. 골키퍼가 공을 4초 넘게 가지면 간접 프리킥이에요."
HIT = Hit(Passage("1", "규칙.md", "골키퍼", "offset:0", TEXT), 1.0, 1, 1)
ENDLESS = ["▁재", "밌", "어", "요", "."]
MAX_TOKENS = 400


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a tiny model is that never ends."""
    folder: Path = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "tiny.gguf", ENDLESS)
    return folder


@pytest.fixture(scope="module")
def embedded(folder: Path) -> Iterator[LlamaCppGenerator]:
    modelfile = write_modelfile(folder / "embedded.Modelfile", folder / "tiny.gguf")
    embedded = LlamaCppGenerator.load(modelfile, folder, threads=1)
    yield embedded
    embedded.close()


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """The address of an Ollama that says a hundred words."""
    with OllamaHttp() as ollama:
        ollama.add("tiny-f32", num_ctx=CONTEXT)
        ollama.library.copy("tiny-f32", ALIAS)
        ollama.say(ALIAS, *(f"낱말{number} " for number in range(100)))
        yield ollama.url


@pytest.fixture(scope="module")
def real(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a real Ollama with the tiny model."""
    ollama: RealOllama = request.getfixturevalue("real_ollama")
    lines = [*MODELFILE_LINES, f"PARAMETER num_ctx {CONTEXT}"]
    modelfile = write_modelfile(folder / "ollama.Modelfile", folder / "tiny.gguf", *lines)
    ollama.run("create", "tiny-f32", "-f", str(modelfile))
    ollama.run("cp", "tiny-f32", ALIAS)
    yield ollama.url
    ollama.run("rm", ALIAS, "tiny-f32")


@pytest.fixture(params=["extractive", "embedded", "stand_in", pytest.param("real", marks=pytest.mark.ollama)])
async def generator(
    request: pytest.FixtureRequest, kiwi: Kiwi, folder: Path, anyio_backend: str
) -> AsyncIterator[Generator]:
    del anyio_backend  # what a generator on Ollama opens belongs to the test's event loop
    match request.param:
        case "extractive":
            yield ExtractiveGenerator(kiwi)
        case "embedded":
            yield request.getfixturevalue("embedded")
        case where:
            settings = Settings(home=folder)
            ollama = open_ollama(settings, request.getfixturevalue(where), Telemetry())
            yield ollama
            await ollama.close()


Ask = Callable[[], AsyncGenerator[GenerationEvent]]


@pytest.fixture
def ask(generator: Generator) -> Ask:
    """Asks the same question anew each time."""
    messages = (Message("system", "풋풋이야."), Message("user", QUESTION))
    prompt = Prompt(messages, generator.model().count_tokens(messages), (HIT,), ())
    return lambda: generator.stream(prompt, QUESTION, max_tokens=MAX_TOKENS)


async def whole(stream: AsyncGenerator[GenerationEvent]) -> list[GenerationEvent]:
    async with aclosing(stream):
        return [event async for event in stream]


@pytest.mark.anyio
async def test_text_then_one_end(generator: Generator, ask: Ask) -> None:
    """A stream is text pieces, none empty, then exactly one end that counts what was said."""
    *pieces, end = await whole(ask())
    assert all(isinstance(piece, TextDelta) and piece.text for piece in pieces)
    assert isinstance(end, Finished)
    assert end.reason in {"stop", "length"}
    assert 0 < end.usage.completion_tokens <= MAX_TOKENS
    assert 0 < end.usage.prompt_tokens < generator.model().context_tokens


def test_counting(generator: Generator) -> None:
    """More messages and longer ones take more tokens."""
    count = generator.model().count_tokens
    one = [Message("user", "풋살")]
    assert 0 < count(one) < count([Message("user", "풋살 구장 예약")])
    assert count(one) < count([*one, *one])


def test_says_what_it_is(generator: Generator) -> None:
    """What would answer has a name, and says whether it is a model."""
    model = generator.model(fresh=True)
    assert model.name
    assert model.mode == ("extractive" if isinstance(generator, ExtractiveGenerator) else "model")


@pytest.mark.anyio
async def test_the_same_question_has_the_same_answer(ask: Ask) -> None:
    """Nothing of one answer leaks into the next."""
    assert await whole(ask()) == await whole(ask())


@pytest.mark.anyio
async def test_closed_after_the_first_piece(ask: Ask) -> None:
    """A stream that is closed early ends, and the next question is answered as ever."""
    expected = await whole(ask())
    stream = ask()
    assert await anext(stream) == expected[0]
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert await whole(ask()) == expected


@pytest.mark.anyio
async def test_closed_before_it_starts(ask: Ask) -> None:
    """A stream that nobody reads takes nothing."""
    await ask().aclose()
    assert await whole(ask())


@pytest.mark.anyio
async def test_two_at_once(ask: Ask) -> None:
    """Questions asked at the same time are all answered, each as if it were alone."""
    expected = await whole(ask())
    assert list(await asyncio.gather(whole(ask()), whole(ask()), whole(ask()))) == [expected] * 3


@pytest.mark.anyio
@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_cancelled_while_others_go_on(ask: Ask, cancelled: int) -> None:
    """Cancelling one of several, at work or waiting, leaves the others alone."""
    expected = await whole(ask())
    answers: dict[int, list[GenerationEvent]] = {}

    async def answer(number: int, scope: anyio.CancelScope) -> None:
        with scope:
            answers[number] = await whole(ask())

    scopes = [anyio.CancelScope() for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        for number, scope in enumerate(scopes):
            tasks.start_soon(answer, number, scope)
        await anyio.lowlevel.checkpoint()
        scopes[cancelled].cancel()
    assert answers == {number: expected for number in range(3) if number != cancelled}


@pytest.mark.anyio
async def test_each_piece_awaited_in_a_task_of_its_own(ask: Ask) -> None:
    """A server that watches for silence awaits each piece in a new task."""
    stream = ask()
    events = []
    while True:
        try:
            events.append(await asyncio.create_task(anext(stream)))
        except StopAsyncIteration:
            break
    assert events == await whole(ask())


@pytest.mark.anyio
async def test_the_loop_stays_free(ask: Ask) -> None:
    """The event loop runs on while an answer is computed."""
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.sleep(0.001)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        await whole(ask())
        tasks.cancel_scope.cancel()
    assert turns > 1
