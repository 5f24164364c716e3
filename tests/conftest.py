"""What several test modules share because it is slow to make."""

import pytest
from kiwipiepy import Kiwi

from server.analyzer import load_kiwi


@pytest.fixture(scope="session")
def kiwi() -> Kiwi:
    """The morphological analyser: loading it takes over a second, so one serves the whole run."""
    return load_kiwi()
