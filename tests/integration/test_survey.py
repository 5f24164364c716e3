"""What is found out before a plan is made: from folders, from the hub, from what earlier runs left."""

import json
from pathlib import Path
from typing import Any

import pytest

from convert.errors import CheckpointError, HubUnreachableError, NoBaseError, SnapshotError
from convert.fetching.snapshot import fetch_snapshot
from convert.fetching.where_from import HubRepository, LocalFolder
from convert.pipeline.order import Place
from convert.pipeline.plan import Task
from convert.pipeline.survey import survey
from convert.recipe import remember_recipe
from modelfiles.progress import Unseen
from tests.hub_server import Hub
from tests.sample_repository import FIRST, SHARDS, repository

CONFIG = {
    "architectures": ["MistralForCausalLM"],
    "hidden_size": 16,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "vocab_size": 100,
}
WEIGHTS = 2 * 100 * 16 + 2 * (2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 32 + 2 * 16) + 16
MODEL = HubRepository("org/name")


def model(**changed: Any) -> dict[str, bytes]:
    return repository() | {"config.json": json.dumps(CONFIG | changed).encode()}


def adapter(base: str | None) -> dict[str, bytes]:
    config = {"peft_type": "LORA", "base_model_name_or_path": base}
    return {"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": bytes(500)}


def written(folder: Path, files: dict[str, bytes]) -> LocalFolder:
    folder.mkdir(parents=True)
    for name, content in files.items():
        if "/" not in name:
            (folder / name).write_bytes(content)
    return LocalFolder(folder)


def surveyed(place: Place, home: Path, base: Place | None = None) -> Task:
    return survey(
        place,
        base,
        home,
        name="small",
        exact="f16",
        levels=("q4_k_m", "q8_0"),
        registers=True,
        cores=2,
        progress=Unseen(),
    )


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """The hub holds the sample repository, with a config that can be converted."""
    hub.push(FIRST, model())
    return hub


def test_a_repository_is_known_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """Weights from its config, bytes from its listing; nothing has been written or fetched."""
    task = surveyed(MODEL, tmp_path / "home")
    assert task.weights == WEIGHTS
    assert task.checkpoint_size == 80_000
    assert task.to_fetch == 80_000 + sum(
        len(model()[name])
        for name in (
            "config.json", "LICENSE.txt", "README.md", "generation_config.json",
            "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json",
        )
    )  # fmt: skip
    assert not (tmp_path / "home").exists()
    assert hub.gets(".safetensors") == []


def test_what_has_been_fetched_costs_nothing(hub: Hub, tmp_path: Path) -> None:
    """Neither at a commit, nor at a branch whose hub can't be asked any more."""
    folder = tmp_path / "checkpoints" / "org" / "name"
    fetch_snapshot("org/name", "main", folder, progress=Unseen())
    assert surveyed(MODEL, tmp_path).to_fetch == 0
    hub.status = 503
    assert surveyed(MODEL, tmp_path).to_fetch == 0
    assert surveyed(HubRepository("org/name", FIRST), tmp_path).to_fetch == 0
    (folder / SHARDS[0]).unlink()
    with pytest.raises(HubUnreachableError):
        surveyed(MODEL, tmp_path)


def test_a_folder_has_nothing_to_fetch(tmp_path: Path) -> None:
    """There isn't even a step for it."""
    task = surveyed(written(tmp_path / "tuned", model()), tmp_path)
    assert (task.weights, task.to_fetch) == (WEIGHTS, None)


def test_levels_that_are_there(hub: Hub, tmp_path: Path) -> None:
    """A file that was made here counts, one that was put there or changed doesn't; new weights void all."""
    place = written(tmp_path / "tuned", model())
    models = tmp_path / "models"
    models.mkdir()
    for level in ("f16", "q4_k_m", "q8_0"):
        (models / f"small-{level}.gguf").touch()
    for level in ("f16", "q4_k_m"):
        remember_recipe(models / f"small-{level}.gguf", {"made": "here"})
    (models / "small-q4_k_m.gguf").write_bytes(b"changed")
    assert surveyed(place, tmp_path).fresh == {"f16"}
    assert surveyed(MODEL, tmp_path).fresh == frozenset()
    assert hub.gets(".safetensors") == []


def test_an_adapter_brings_its_base(hub: Hub, tmp_path: Path) -> None:
    """The model is the base's, and so is what has to be fetched; a base of one's own goes before it."""
    tuned = written(tmp_path / "lora", adapter("org/name"))
    task = surveyed(tuned, tmp_path)
    assert (task.weights, task.checkpoint_size) == (WEIGHTS, 80_500)
    assert task.to_fetch is not None
    assert task.to_fetch > 80_000
    own = written(tmp_path / "base", model(vocab_size=200))
    assert surveyed(tuned, tmp_path, own).weights == WEIGHTS + 2 * 100 * 16
    hub.push(FIRST, adapter(None))
    task = surveyed(MODEL, tmp_path, own)
    assert (task.checkpoint_size, task.to_fetch) == (
        sum(file.stat().st_size for file in own.folder.glob("*.safetensors")) + 500,
        sum(map(len, adapter(None).values())),
    )
    with pytest.raises(NoBaseError):
        surveyed(MODEL, tmp_path)


def test_what_cannot_be_converted_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """By the config alone; the error names the repository, or the folder."""
    strange = model(architectures=["GPT2LMHeadModel"])
    hub.push(FIRST, strange)
    with pytest.raises(SnapshotError, match="org/name@main can't be fetched: its architecture is GPT2LMHead"):
        surveyed(MODEL, tmp_path)
    assert hub.gets(".safetensors") == []
    with pytest.raises(CheckpointError, match=r"its architecture is GPT2LMHeadModel.*converted here\."):
        surveyed(written(tmp_path / "a", strange), tmp_path)
    with pytest.raises(CheckpointError, match=r"its config\.json isn't JSON"):
        surveyed(written(tmp_path / "b", strange | {"config.json": b"{"}), tmp_path)
