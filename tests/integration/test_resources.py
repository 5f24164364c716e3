"""The service's parts put together, from a home with a tiny encoder and a tiny model."""

from contextlib import aclosing
from functools import partial
from pathlib import Path

import httpx
import pytest
from anyio import to_thread
from click.testing import CliRunner
from kiwipiepy import Kiwi

from convert.encoder.build import build_from_checkpoint
from modelfiles.compose import system_prompt
from modelfiles.ollama import ALIAS
from server.cli.doctor import command as doctor
from server.domain import Finished, Message, Prompt
from server.errors import ContextTooSmallError, OllamaUnreachableError
from server.resources import open_ollama, open_resources
from server.settings import Settings
from server.telemetry import Telemetry
from tests.integration.http_service import Service, running
from tests.ollama_http import OllamaHttp
from tests.tiny_encoder import random_tensors, write_checkpoint
from tests.tiny_model import write_modelfile, write_tiny_model


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a home with a tiny encoder, and of a model of the operator's own."""
    settings = Settings(home=tmp_path, model=str(tmp_path / "own.Modelfile"))
    source = write_checkpoint(tmp_path / "source", random_tensors())
    build_from_checkpoint(source, settings.models_dir / settings.encoder, precision="int8")
    return settings


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("lines", "system"), [(["SYSTEM 너는 심판이야."], "너는 심판이야."), ([], system_prompt())]
)
async def test_the_modelfile_sets_the_system_prompt(
    settings: Settings, lines: list[str], system: str
) -> None:
    """An operator's SYSTEM is what the model is told; without one it is 풋풋이's own."""
    write_modelfile(Path(settings.model), write_tiny_model(settings.models_dir / "tiny.gguf"), *lines)
    async with open_resources(settings) as resources:
        model = resources.generator.model()
        assert model.name == "own"
        assert (model.system or resources.chat._system) == system


@pytest.mark.anyio
async def test_a_context_for_no_question(settings: Settings) -> None:
    """A num_ctx that no question fits into is refused at the start, with the numbers."""
    model = write_tiny_model(settings.models_dir / "tiny.gguf")
    write_modelfile(Path(settings.model), model, "PARAMETER num_ctx 512")
    with pytest.raises(ContextTooSmallError, match=r"context of 512 tokens.*num_ctx"):
        async with open_resources(settings):
            pass


@pytest.mark.anyio
@pytest.mark.parametrize("fallback", ["none", "extractive"])
async def test_ollama(settings: Settings, fallback: str) -> None:
    """The service starts while Ollama is away; once it is there its live model answers, and is counted."""
    with OllamaHttp() as ollama:
        ollama.add("mini-q4_k_m", num_ctx=2048)
        ollama.library.copy("mini-q4_k_m", ALIAS)
        ollama.kill()
        chosen = settings.model_copy(update={"ollama_url": ollama.url, "fallback": fallback})
        async with open_resources(chosen) as resources:
            if fallback == "none":
                with pytest.raises(OllamaUnreachableError):
                    await to_thread.run_sync(resources.generator.model)
            else:
                assert (await to_thread.run_sync(resources.generator.model)).mode == "extractive"
            ollama.start()
            model = await to_thread.run_sync(partial(resources.generator.model, fresh=True))
            assert (model.name, model.mode, model.context_tokens) == ("mini-q4_k_m", "model", 2048)
            ollama.speech.miscounted = 1
            messages = (Message("user", "킥인은?"),)
            stream = resources.generator.stream(Prompt(messages, 0, (), ()), "킥인은?", max_tokens=50)
            async with aclosing(stream):
                *_, end = [event async for event in stream]
            assert isinstance(end, Finished)
            assert end.mode == "model"
            assert b"futfut_prompt_count_disagreements_total 1.0" in resources.telemetry.exposition()


def test_doctor_asks_ollama(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """`futfut doctor` names the live model and its context, or says what to start or to run."""

    def model_line() -> str:
        result = CliRunner().invoke(doctor, ["--home", str(settings.home)])
        return next(line for line in result.stdout.splitlines() if line[7:].startswith("model"))

    with OllamaHttp() as ollama:
        monkeypatch.setenv("FUTFUT_OLLAMA_URL", ollama.url)
        assert "futfut-convert use mini-q4_k_m" in model_line()
        ollama.add("mini-q4_k_m", num_ctx=2048)
        ollama.library.copy("mini-q4_k_m", ALIAS)
        assert f"mini-q4_k_m: live in Ollama at {ollama.url}, 2048 tokens" in model_line()
        ollama.kill()
        assert "ollama serve" in model_line()


def test_health_asks_ollama(tmp_path: Path, kiwi: Kiwi) -> None:
    """Ready is said of a live model only, and names it; what is missing is a problem of its own."""
    with OllamaHttp() as ollama:
        generator = open_ollama(Settings(home=tmp_path), ollama.url, Telemetry())
        service = Service(tmp_path, kiwi, generator=generator)
        service.publish()
        with running(service.app) as server, httpx.Client(base_url=server.url, timeout=30) as client:

            def ready() -> tuple[int, str]:
                response = client.get("/health/ready")
                body = response.json()
                return response.status_code, body.get("model") or body["type"]

            assert ready() == (503, "/problems/model-missing")
            ollama.add("mini-q4_k_m", num_ctx=2048)
            ollama.library.copy("mini-q4_k_m", ALIAS)
            assert ready() == (200, "mini-q4_k_m")
            ollama.kill()
            assert ready() == (503, "/problems/model-unreachable")
            asked = client.post("/query", json={"query": "킥인은 몇 초야?"})
            assert (asked.status_code, asked.json()["type"]) == (503, "/problems/model-unreachable")
            ollama.start()
            assert ready() == (200, "mini-q4_k_m")
            assert client.post("/query", json={"query": "킥인은 몇 초야?"}).status_code == 200
            metrics = client.get("/metrics")
            assert metrics.headers["content-type"].startswith("text/plain; version=")
            assert "futfut_prompt_count_disagreements_total 0.0" in metrics.text
            server.run(generator.close())
