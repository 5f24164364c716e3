"""What is found out before a plan is made: from folders, from the hub, from what earlier runs left."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from convert.errors import AdapterError, CheckpointError, HubUnreachableError, NoBaseError, SnapshotError
from convert.fetching.snapshot import fetch_snapshot, snapshot_size
from convert.fetching.where_from import HubRepository, LocalFolder
from convert.pipeline.means import Means
from convert.pipeline.order import Order, Place
from convert.pipeline.plan import Task
from convert.pipeline.survey import room_left, survey
from convert.quantize.quantize import quantize
from convert.to_gguf.make import make_gguf
from convert.verify.windows import Sample
from modelfiles.progress import Unseen
from tests.hub_server import Hub
from tests.sample_repository import FIRST
from tests.tiny_adapter import TinyAdapter, write_adapter
from tests.tiny_checkpoint import TinyCheckpoint, write_tiny_checkpoint

SPEC = TinyCheckpoint("MistralForCausalLM", "sentencepiece", shards=2)
ADAPTER = {"model.layers.0.self_attn.q_proj": (64, 64)}
WEIGHTS = 2 * 1005 * 64 + 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96 + 2 * 64) + 64
MODEL = HubRepository("org/name")


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def size_of(files: dict[str, bytes]) -> int:
    return sum(len(content) for name, content in files.items() if name.endswith(".safetensors"))


def model(folder: Path, **changed: object) -> LocalFolder:
    """A checkpoint whose config says something else."""
    write_tiny_checkpoint(folder, replace(SPEC, config=changed))
    return LocalFolder(folder)


def adapter(folder: Path, base: str | None) -> LocalFolder:
    write_adapter(folder, TinyAdapter(ADAPTER, config={"base_model_name_or_path": base}))
    return LocalFolder(folder)


def ordered(place: Place, home: Path, base: Place | None = None) -> tuple[Order, Means]:
    order = Order(
        model="small", name="small", place=place, base=base, levels=("q4_k_m", "q8_0"), output="f16"
    )
    return order, Means(home=home, text=Path("corpus"), sample=Sample(), threads=2)


def surveyed(place: Place, home: Path, base: Place | None = None) -> Task:
    order, means = ordered(place, home, base)
    return survey(order, means, registers=True, progress=Unseen())


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """Those of a checkpoint, by name."""
    return files_of(model(tmp_path / "model").folder)


@pytest.fixture
def hub(hub: Hub, files: dict[str, bytes]) -> Hub:
    """The hub holds the checkpoint."""
    hub.push(FIRST, files)
    return hub


def test_a_repository_is_known_before_it_is_fetched(
    hub: Hub, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Weights from its config, bytes from its listing; nothing has been written or fetched."""
    task = surveyed(MODEL, tmp_path / "home")
    assert task.weights == WEIGHTS
    assert task.checkpoint_size == size_of(files)
    assert task.to_fetch == sum(map(len, files.values()))
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
    next(folder.glob("*.safetensors")).unlink()
    with pytest.raises(HubUnreachableError):
        surveyed(MODEL, tmp_path)


def test_a_folder_has_nothing_to_fetch(tmp_path: Path) -> None:
    """There isn't even a step for it."""
    task = surveyed(model(tmp_path / "tuned"), tmp_path)
    assert (task.weights, task.to_fetch) == (WEIGHTS, None)


def test_levels_that_are_there(hub: Hub, tmp_path: Path) -> None:
    """Those that were made of these very weights count; changed files and other weights don't."""
    place, models = model(tmp_path / "tuned"), tmp_path / "models"
    models.mkdir()
    source = make_gguf("small", place.folder, models, progress=Unseen())
    made = quantize(source, {"q8_0": models / "small-q8_0.gguf"}, progress=Unseen())
    assert surveyed(place, tmp_path).fresh == {"f16", "q8_0"}
    made["q8_0"].write_bytes(b"changed")
    assert surveyed(place, tmp_path).fresh == {"f16"}
    (place.folder / "generation_config.json").write_text('{"temperature": 0.1}', encoding="utf-8")
    assert surveyed(place, tmp_path).fresh == frozenset()
    assert surveyed(MODEL, tmp_path).fresh == frozenset()
    assert hub.gets(".safetensors") == []


