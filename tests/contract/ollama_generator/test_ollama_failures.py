"""Each failure of Ollama has its type, says what to do, and hinders no later question."""

import math
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from modelfiles.ollama import ALIAS
from server.domain import Finished, TextDelta
from server.errors import (
    GenerationError,
    OllamaBusyError,
    OllamaConnectionLostError,
    OllamaGarbledError,
    OllamaLoadError,
    OllamaModelMissingError,
    OllamaModelUnusableError,
    OllamaOutOfMemoryError,
    OllamaRepeatsError,
    OllamaSilentError,
    OllamaStreamError,
    OllamaUnreachableError,
    VocabularyNotKeptError,
)
from server.generate import OllamaGenerator, Timeouts
from server.telemetry import Telemetry
from tests.contract.ollama_generator.asking import PROMPT, QUESTION, TIMEOUTS, answer, metric, on, text
from tests.ollama_http import (
    BUSY,
    HANG_UP,
    LOAD_FAILED,
    OUT_OF_MEMORY,
    RUNNER_DIED,
    Failure,
    OllamaHttp,
    Step,
)
from tests.tiny_model import CHATML

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "case",
    [
        ([RUNNER_DIED], OllamaStreamError, "unexpected EOF"),
        (["4초", RUNNER_DIED], OllamaStreamError, "unexpected EOF"),
        (["4초", OUT_OF_MEMORY], OllamaOutOfMemoryError, "smaller"),
        ([OUT_OF_MEMORY], OllamaOutOfMemoryError, "smaller"),
        ([LOAD_FAILED], OllamaLoadError, "--rollback"),
        ([Failure("the prompt is longer than the context", 400)], GenerationError, "HTTP 400"),
        ([b'{"model": "fut'], OllamaGarbledError, "is it an Ollama server"),
        (["4초", b'{"model": "fut'], OllamaGarbledError, "is it an Ollama server"),
        (["4초", b"[]"], OllamaGarbledError, "is it an Ollama server"),
        (["4초", b'{"message": 3}'], OllamaGarbledError, "is it an Ollama server"),
        ([HANG_UP], OllamaConnectionLostError, "was lost"),
        (["4초", HANG_UP], OllamaConnectionLostError, "was lost"),
        (["빙"] * 40, OllamaRepeatsError, "circles"),
    ],
    ids=str,
)
async def test_failures(
    ollama: OllamaHttp, generator: OllamaGenerator, telemetry: Telemetry, case: tuple[list[Step], type, str]
) -> None:
    """Each failure has its type and says what to do; nothing is asked twice; the next one is answered."""
    script, expected, says = case
    ollama.say(ALIAS, *script)
    with pytest.raises(expected, match=says) as failed:
        await answer(generator)
    assert type(failed.value) is expected
    assert len(ollama.asked("/api/chat")) == 1
    assert metric(telemetry, "futfut_generation_failures_total", kind=expected.__name__) == 1
    ollama.say(ALIAS, "네.")
    assert text(await answer(generator)) == "네."


@pytest.mark.parametrize("behind", [HANG_UP, b"no JSON"], ids=["cut", "line"])
async def test_what_comes_behind_the_end_fails_nobody(
    ollama: OllamaHttp, generator: OllamaGenerator, behind: Step
) -> None:
    """An answer that is whole stays one when the connection is cut right after it."""
    end = b'{"message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop"}'
    ollama.say(ALIAS, "4초", end, behind)
    *said, last = await answer(generator)
    assert text(said) == "4초"
    assert isinstance(last, Finished)


async def test_what_was_said_before_a_failure_is_there(
    ollama: OllamaHttp, generator: OllamaGenerator
) -> None:
    """The pieces before a failure come, in order, and then the error."""
    ollama.say(ALIAS, "4초", "까지", RUNNER_DIED)
    stream = generator.stream(PROMPT, QUESTION, max_tokens=100)
    assert [await anext(stream), await anext(stream)] == [TextDelta("4초"), TextDelta("까지")]
    with pytest.raises(OllamaStreamError):
        await anext(stream)


