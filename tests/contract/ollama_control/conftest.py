"""Homes before the stand-in and before a real Ollama."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfiles.ollama import Ollama
from tests.contract.ollama_home import Home
from tests.ollama_http import OllamaHttp


@pytest.fixture
def stand_in() -> Iterator[OllamaHttp]:
    with OllamaHttp() as server:
        yield server


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.ollama)])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A home before each of the two, with no model in it."""
    server = request.getfixturevalue("stand_in" if request.param == "stand-in" else "real_ollama")
    with Ollama(server.url) as ollama:
        made = Home(tmp_path, ollama)
        yield made
        made.empty()


@pytest.fixture
def real_home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    with Ollama(request.getfixturevalue("real_ollama").url) as ollama:
        made = Home(tmp_path, ollama)
        yield made
        made.empty()
