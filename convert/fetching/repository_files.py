"""Which files of a repository are needed, decided by their names alone."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

import msgspec

INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
_MODEL = "model.safetensors"
_ADAPTER = "adapter_model.safetensors"

# What the converter reads, and what whoever passes a model on must pass on with it.
_BESIDE_WEIGHTS = (
    CONFIG,
    ADAPTER_CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "README.md",
    "LICENSE*",
)
_TEMPLATES = "additional_chat_templates/*.jinja"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_TRAINING = {"training_args.bin", "optimizer.pt", "scheduler.pt"}


class RemoteFile(msgspec.Struct, frozen=True):
    """A file of a repository at a commit: its size in bytes, and what tells its bytes from others'.

    `blob_id` is git's: of a large file it names only the pointer to it, and `sha256` the bytes.
    """

    name: str
    size: int
    blob_id: str
    sha256: str | None = None

    @property
    def digest(self) -> str:
        """The hash of the file's own bytes: sha256 (64 digits), else git's blob id (40)."""
        return self.sha256 or self.blob_id


class SnapshotPlan(msgspec.Struct, frozen=True):
    """A repository at a commit, and what of it is needed.

    `config` is its config.json, `adapter` its adapter_config.json; None where it has none. `parameters` is
    the number of weights that the hub has counted in it, None if it hasn't.
    """

    repository: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]
    config: dict[str, Any] | None = None
    adapter: dict[str, Any] | None = None
    parameters: int | None = None
    license: str | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def has_whole_weights(self) -> bool:
        """Whether it holds a model, and not an adapter alone."""
        return any(file.name.endswith(".safetensors") and file.name != _ADAPTER for file in self.files)

    @property
    def weights_size(self) -> int:
        """Bytes of the files that hold weights."""
        return sum(file.size for file in self.files if file.name.endswith(".safetensors"))


def problems(names: Sequence[str]) -> list[str]:
    """Why a repository with these files can't be used, each with what to do; nothing if it can."""
    found = [f"it names a file outside of itself ({name!r}): don't use it" for name in names if _leaves(name)]
    if CONFIG not in names and ADAPTER_CONFIG not in names:
        found.append("it has neither a config.json nor an adapter_config.json: it isn't a model's repository")
    top = [name for name in names if "/" not in name]
    if not any(name.endswith(".safetensors") for name in top):
        found.append(_without_weights(top))
    return found


def needed(names: Sequence[str], index: Mapping[str, Any] | None) -> list[str]:
    """The files to take, in their order: small ones first, then the weights.

    Args:
        names: all files of the repository.
        index: what its `model.safetensors.index.json` holds (tensor → shard in `weight_map`), if it has one.

    Raises:
        ValueError: the index isn't one, or names shards that the repository doesn't have.
    """
    top = sorted(name for name in names if "/" not in name and not _leaves(name))
    beside = [name for name in top if any(fnmatchcase(name, pattern) for pattern in _BESIDE_WEIGHTS)]
    beside += sorted(name for name in names if fnmatchcase(name, _TEMPLATES) and not _leaves(name))
    weights = [name for name in top if name.endswith(".safetensors")]
    if index is not None:
        shards = _shards(index)
        if absent := shards - set(weights):
            raise ValueError(f"its {INDEX} names {', '.join(sorted(absent))}, which it doesn't have")
        return [*beside, INDEX, *(name for name in weights if name in shards or name == _ADAPTER)]
    if _MODEL in weights:
        # Beside it lie the same weights in other forms, such as Mistral's consolidated.safetensors.
        weights = [name for name in weights if name in {_MODEL, _ADAPTER}]
    return [*beside, *weights]


def _shards(index: Mapping[str, Any]) -> set[str]:
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise ValueError(f"its {INDEX} has no weight_map")
    return set(weight_map.values())


def _leaves(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable()


def _without_weights(top: Sequence[str]) -> str:
    candidates = [name for name in top if name not in _TRAINING]
    pickles = [name for name in candidates if any(fnmatchcase(name, pattern) for pattern in _PICKLES)]
    if pickles:
        return (
            f"its weights are pickles ({', '.join(pickles[:3])}), which can run code while they are read: "
            f"save the model again with save_pretrained(…, safe_serialization=True), and upload that"
        )
    if any(name.endswith(".gguf") for name in top):
        return "it holds finished GGUF files: nothing is to be converted, register one with a Modelfile"
    return "it holds no weights (*.safetensors)"
