"""Weight files that are cut, missing, of the wrong kind or at odds with each other are refused by name."""

import shutil
from pathlib import Path

import pytest

from tests.spoiled_checkpoint import change, change_header, refusal
from tests.tiny_checkpoint import TinyCheckpoint, write_tiny_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Llama in one file."""
    return write_tiny_checkpoint(tmp_path / "model")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """A Llama in three files."""
    return write_tiny_checkpoint(tmp_path / "model", TinyCheckpoint(shards=3))


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pth"])
def test_pickles(folder: Path, pickle: str) -> None:
    """Pickles are never opened."""
    (folder / "model.safetensors").rename(folder / pickle)
    message = refusal(folder)
    assert "pickles" in message
    assert "safe_serialization" in message


def test_no_weights(folder: Path) -> None:
    """A folder with everything but weights says which are looked for."""
    (folder / "model.safetensors").unlink()
    assert "model.safetensors" in refusal(folder)


@pytest.mark.parametrize("left", [0, 7, 8, 100, -1, -4096])
def test_truncated(folder: Path, left: int) -> None:
    """A file that was cut short anywhere is found out before a weight is read."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    assert "Fetch it again" in refusal(folder)


def test_longer_than_it_says(folder: Path) -> None:
    """So is one with more behind its last tensor."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes() + bytes(1))
    assert "longer than its header says" in refusal(folder)


def test_no_header(folder: Path) -> None:
    """A web page that was saved in a file's place isn't taken for one."""
    (folder / "model.safetensors").write_text("<!DOCTYPE html><html>Sign in</html>")
    assert "no safetensors file" in refusal(folder)


def test_offsets_that_dont_add_up(folder: Path) -> None:
    """A tensor whose bytes aren't as many as its shape needs is named."""
    change_header(folder / "model.safetensors", lambda header: header["lm_head.weight"].update(shape=[1, 64]))
    assert "lm_head.weight" in refusal(folder)


def test_missing_shards(sharded: Path) -> None:
    """Every shard that isn't there is named."""
    for number in (1, 3):
        (sharded / f"model-0000{number}-of-00003.safetensors").unlink()
    message = refusal(sharded)
    assert "model-00001-of-00003.safetensors is missing" in message
    assert "model-00003-of-00003.safetensors is missing" in message


def test_missing_index(sharded: Path) -> None:
    """Shards without their index could be any of them: it is asked for."""
    (sharded / "model.safetensors.index.json").unlink()
    assert "model.safetensors.index.json is missing" in refusal(sharded)


@pytest.mark.parametrize("content", ["{", '{"weight_map": []}'])
def test_broken_index(sharded: Path, content: str) -> None:
    """An index that can't be read is to be fetched again."""
    (sharded / "model.safetensors.index.json").write_text(content)
    assert "Fetch it again" in refusal(sharded)


def test_index_out_of_the_folder(sharded: Path) -> None:
    """An index can't have files read that lie elsewhere."""
    index = sharded / "model.safetensors.index.json"
    change(index, lambda content: content["weight_map"].update({"lm_head.weight": "../secret.safetensors"}))
    assert "outside of the folder" in refusal(sharded)


def test_index_disagrees(sharded: Path) -> None:
    """An index that knows fewer tensors than its files belongs to another checkpoint."""
    change(
        sharded / "model.safetensors.index.json", lambda content: content["weight_map"].pop("lm_head.weight")
    )
    assert "lm_head.weight" in refusal(sharded)


def test_tensor_twice(sharded: Path) -> None:
    """Two files that hold the same tensor are refused: either could be the right one."""
    shutil.copyfile(
        sharded / "model-00001-of-00003.safetensors", sharded / "model-00002-of-00003.safetensors"
    )
    assert "another file holds too" in refusal(sharded)


@pytest.mark.parametrize("dtype", ["U8", "I8", "I32", "F8_E4M3"])
def test_quantized_by_numbers(folder: Path, dtype: str) -> None:
    """So is one that holds numbers which no weight is trained in."""
    name = "model.layers.1.mlp.up_proj.weight"
    change_header(folder / "model.safetensors", lambda header: header[name].update(dtype=dtype))
    message = refusal(folder)
    assert dtype in message
    assert "model.layers.{1}.mlp.up_proj.weight" in message
