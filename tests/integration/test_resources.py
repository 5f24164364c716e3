"""The service's parts put together, from a home with a tiny encoder and a tiny model."""

from pathlib import Path

import pytest

from convert.embedder import build_from_checkpoint
from modelfiles.compose import system_prompt
from server.resources import open_resources
from server.settings import Settings
from tests.tiny_encoder import random_tensors, write_checkpoint
from tests.tiny_model import write_modelfile, write_tiny_model


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("lines", "system"), [(["SYSTEM 너는 심판이야."], "너는 심판이야."), ([], system_prompt())]
)
async def test_the_modelfile_sets_the_system_prompt(tmp_path: Path, lines: list[str], system: str) -> None:
    """An operator's SYSTEM is what the model is told; without one it is 풋풋이's own."""
    settings = Settings(home=tmp_path, model=str(tmp_path / "own.Modelfile"))
    source = write_checkpoint(tmp_path / "source", random_tensors())
    build_from_checkpoint(source, settings.models_dir / settings.encoder, precision="int8")
    write_modelfile(Path(settings.model), write_tiny_model(settings.models_dir / "tiny.gguf"), *lines)
    async with open_resources(settings) as resources:
        model = resources.generator.model()
        assert model.name == "own"
        assert (model.system or resources.chat._system) == system
