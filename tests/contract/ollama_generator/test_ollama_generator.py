"""What is asked of Ollama, how its tokens are counted, and what happens when its model is swapped."""

import asyncio
import logging
import threading
from contextlib import closing
from pathlib import Path

import pytest
from anyio import to_thread

from modelfiles.catalog import load as load_catalog
from modelfiles.ollama import ALIAS, Ollama
from server.domain import Finished, Message, Prompt
from server.errors import (
    GenerationError,
)
from server.generate import LiveModels, OllamaGenerator
from server.generate.live_models import FRESH_SECONDS
from server.telemetry import Telemetry
from tests.contract.ollama_generator.asking import (
    MODEL,
    PROMPT,
    answer,
    metric,
    text,
)
from tests.ollama_http import (
    HALF_COPIED,
    OllamaHttp,
)

pytestmark = pytest.mark.anyio


async def test_request(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """The alias is asked, with num_predict and nothing that would have the model loaded anew."""
    *_, end = await answer(generator, max_tokens=7)
    (call,) = ollama.asked("/api/chat")
    assert call.body is not None
    messages = [{"role": message.role, "content": message.content} for message in PROMPT.messages]
    assert {key: call.body[key] for key in ("model", "messages", "stream", "options")} == {
        "model": ALIAS,
        "messages": messages,
        "stream": True,
        "options": {"num_predict": 7},
    }
    assert not {"keep_alive", "shift", "truncate"} & set(call.body)
    assert isinstance(end, Finished)
    assert (end.reason, end.mode, end.usage.completion_tokens) == ("stop", "model", 3)
    assert end.usage.prompt_tokens == generator.model().count_tokens(PROMPT.messages)


async def test_length(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """An answer that was cut says so."""
    ollama.say(ALIAS, *(f"{number} " for number in range(9)))
    *_, end = await answer(generator, max_tokens=4)
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.completion_tokens) == ("length", 4)


async def test_the_answer_fits_into_the_context(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """No more is asked for than there is room, and nothing where there is none: Ollama would cut."""
    room = 2048 - generator.model().count_tokens(PROMPT.messages)
    await answer(generator, max_tokens=4000)
    assert (ollama.asked("/api/chat")[0].body or {})["options"] == {"num_predict": room}
    long = Prompt((Message("user", "가" * 2048),), 0, (), ())
    with pytest.raises(GenerationError, match="leaves none to answer"):
        await anext(generator.stream(long, "", max_tokens=10))
    assert len(ollama.asked("/api/chat")) == 1


async def test_model(generator: OllamaGenerator) -> None:
    """It is called by its own name, and has its Modelfile's context and system prompt."""
    model = generator.model(fresh=True)
    assert (model.name, model.context_tokens, model.system, model.mode) == (
        MODEL,
        2048,
        "너는 풋풋이야.",
        "model",
    )


async def test_connection_is_used_again(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """An answer that is read to its end isn't taken for one that was left."""
    for _ in range(3):
        await answer(generator)
    assert all(call.closed is None and call.answered for call in ollama.asked("/api/chat"))


async def test_swap(ollama: OllamaHttp, generator: OllamaGenerator, telemetry: Telemetry) -> None:
    """Another model that is made live is noticed: at once with `fresh`, else by the next question."""
    first = generator.model()
    ollama.add("big-q5_k_m", num_ctx=1024, system="너는 심판이야.")
    ollama.library.copy("big-q5_k_m", ALIAS)
    swapped = generator.model(fresh=True)
    assert (swapped.name, swapped.context_tokens, swapped.system) == ("big-q5_k_m", 1024, "너는 심판이야.")
    ollama.library.copy(MODEL, ALIAS)
    await asyncio.sleep(2 * FRESH_SECONDS)
    assert generator.model().digest == first.digest
    assert metric(telemetry, "futfut_prompt_count_disagreements_total") == 0


async def test_the_alias_is_missing_for_a_moment(ollama: OllamaHttp, generator: OllamaGenerator) -> None:
    """A copy writes the alias in place: who asks in between asks again, and no question fails."""
    ollama.refuse(HALF_COPIED, "/api/chat", times=2)
    assert text(await answer(generator)) == "4초까지예요."
    ollama.library.delete(ALIAS)
    later = threading.Timer(0.08, ollama.library.copy, (MODEL, ALIAS))
    later.start()
    assert (await to_thread.run_sync(lambda: generator.model(fresh=True))).name == MODEL
    later.join()


def test_vocabularies_are_kept(ollama: OllamaHttp, tmp_path: Path) -> None:
    """A vocabulary is asked for once a digest, also after a restart; a few are kept, a broken one isn't."""

    def verbose() -> int:
        return sum(bool((call.body or {}).get("verbose")) for call in ollama.asked("/api/show"))

    for _ in range(2):
        with closing(LiveModels(Ollama(ollama.url), load_catalog(), tmp_path)) as models:
            assert models.current().count_tokens(PROMPT.messages) > 0
    assert verbose() == 1
    (kept,) = tmp_path.glob("*.gguf")
    kept.write_bytes(b"GGUF, but no more")
    with closing(LiveModels(Ollama(ollama.url), load_catalog(), tmp_path)) as models:
        assert models.current().count_tokens(PROMPT.messages) > 0
        assert verbose() == 2
        for number in range(6):
            ollama.add(f"m{number}", num_ctx=512)
            ollama.library.copy(f"m{number}", ALIAS)
            models.current(fresh=True)
    assert len(list(tmp_path.iterdir())) == 4


async def test_disagreement(
    ollama: OllamaHttp, generator: OllamaGenerator, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    """A prompt that Ollama counts otherwise is warned of and counted; the answer is given all the same."""
    await answer(generator)
    assert metric(telemetry, "futfut_prompt_count_disagreements_total") == 0
    ollama.speech.miscounted = -3
    tags = len(ollama.asked("/api/tags"))
    assert text(await answer(generator)) == "4초까지예요."
    assert metric(telemetry, "futfut_prompt_count_disagreements_total") == 1
    assert len(ollama.asked("/api/tags")) > tags
    assert [record.levelno for record in caplog.records if "we counted" in record.message] == [
        logging.WARNING
    ]


async def test_a_swap_is_no_disagreement(
    ollama: OllamaHttp, generator: OllamaGenerator, telemetry: Telemetry
) -> None:
    """Counted for one model and answered by the next: that is a swap, unless the next one cut the prompt."""
    ollama.add("big-q5_k_m", num_ctx=1024, template="{{ range .Messages }}{{ .Content }}{{ end }}")
    for cut, disagreements in ((0, 0), (-3, 1)):
        ollama.library.copy(MODEL, ALIAS)
        generator.model(fresh=True)
        ollama.speech.miscounted = cut
        ollama.library.copy("big-q5_k_m", ALIAS)
        await answer(generator)
        assert metric(telemetry, "futfut_prompt_count_disagreements_total") == disagreements
        assert generator.model().name == "big-q5_k_m"
