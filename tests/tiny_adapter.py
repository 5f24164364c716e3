"""LoRA adapters as peft saves them, small and the same every time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tests.tiny_checkpoint import StoredType, stored_bytes, values, write_safetensors

# Linear layers by name, without `.weight`, and the shape of each one's weight: (outputs, inputs).
Modules = Mapping[str, tuple[int, int]]

# What makes the variance of `values` 1.
_UNIT = np.float32(np.sqrt(48))


@dataclass(frozen=True, slots=True)
class TinyAdapter:
    """What an adapter is like. `ranks` has those that differ; `config` is laid over peft's defaults.

    An update's outputs are about `strength` times as large as its inputs, before alpha/rank.
    """

    modules: Modules
    rank: int = 4
    alpha: float = 8
    ranks: Mapping[str, int] = field(default_factory=dict)
    strength: float = 0.5
    stored_as: StoredType = "F32"
    config: Mapping[str, Any] = field(default_factory=dict)


def write_adapter(folder: Path, spec: TinyAdapter) -> Path:
    """Write an adapter folder."""
    factors: dict[str, NDArray[np.float32]] = {}
    for module, (outputs, inputs) in spec.modules.items():
        rank = spec.ranks.get(module, spec.rank)
        a, b = factor_name(module, "A"), factor_name(module, "B")
        factors[a] = values(a, (rank, inputs)) * (_UNIT / np.float32(np.sqrt(inputs)))
        factors[b] = values(b, (outputs, rank)) * (_UNIT * np.float32(spec.strength / np.sqrt(rank)))
    folder.mkdir(parents=True, exist_ok=True)
    write_factors(folder, factors, spec.stored_as)
    targets = sorted({module.rpartition(".")[2] for module in spec.modules})
    write_config(folder, r=spec.rank, lora_alpha=spec.alpha, target_modules=targets, **spec.config)
    return folder


def write_factors(
    folder: Path, factors: Mapping[str, NDArray[np.float32]], stored_as: StoredType = "F32"
) -> None:
    """Write adapter_model.safetensors with tensors by name."""
    write_safetensors(
        folder / "adapter_model.safetensors",
        {name: stored_bytes(factor, stored_as) for name, factor in factors.items()},
        {name: factor.shape for name, factor in factors.items()},
        stored_as,
    )


def write_config(folder: Path, **settings: Any) -> None:
    """Write adapter_config.json with what peft writes for a plain LoRA, but for `settings`."""
    config: dict[str, Any] = {
        "alora_invocation_tokens": None,
        "alpha_pattern": {},
        "arrow_config": None,
        "auto_mapping": None,
        "base_model_name_or_path": None,
        "bias": "none",
        "corda_config": None,
        "ensure_weight_tying": False,
        "eva_config": None,
        "exclude_modules": None,
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "layer_replication": None,
        "layers_pattern": None,
        "layers_to_transform": None,
        "loftq_config": {},
        "lora_alpha": 8,
        "lora_bias": False,
        "lora_dropout": 0.05,
        "megatron_config": None,
        "megatron_core": "megatron.core",
        "modules_to_save": None,
        "peft_type": "LORA",
        "peft_version": "0.18.0",
        "qalora_group_size": 16,
        "r": 4,
        "rank_pattern": {},
        "revision": None,
        "target_modules": None,
        "target_parameters": None,
        "task_type": "CAUSAL_LM",
        "trainable_token_indices": None,
        "use_dora": False,
        "use_qalora": False,
        "use_rslora": False,
    }
    (folder / "adapter_config.json").write_text(json.dumps({**config, **settings}, indent=2))


def factor_name(module: str, factor: Literal["A", "B"]) -> str:
    """What peft calls a module's A or B in adapter_model.safetensors."""
    return f"base_model.model.{module}.lora_{factor}.weight"
