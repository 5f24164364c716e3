"""The stand-in and a real Ollama, each in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.ollama_served import Served
from tests.ollama_http import OllamaHttp


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.ollama)])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """Each of the two in turn."""
    if request.param == "stand-in":
        with OllamaHttp() as ollama:
            found = Served(ollama, tmp_path)
            yield found
            found.close()
    else:
        found = Served(request.getfixturevalue("real_ollama"), tmp_path)
        yield found
        found.close()
