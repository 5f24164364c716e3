"""Open a checkpoint: everything that could go wrong with it later goes wrong here, all at once."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from convert.architectures import ARCHITECTURES, Architecture
from convert.checkpoint.card import read_card
from convert.checkpoint.hyperparameters import read_hyperparameters
from convert.checkpoint.listing import listed
from convert.checkpoint.shards import WeightFiles, read_weight_files
from convert.checkpoint.tensor import Tensor
from convert.checkpoint.tokenizer import Tokenizer, read_tokenizer
from convert.errors import CheckpointError

CONFIG = "config.json"
ADAPTER = "adapter_config.json"

TAKE_FULL_WEIGHTS = (
    "Quantizing again would add error to error: take the repository with the full weights (merge an adapter "
    "into those), and quantize that. If an adapter names this as its base (a QLoRA was trained on 4 bits), "
    "give the full-precision one with --base OWNER/NAME or a folder"
)

# Saved by older versions of transformers, and computed from config.json by newer ones.
_COMPUTED = (".rotary_emb.inv_freq",)


class Checkpoint(msgspec.Struct, frozen=True):
    """A checkpoint that was found to be whole.

    `tensors` are those of its architecture, by name: the output, too, if it has one, even where config.json
    says that its embeddings serve as output.
    """

    folder: Path
    architecture: str
    config: dict[str, Any]
    tensors: Mapping[str, Tensor]
    tokenizer: Tokenizer


def open_checkpoint(folder: Path) -> Checkpoint:
    """Read what a folder says of its model, and check that all of the model is there. No weight is read.

    Raises:
        CheckpointError: it isn't a checkpoint, or not one that can be converted; names every problem.
        OSError: a file can't be read.
    """
    if not folder.is_dir():
        raise CheckpointError(
            folder, ["there is no such folder. Name one with config.json and weights in it."]
        )
    config = _read_config(folder)
    try:
        architecture = architecture_of(config)
    except ValueError as error:
        raise CheckpointError(folder, [f"{error}."]) from error
    weights = read_weight_files(folder)
    problems = [*_quantized(config, weights), *weights.problems]
    try:
        sizes = read_hyperparameters(config).sizes
    except ValueError as error:
        raise CheckpointError(folder, [*problems, f"{error}."]) from error
    found = {name: each.shape for name, each in weights.tensors.items()}
    # An output of its own may lie beside embeddings that are to serve as output: see `planned`.
    has_output = architecture.output.name in found
    with_output = msgspec.structs.replace(sizes, tied=sizes.tied and not has_output)
    expected = {tensor.name: tensor.shape for tensor in architecture.tensors(with_output)}
    problems = problems or _tensor_problems(expected, found)
    tokenizer = None
    try:
        tokenizer = read_tokenizer(folder, config, sizes.vocabulary)
    except ValueError as error:
        problems.append(str(error))
    try:
        read_card(folder, sum(map(math.prod, expected.values())))
    except ValueError as error:
        problems.append(str(error))
    if problems or tokenizer is None:
        raise CheckpointError(folder, problems)
    tensors = {name: weights.tensors[name] for name in expected}
    return Checkpoint(folder, architecture.name, config, tensors, tokenizer)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        if (folder / ADAPTER).is_file():
            raise CheckpointError(
                folder,
                ["it holds an adapter (LoRA), no model. Name its base with --from, and this with --adapter."],
            )
        raise CheckpointError(
            folder, [f"there is no {CONFIG} in it: it is no checkpoint, or its fetch was cut short."]
        )
    try:
        config = json.loads(path.read_bytes())
    except ValueError as error:
        raise CheckpointError(folder, [f"{CONFIG} can't be read: {error}. Fetch it again."]) from error
    if not isinstance(config, dict):
        raise CheckpointError(folder, [f"{CONFIG} holds no object. Fetch it again."])
    return config


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """The architecture that a config.json names.

    Raises:
        ValueError: it isn't one that is converted; says what to do.
    """
    named = config.get("architectures")
    name = str(named[0]) if isinstance(named, list) and named else "none"
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(
            f"its architecture is {name}, and only {known} can be converted here. llama.cpp's own "
            f"convert_hf_to_gguf.py may know it; put the file that it makes into models/"
        )
    return ARCHITECTURES[name]


def quantized_by_config(config: Mapping[str, Any]) -> str | None:
    """What is wrong with a config.json that says that its weights are quantized; None if it doesn't."""
    if (quantization := config.get("quantization_config")) is None:
        return None
    method = quantization.get("quant_method") if isinstance(quantization, dict) else None
    return f"it is quantized already ({method or 'quantization_config in config.json'}). {TAKE_FULL_WEIGHTS}"


def _quantized(config: Mapping[str, Any], weights: WeightFiles) -> list[str]:
    """What says that weights are quantized already: the config, or numbers that no weight is trained in."""
    if problem := quantized_by_config(config):
        return [f"{problem}."]
    if weights.unread:
        kinds = ", ".join(sorted({tensor.dtype for tensor in weights.unread}))
        names = listed(tensor.name for tensor in weights.unread)
        return [f"it holds tensors of {kinds}, expected BF16, F16 or F32: {names}. {TAKE_FULL_WEIGHTS}."]
    return []


def _tensor_problems(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> list[str]:
    missing = expected.keys() - found.keys()
    extra = {name for name in found.keys() - expected.keys() if not name.endswith(_COMPUTED)}
    misshaped = {
        name: f"{list(found[name])}, not {list(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    }
    problems = []
    if missing:
        problems.append(f"tensors are missing: {listed(missing)}. Fetch or save it again, whole.")
    if extra:
        problems.append(
            f"it has tensors that its architecture doesn't know: {listed(extra)}. It isn't what config.json "
            f"says it is; merge adapters and drop added heads before saving."
        )
    for shapes in sorted(set(misshaped.values())):
        names = listed(name for name, each in misshaped.items() if each == shapes)
        problems.append(
            f"config.json expects other shapes ({shapes}) of: {names}. They don't belong together."
        )
    return problems
