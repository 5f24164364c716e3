"""Adapters on tiny checkpoints, as cases that the reference converter and ours must make the same of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.tiny_adapter import Modules, TinyAdapter, write_adapter
from tests.tiny_checkpoint import CASES as CHECKPOINTS
from tests.tiny_checkpoint import StoredType, tensor_shapes, write_tiny_checkpoint

LINEAR = ("_proj",)
CARD = """---
license: apache-2.0
base_model: futfut/Tiny-Base-2B
language: ko
---
# 풋풋이
"""


@dataclass(frozen=True, slots=True)
class AdapterCase:
    """An adapter of a tiny checkpoint, by its name, on the layers whose names end with `targets`."""

    checkpoint: str
    output: Literal["f16", "bf16", "f32"] = "f32"
    targets: tuple[str, ...] = LINEAR
    rank: int = 4
    ranks: Mapping[str, int] = field(default_factory=dict)
    stored_as: StoredType = "F32"
    card: str | None = None


CASES: dict[str, AdapterCase] = {
    "llama3-lora": AdapterCase("tiny-llama-3.1-1b-instruct", stored_as="BF16", card=CARD),
    "llama-wide-heads": AdapterCase("llama3-tied-f32", targets=("q_proj", "k_proj", "v_proj", "o_proj")),
    "zephyr-f16-lora": AdapterCase("zephyr-bf16", "f16", rank=16, stored_as="BF16"),
    "qwen2-lora": AdapterCase("Qwen2.5-Tiny-0.5B-f32", stored_as="F16"),
    "qwen2-bf16-with-output": AdapterCase("Qwen2.5-Tiny-0.5B-f32", "bf16", targets=(*LINEAR, "lm_head")),
    "ranks-by-layer": AdapterCase(
        "zephyr-bf16",
        targets=("q_proj", "down_proj"),
        ranks={"model.layers.0.mlp.down_proj": 8, "model.layers.1.self_attn.q_proj": 2},
    ),
}


def write_case(name: str, folder: Path) -> tuple[Path, Path]:
    """Write a case's checkpoint and adapter into `folder`; returns both folders."""
    case = CASES[name]
    base = write_tiny_checkpoint(folder / case.checkpoint, CHECKPOINTS[case.checkpoint])
    adapter = write_adapter(
        folder / name,
        TinyAdapter(
            modules_of(base, case.checkpoint, case.targets),
            rank=case.rank,
            ranks=case.ranks,
            stored_as=case.stored_as,
            config={"rank_pattern": case.ranks, "base_model_name_or_path": "futfut/Tiny-Base-2B"},
        ),
    )
    if case.card is not None:
        (adapter / "README.md").write_text(case.card, encoding="utf-8")
    return base, adapter


def modules_of(base: Path, checkpoint: str, targets: tuple[str, ...] = LINEAR) -> Modules:
    """The layers of a tiny checkpoint in `base` whose names end with `targets`, and their shapes."""
    vocabulary = json.loads((base / "config.json").read_bytes())["vocab_size"]
    shapes = tensor_shapes(CHECKPOINTS[checkpoint], vocabulary)
    return {
        name.removesuffix(".weight"): (shape[0], shape[1])
        for name, shape in shapes.items()
        if name.removesuffix(".weight").endswith(targets) and len(shape) == 2
    }


@dataclass(frozen=True, slots=True)
class ScaleCase:
    """What decides an adapter's scales, on zephyr-bf16: settings, and ranks where these change them."""

    config: Mapping[str, Any]
    ranks: Mapping[str, int] = field(default_factory=dict)


UP_PROJECTIONS = {f"model.layers.{layer}.mlp.up_proj": 16 for layer in range(2)}
SCALE_CASES: dict[str, ScaleCase] = {
    "plain": ScaleCase({}),
    "rslora": ScaleCase({"use_rslora": True}),
    "rslora-and-patterns": ScaleCase(
        {"use_rslora": True, "rank_pattern": {"mlp.up_proj": 16}, "alpha_pattern": {"q_proj": 3}},
        UP_PROJECTIONS,
    ),
    "first-pattern-decides": ScaleCase(
        {"alpha_pattern": {"q_proj": 3, r"layers\.1\.mlp\.down_proj": 16, "proj": 5, ".*_proj": 7}}
    ),
}


def write_scale_case(name: str, folder: Path) -> tuple[Path, Path]:
    """Write a case's checkpoint and adapter into `folder`; returns both folders."""
    case = SCALE_CASES[name]
    base = write_tiny_checkpoint(folder / "base", CHECKPOINTS["zephyr-bf16"])
    spec = TinyAdapter(modules_of(base, "zephyr-bf16"), ranks=case.ranks, config=case.config)
    return base, write_adapter(folder / name, spec)