def test_what_a_stopped_run_left_is_room(hub: Hub, files: dict[str, bytes], tmp_path: Path) -> None:
    """Parts of a snapshot needn't come again; half-made files go before they are made again."""
    del hub
    plan = snapshot_size("org/name", "main")
    shard = next(file for file in plan.files if file.name.endswith(".safetensors"))
    part = tmp_path / "checkpoints" / "org" / ".fetching" / "name" / f"{shard.digest}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(files[shard.name][:1000])
    assert surveyed(MODEL, tmp_path).to_fetch == sum(map(len, files.values())) - 1000
    half = tmp_path / "models" / ".fetching" / "small-f16.gguf" / "small-f16.gguf"
    half.parent.mkdir(parents=True)
    half.write_bytes(bytes(50_000_000))
    order, means = ordered(MODEL, tmp_path)
    assert room_left(order, means) >= shutil.disk_usage(tmp_path).free + 50_000_000 - 10_000_000


def test_an_adapter_brings_its_base(hub: Hub, files: dict[str, bytes], tmp_path: Path) -> None:
    """The model is the base's, and so is what has to be fetched; a base of one's own goes before it."""
    tuned = adapter(tmp_path / "lora", "org/name")
    lora = size_of(files_of(tuned.folder))
    task = surveyed(tuned, tmp_path)
    assert (task.weights, task.checkpoint_size) == (WEIGHTS, size_of(files) + lora)
    assert task.to_fetch == sum(map(len, files.values()))
    own = model(tmp_path / "base", intermediate_size=96)
    assert surveyed(tuned, tmp_path, own).to_fetch is None
    unnamed = files_of(adapter(tmp_path / "unnamed", None).folder)
    hub.push(FIRST, unnamed)
    task = surveyed(MODEL, tmp_path, own)
    assert (task.checkpoint_size, task.to_fetch) == (size_of(files) + lora, sum(map(len, unnamed.values())))
    with pytest.raises(NoBaseError):
        surveyed(MODEL, tmp_path)
    other = json.loads(unnamed["adapter_config.json"]) | {"use_dora": True}
    hub.push(FIRST, unnamed | {"adapter_config.json": json.dumps(other).encode()})
    with pytest.raises(AdapterError, match="it is a DoRA"):
        surveyed(MODEL, tmp_path, own)
    assert hub.gets("adapter_model.safetensors") == []


def test_what_cannot_be_converted_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """On the hub by the config alone; in a folder by all that converting it would find."""
    strange = model(tmp_path / "strange", architectures=["GPT2LMHeadModel"])
    hub.push(FIRST, files_of(strange.folder))
    with pytest.raises(SnapshotError, match="org/name@main can't be fetched: its architecture is GPT2LMHead"):
        surveyed(MODEL, tmp_path)
    hub.push(FIRST, files_of(model(tmp_path / "stranger", architectures={}).folder))
    with pytest.raises(SnapshotError, match="its architecture is none"):
        surveyed(MODEL, tmp_path)
    assert hub.gets(".safetensors") == []
    with pytest.raises(CheckpointError, match="its architecture is GPT2LMHeadModel"):
        surveyed(strange, tmp_path)
    with pytest.raises(CheckpointError, match=r"config\.json expects other shapes"):
        surveyed(model(tmp_path / "wider", intermediate_size=128), tmp_path)
    broken = adapter(tmp_path / "broken", "org/name")
    (broken.folder / "adapter_model.safetensors").unlink()
    with pytest.raises(AdapterError, match=r"has no adapter_model\.safetensors"):
        surveyed(broken, tmp_path)
