"""What several test modules share because it is slow to make, and the surroundings they all run in."""

import os

import pytest
from kiwipiepy import Kiwi

from server.analyzer import load_kiwi

WHERE_THINGS_ARE = {"FUTFUT_HOME", "FUTFUT_SEED_CORPUS"}


def pytest_configure() -> None:
    """Forget a developer's own settings: what the tests and the programs they start see is the defaults."""
    for name in [name for name in os.environ if name.startswith("FUTFUT_")]:
        if name not in WHERE_THINGS_ARE:
            del os.environ[name]


@pytest.fixture(scope="session")
def kiwi() -> Kiwi:
    """The morphological analyser: loading it takes over a second, so one serves the whole run."""
    return load_kiwi()
