"""A generator on a stand-in for Ollama, for the tests in this folder."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from modelfiles.ollama import ALIAS
from server.generate import OllamaGenerator
from server.telemetry import Telemetry
from tests.contract.ollama_generator.asking import MODEL, on
from tests.ollama_http import OllamaHttp


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def ollama() -> Iterator[OllamaHttp]:
    """A stand-in with a live model."""
    with OllamaHttp() as ollama:
        ollama.add(MODEL, num_ctx=2048, system="너는 풋풋이야.")
        ollama.library.copy(MODEL, ALIAS)
        ollama.say(ALIAS, "4초", "까지예요.")
        yield ollama


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
async def generator(
    ollama: OllamaHttp, tmp_path: Path, telemetry: Telemetry
) -> AsyncIterator[OllamaGenerator]:
    """A generator on the stand-in."""
    generator = on(ollama.url, tmp_path, telemetry)
    yield generator
    await generator.close()
