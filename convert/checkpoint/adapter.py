"""Open a LoRA adapter as peft saves it: a folder of adapter_config.json and adapter_model.safetensors.

The layout: https://huggingface.co/docs/peft/developer_guides/checkpoint. Whatever an adapter may hold beside
low-rank updates of linear layers is refused by name, never left out.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from convert.checkpoint.adapter_config import MERGE_THERE, AdapterConfig, config_problems
from convert.checkpoint.listing import listed
from convert.checkpoint.low_rank import LowRank
from convert.checkpoint.safetensors import UnreadTensor, read_header
from convert.checkpoint.tensor import StoredTensor, Tensor
from convert.errors import AdapterError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PICKLE = "adapter_model.bin"
_PICKLED = (
    f"its weights are a pickle ({_PICKLE}), which can run any program while it is loaded: "
    f"save it again with peft's save_pretrained(…, safe_serialization=True)"
)

SAVE_AGAIN = "fetch it again, or save it again where it was trained"

_PAIR = ("A", "B")
_FACTOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<factor>[AB])\.weight")

# What else peft may have saved, told by the end of its name.
_OTHER_TENSORS = (
    (re.compile(r"\.lora_embedding_[AB]$"), "it adapts embeddings"),
    (re.compile(r"\.lora_magnitude_vector(\.weight)?$"), "it is a DoRA"),
    (re.compile(r"\.lora_[AB]\.bias$"), "it trained biases"),
    (re.compile(r""), "it holds whole weights"),
)


class Adapter(msgspec.Struct, frozen=True):
    """A LoRA adapter; `updates` has each low-rank update under the name of the base's weight it is for.

    `alpha` is that of updates without a pattern of their own. `base_repository` is None where the config
    names a local folder. `without_weights` are layers that the config lists and that nothing is there for.
    """

    folder: Path
    alpha: float
    updates: Mapping[str, LowRank]
    base_repository: str | None
    base_revision: str | None
    without_weights: tuple[str, ...] = ()


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, and not whole weights (beside which an adapter may lie, merged)."""
    whole = (*folder.glob("model*.safetensors"), *folder.glob("pytorch_model*.bin"))
    return (folder / CONFIG).is_file() and not whole


def open_adapter(folder: Path) -> Adapter:
    """Read an adapter's config and its weights' places; no weight is read yet.

    Raises:
        AdapterError: it is no LoRA adapter that we compute exactly as peft does; lists every reason.
    """
    config = _open_config(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        raise AdapterError(
            folder, [_PICKLED if (folder / _PICKLE).is_file() else f"it has no {WEIGHTS}: fetch it again"]
        )
    stored = _stored(folder, path)
    factors, problems = _factors(stored)
    problems += _unpaired(factors)
    updates = {
        module: LowRank(pair["A"], pair["B"], config.alpha(module))
        for module, pair in factors.items()
        if len(pair) == len(_PAIR)
    }
    problems += _misshaped(config, updates)
    if not stored:
        problems.append(f"{WEIGHTS} holds no weights: {SAVE_AGAIN}")
    if problems:
        raise AdapterError(folder, problems)
    return Adapter(
        folder=folder,
        alpha=config.default_alpha,
        updates={f"{module}.weight": update for module, update in updates.items()},
        base_repository=config.base_repository,
        base_revision=config.revision,
        without_weights=_without_weights(config, factors),
    )


def _open_config(folder: Path) -> AdapterConfig:
    path = folder / CONFIG
    try:
        values: Any = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise AdapterError(folder, [f"it has no {CONFIG}: name the folder that peft saved"]) from error
    except ValueError as error:
        raise AdapterError(folder, [f"{CONFIG} is broken, fetch it again ({error})"]) from error
    return checked_config(folder, values)


def checked_config(folder: Path, values: object) -> AdapterConfig:
    """What an adapter_config.json holds, if it asks for nothing that we don't compute.

    Args:
        folder: where it lies, or what else an error is to name.
        values: its content.

    Raises:
        AdapterError: it isn't one, or asks for more; lists every reason.
    """
    if not isinstance(values, dict):
        raise AdapterError(folder, [f"{CONFIG} is broken, fetch it again (it is no object)"])
    if problems := config_problems(values):
        raise AdapterError(folder, problems)
    try:
        return msgspec.convert(values, AdapterConfig)
    except msgspec.ValidationError as error:
        raise AdapterError(folder, [f"{CONFIG} isn't as peft writes it ({error})"]) from error


def _stored(folder: Path, path: Path) -> dict[str, StoredTensor]:
    try:
        header = read_header(path)
    except ValueError as error:
        raise AdapterError(folder, [f"{path.name}: {error}. Fetch it again"]) from error
    if unread := [each for each in header.values() if isinstance(each, UnreadTensor)]:
        kinds = ", ".join(sorted({each.dtype for each in unread}))
        names = listed(each.name for each in unread)
        raise AdapterError(
            folder, [f"it holds tensors of {kinds}, expected BF16, F16 or F32: {names}. {SAVE_AGAIN}"]
        )
    return {name: each for name, each in header.items() if isinstance(each, StoredTensor)}


def _factors(stored: Mapping[str, Tensor]) -> tuple[dict[str, dict[str, Tensor]], list[str]]:
    """A and B of each module, and what is wrong with all other tensors."""
    factors: dict[str, dict[str, Tensor]] = {}
    others: dict[str, list[str]] = {}
    for name, tensor in stored.items():
        if found := _FACTOR.fullmatch(name):
            factors.setdefault(found["module"], {})[found["factor"]] = tensor
        else:
            why = next(why for pattern, why in _OTHER_TENSORS if pattern.search(name))
            others.setdefault(why, []).append(name)
    return factors, [f"{why} ({listed(names)}): {MERGE_THERE}" for why, names in others.items()]


def _unpaired(factors: Mapping[str, Mapping[str, Tensor]]) -> list[str]:
    lacking = {factor: [name for name, pair in factors.items() if factor not in pair] for factor in _PAIR}
    return [
        f"lora_{factor} is missing of {listed(modules)}: {SAVE_AGAIN}"
        for factor, modules in lacking.items()
        if modules
    ]


def _misshaped(config: AdapterConfig, updates: Mapping[str, LowRank]) -> list[str]:
    wrong: dict[str, list[str]] = {}
    for module, update in updates.items():
        a, b, rank = update.a.shape, update.b.shape, config.rank(module)
        if not (len(a) == len(b) == len(_PAIR) and a[0] == b[1] == rank):
            shapes = f"lora_A {list(a)} and lora_B {list(b)}, not [{rank}, inputs] and [outputs, {rank}]"
            wrong.setdefault(shapes, []).append(module)
    return [
        f"{listed(modules)} has {shapes}: use the {CONFIG} that was saved with these weights"
        for shapes, modules in wrong.items()
    ]


def _without_weights(config: AdapterConfig, modules: Iterable[str]) -> tuple[str, ...]:
    targets = config.target_modules if isinstance(config.target_modules, list) else []
    held = [f".{module}" for module in modules]
    return tuple(target for target in targets if not any(module.endswith(f".{target}") for module in held))
