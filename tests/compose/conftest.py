"""The engine and the stack that the tests of this folder share: making them takes minutes."""

import os
from collections.abc import Iterator

import pytest

from tests.compose.engine import Engine
from tests.compose.files import ROOT
from tests.compose.stack import Stack


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def stack(engine: Engine) -> Iterator[Stack]:
    """The images built and this machine's model files in the volume; nothing runs yet."""
    with Stack(engine) as stack:
        stack.build()
        stack.seed((ROOT / os.environ.get("FUTFUT_HOME", ".futfut") / "models").resolve())
        yield stack
