"""An adapter's adapter_config.json: how strong each update is, and whether we compute all that it asks for.

The format is peft's `LoraConfig` (https://huggingface.co/docs/peft/package_reference/lora). peft adds
settings with nearly every release; each one is known here to leave the result as it is, or must be unset.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

MERGE_THERE = (
    "merge it where it was trained (peft's merge_and_unload, then save_pretrained of model and tokenizer) "
    "and convert that folder"
)

# Settings under which an adapted layer computes something else than base + scale·B·A, with why.
_COMPUTES_OTHERWISE = {
    "use_dora": "it is a DoRA, which scales rows of the merged weight",
    "lora_bias": "it trained biases of B",
    "modules_to_save": "it trained whole layers beside the low-rank ones",
    "trainable_token_indices": "it trained single rows of the embeddings",
    "target_parameters": "it adapts parameters that are no linear layers",
    "fan_in_fan_out": "its base keeps weights transposed",
    "layer_replication": "it repeats the base's layers",
    "alora_invocation_tokens": "it is an activated LoRA, which works only behind certain tokens",
}

# Settings that say how it was trained, or where; none of them changes what a trained adapter computes.
_OF_TRAINING = {
    *("peft_type", "peft_version", "task_type", "auto_mapping", "inference_mode", "runtime_config"),
    *("base_model_name_or_path", "revision"),
    *("r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "lora_dropout"),
    *("loftq_config", "eva_config", "corda_config", "lora_ga_config"),
    *("megatron_core", "qalora_group_size", "ensure_weight_tying"),
}

# Ways to begin training that leave the base's weights as they are; others (pissa, olora, loftq, corda …) take
# out of them what the adapter starts with.
_GENTLE_STARTS = (None, True, False, "gaussian", "eva", "orthogonal", "mica")

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

_Rank = Annotated[int, Meta(gt=0)]
_Value = TypeVar("_Value")


class AdapterConfig(msgspec.Struct, frozen=True):
    """The settings that decide an update's strength, and where the adapter belongs."""

    r: _Rank
    # llama.cpp reads an alpha of 0 as "unscaled", peft as "switched off"; nobody trains with it.
    lora_alpha: Annotated[float, Meta(gt=0)]
    use_rslora: bool = False
    rank_pattern: dict[str, _Rank] | None = None
    alpha_pattern: dict[str, Annotated[float, Meta(gt=0)]] | None = None
    target_modules: list[str] | str | None = None
    base_model_name_or_path: str | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        for pattern in (*(self.rank_pattern or {}), *(self.alpha_pattern or {})):
            try:
                re.compile(pattern)
            except re.error as error:
                # msgspec makes a ValidationError of it.
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error

    def rank(self, module: str) -> int:
        """The rank that a module such as `model.layers.0.self_attn.q_proj` was adapted with."""
        return _of_pattern(self.rank_pattern, module, self.r)

    def alpha(self, module: str) -> float:
        """A module's scale times its rank; rsLoRA's scale is alpha/√rank (https://arxiv.org/abs/2312.03732)."""
        return self._alpha(_of_pattern(self.alpha_pattern, module, self.lora_alpha), self.rank(module))

    @property
    def default_alpha(self) -> float:
        """The same, of a module that no pattern is meant for."""
        return self._alpha(self.lora_alpha, self.r)

    def _alpha(self, alpha: float, rank: int) -> float:
        return alpha * math.sqrt(rank) if self.use_rslora else alpha

    @property
    def base_repository(self) -> str | None:
        """The base's repository on the hub; None if a local folder is named, or nothing."""
        named = self.base_model_name_or_path or ""
        return named if _REPOSITORY.fullmatch(named) else None


def config_problems(config: Mapping[str, Any]) -> list[str]:
    """What an adapter_config.json asks for that we don't compute, each with what to do."""
    kind = config.get("peft_type")
    if kind != "LORA":
        return [f"its peft_type is {kind!r}, and only LORA can be merged or served: {MERGE_THERE}"]
    problems = [
        f"{why} ({setting}): {MERGE_THERE}"
        for setting, why in _COMPUTES_OTHERWISE.items()
        if config.get(setting)
    ]
    if config.get("bias", "none") != "none":
        problems.append(f"it trained biases of the base (bias is {config['bias']!r}): {MERGE_THERE}")
    start = config.get("init_lora_weights")
    if start not in _GENTLE_STARTS:
        problems.append(
            f"it was begun with init_lora_weights {start!r}, which changes the base: "
            f"save it with peft's path_initial_model_for_weight_conversion"
        )
    known = {*_COMPUTES_OTHERWISE, *_OF_TRAINING, "bias", "init_lora_weights"}
    unknown = sorted(setting for setting, value in config.items() if value and setting not in known)
    if unknown:
        problems.append(
            f"its config sets {', '.join(unknown)}, which may change what it computes: {MERGE_THERE}"
        )
    return problems


def _of_pattern(pattern: Mapping[str, _Value] | None, module: str, default: _Value) -> _Value:
    """The first pattern that a module's name ends with decides, as in peft's `get_pattern_key`."""
    for key, value in (pattern or {}).items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return default
