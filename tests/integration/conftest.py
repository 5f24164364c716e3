"""A hub of the tests' own, in place of the real one."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.hub_server import Hub, point_hub_at, serving


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on this machine, small chunks, and no second of waiting between tries."""
    state = Hub()
    with serving(state):
        point_hub_at(monkeypatch, state.port)
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
        impatient = SimpleNamespace(**vars(time) | {"sleep": lambda _: None})
        monkeypatch.setattr("huggingface_hub.file_download.time", impatient)
        monkeypatch.setattr("huggingface_hub.utils._http.time", impatient)
        monkeypatch.setattr("convert.fetching.hub_answers.WAITS_SECONDS", (0, 0))
        yield state
