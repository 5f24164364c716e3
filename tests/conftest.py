"""What several test modules share because it is slow to make, and the surroundings they all run in."""

import os
from collections.abc import Generator, Iterator

import pytest
from kiwipiepy import Kiwi

from server.analyzer import load_kiwi
from tests.real_ollama import RealOllama, provide

WHERE_THINGS_ARE = {"FUTFUT_HOME", "FUTFUT_SEED_CORPUS", "FUTFUT_TEST_OLLAMA"}


def pytest_configure() -> None:
    """Forget a developer's own settings: what the tests and the programs they start see is the defaults."""
    for name in [name for name in os.environ if name.startswith("FUTFUT_")]:
        if name not in WHERE_THINGS_ARE:
            del os.environ[name]


@pytest.fixture(scope="session")
def kiwi() -> Kiwi:
    """The morphological analyser: loading it takes over a second, so one serves the whole run."""
    return load_kiwi()


@pytest.fixture(scope="session")
def real_ollama() -> Iterator[RealOllama]:
    """A real Ollama for tests marked `ollama`: one serves the whole run."""
    with RealOllama(provide()) as ollama:
        yield ollama


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of Ollama's log beside a failure of a test that used it."""
    report = yield
    used = getattr(item, "funcargs", {}).get("real_ollama")
    if report.failed and isinstance(used, RealOllama):
        report.sections.append(("Ollama's log", used.log[-4000:]))
    return report