async def test_busy(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """A full queue is asked again, three times in all; then it is busy."""
    ollama.refuse(BUSY, "/api/chat", times=2)
    assert text(await answer(generator)) == "4초까지예요."
    ollama.refuse(BUSY, "/api/chat", times=3)
    with pytest.raises(OllamaBusyError, match="OLLAMA_MAX_QUEUE"):
        await answer(generator)
    assert len(ollama.asked("/api/chat")) == 6


async def test_missing(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """Without the alias it says which command makes a model live."""
    generator.model()
    ollama.library.delete(ALIAS)
    with pytest.raises(OllamaModelMissingError, match="futfut-convert use mini-q4_k_m"):
        await answer(generator)
    with pytest.raises(OllamaModelMissingError, match="futfut-convert use mini-q4_k_m"):
        generator.model(fresh=True)


@pytest.mark.parametrize(
    ("template", "parameter", "says"),
    [
        (CHATML, "num_keep", "num_ctx"),
        ("{{ .System }} {{ .Prompt }}", "num_ctx", r"\.System"),
        ("{{ range .Messages }}{{ .Role }}{{ end }}", "num_ctx", "range over"),
        ("{% answer %}{{ messages }}{% endanswer %}", "num_ctx", "unknown tag 'answer'"),
    ],
    ids=["no-context", "legacy-template", "no-content", "foreign-tag"],
)
async def test_unusable(
    ollama: OllamaHttp, generator: OllamaGenerator, template: str, parameter: str, says: str
) -> None:
    """A model whose context isn't fixed, or whose prompts can't be counted, is refused in words."""
    ollama.add("own", None, template=template, system="", **{parameter: 512})
    ollama.library.copy("own", ALIAS)
    with pytest.raises(OllamaModelUnusableError, match=says):
        generator.model()


async def test_unreachable(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """While Ollama is away what was known last still counts, but nothing is answered and nothing is ready."""
    known = generator.model()
    ollama.kill()
    began = time.monotonic()
    with pytest.raises(OllamaUnreachableError, match=f"{ollama.url}.*ollama serve"):
        await answer(generator)
    assert time.monotonic() - began < 2 * TIMEOUTS.connect
    assert generator.model() is known
    with pytest.raises(OllamaUnreachableError):
        generator.model(fresh=True)
    ollama.start()
    assert text(await answer(generator)) == "4초까지예요."
    assert generator.model(fresh=True) is known


async def test_never_reached(tmp_path: Path, telemetry: Telemetry) -> None:
    """A generator is made while Ollama is away, and says so when it is asked."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    generator = on(f"http://127.0.0.1:{port}", tmp_path, telemetry)
    with pytest.raises(OllamaUnreachableError):
        generator.model()
    with pytest.raises(OllamaUnreachableError):
        await answer(generator)
    await generator.close()


async def test_what_to_do_is_said_once(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """Of two clients that look for Ollama, a person is told by one."""
    ollama.kill()
    with pytest.raises(OllamaUnreachableError) as away:
        generator.model()
    assert str(away.value).count("ollama serve") == 1
    assert "--ollama" not in str(away.value)


async def test_a_vocabulary_that_cant_be_kept(
    ollama: OllamaHttp, tmp_path: Path, telemetry: Telemetry
) -> None:
    """A full disk or a read-only home has a name; the model is asked for again once that is mended."""
    (tmp_path / "vocabularies").write_text("a file where the folder should be", encoding="utf-8")
    generator = on(ollama.url, tmp_path / "vocabularies", telemetry)
    with pytest.raises(VocabularyNotKeptError, match=f"{tmp_path}.*writable"):
        await answer(generator)
    (tmp_path / "vocabularies").unlink()
    assert text(await answer(generator)) == "4초까지예요."
    await generator.close()


@pytest.mark.parametrize(("said", "first_token"), [((), True), (("4초",), False)], ids=["first", "between"])
async def test_silence(
    ollama: OllamaHttp, tmp_path: Path, telemetry: Telemetry, said: tuple[str, ...], first_token: bool
) -> None:
    """Silence before the first word and between two pieces have limits of their own."""
    ollama.say(ALIAS, *said, math.inf)
    generator = on(ollama.url, tmp_path, telemetry, Timeouts(0.5, first_token=0.2, token=0.1))
    with pytest.raises(OllamaSilentError) as silent:
        await answer(generator)
    limit = 0.2 if first_token else 0.1
    assert (silent.value.first_token, silent.value.seconds) == (first_token, limit)
    (call,) = ollama.asked("/api/chat")
    ollama.wait_for(lambda: call.closed is not None)
    await generator.close()
