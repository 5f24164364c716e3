"""Tiny checkpoints as Hugging Face's libraries save them: every architecture and every tokenizer kind.

Each is the same to the last bit wherever and whenever it is written: its weights come of integer arithmetic,
and its tokenizer is kept as data. The format of the weights is written here by hand, from its
description (https://huggingface.co/docs/safetensors/index#format), not by the code that the tests are about.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tests.tiny_tokenizer import CHATML, SPECIAL_IDS, TokenizerKind, write_tokenizer

Architecture = Literal["LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM"]
StoredType = Literal["BF16", "F16", "F32"]

_MODEL_TYPES: dict[Architecture, str] = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
}
_SPARE_IDS = 3  # embeddings without a token, as published models have them

LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}


@dataclass(frozen=True, slots=True)
class TinyCheckpoint:
    """What a checkpoint is like. `config` is laid over the config.json that follows from the rest."""

    architecture: Architecture = "LlamaForCausalLM"
    tokenizer: TokenizerKind = "llama3"
    stored_as: StoredType = "BF16"
    tied: bool = False
    shards: int = 1
    layers: int = 2
    hidden: int = 64
    inner: int = 96
    heads: int = 4
    kv_heads: int = 2
    head_dim: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    tokenizer_config: Mapping[str, Any] = field(default_factory=dict)
    # Further files by name: JSON if it isn't text.
    files: Mapping[str, str | Mapping[str, Any]] = field(default_factory=dict)


CARD = """---
license: apache-2.0
language:
- ko
- en
base_model: futfut/Tiny-Base-2B
datasets:
- futfut/questions
tags:
- futsal
pipeline_tag: text-generation
---
# A tiny model
"""

CASES: dict[str, TinyCheckpoint] = {
    "tiny-llama-3.1-1b-instruct": TinyCheckpoint(
        shards=2,
        config={
            "rope_theta": 500000.0,
            "rope_scaling": LLAMA3_ROPE,
            "eos_token_id": [522, 525],
            "max_position_embeddings": 2048,
        },
        files={
            "README.md": CARD,
            "generation_config.json": {"temperature": 0.6, "top_p": 0.9, "repetition_penalty": 1.05},
        },
    ),
    "llama3-tied-f32": TinyCheckpoint(
        stored_as="F32",
        tied=True,
        head_dim=32,
        config={"rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}},
        tokenizer_config={"chat_template": None},
        files={"chat_template.jinja": CHATML},
    ),
    "llama2-f16": TinyCheckpoint(
        tokenizer="sentencepiece",
        stored_as="F16",
        kv_heads=4,
        config={"rope_scaling": {"type": "linear", "factor": 2.0}},
        tokenizer_config={"add_prefix_space": True},
    ),
    "zephyr-bf16": TinyCheckpoint(
        "MistralForCausalLM",
        "sentencepiece",
        shards=3,
        config={"sliding_window": 4096, "rope_theta": 10000.0},
        files={"added_tokens.json": {"<|user|>": 1000, "풋풋이": 1001}},
    ),
    "mistral-merges-only": TinyCheckpoint(
        "MistralForCausalLM", "sentencepiece-json", stored_as="F32", config={"sliding_window": None}
    ),
    "qwen2-tied": TinyCheckpoint("Qwen2ForCausalLM", "qwen2", tied=True),
    "llama3-tied-with-output": TinyCheckpoint(config={"tie_word_embeddings": True}),
    "Qwen2.5-Tiny-0.5B-f32": TinyCheckpoint(
        "Qwen2ForCausalLM",
        "qwen2",
        stored_as="F32",
        shards=2,
        config={"rope_theta": 1000000.0, "use_sliding_window": False, "sliding_window": 131072},
        files={"generation_config.json": {"top_k": 20, "temperature": 0.7, "do_sample": True}},
    ),
}


def write_tiny_checkpoint(folder: Path, spec: TinyCheckpoint | None = None) -> Path:
    """Write config, tokenizer and weights; without a spec a bfloat16 Llama with the Llama 3 tokenizer."""
    spec = spec or TinyCheckpoint()
    folder.mkdir(parents=True, exist_ok=True)
    tokens = write_tokenizer(folder, spec.tokenizer, spec.tokenizer_config)
    config = _config(spec, tokens + _SPARE_IDS)
    _write_json(folder / "config.json", config)
    for name, content in spec.files.items():
        if isinstance(content, str):
            (folder / name).write_text(content, encoding="utf-8")
        else:
            _write_json(folder / name, content)
    shapes = tensor_shapes(spec, config["vocab_size"])
    tensors = {name: stored_bytes(values(name, shape), spec.stored_as) for name, shape in shapes.items()}
    if spec.shards == 1:
        write_safetensors(folder / "model.safetensors", tensors, shapes, spec.stored_as)
    else:
        _write_shards(folder, spec, tensors, shapes)
    return folder


def tensor_shapes(spec: TinyCheckpoint, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Every tensor of the checkpoint, rows (outputs) first."""
    head_dim = spec.head_dim or spec.hidden // spec.heads
    query, key = spec.heads * head_dim, spec.kv_heads * head_dim
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, spec.hidden)}
    for layer in range(spec.layers):
        prefix = f"model.layers.{layer}"
        shapes |= {
            f"{prefix}.self_attn.q_proj.weight": (query, spec.hidden),
            f"{prefix}.self_attn.k_proj.weight": (key, spec.hidden),
            f"{prefix}.self_attn.v_proj.weight": (key, spec.hidden),
            f"{prefix}.self_attn.o_proj.weight": (spec.hidden, query),
            f"{prefix}.mlp.gate_proj.weight": (spec.inner, spec.hidden),
            f"{prefix}.mlp.up_proj.weight": (spec.inner, spec.hidden),
            f"{prefix}.mlp.down_proj.weight": (spec.hidden, spec.inner),
            f"{prefix}.input_layernorm.weight": (spec.hidden,),
            f"{prefix}.post_attention_layernorm.weight": (spec.hidden,),
        }
        if spec.architecture == "Qwen2ForCausalLM":
            shapes |= {
                f"{prefix}.self_attn.q_proj.bias": (query,),
                f"{prefix}.self_attn.k_proj.bias": (key,),
                f"{prefix}.self_attn.v_proj.bias": (key,),
            }
    shapes["model.norm.weight"] = (spec.hidden,)
    if not spec.tied:
        shapes["lm_head.weight"] = (vocabulary, spec.hidden)
    return shapes


def values(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A tensor's weights, which its name alone decides: about -0.25 to 0.25, or about 1 if it is a norm's.

    splitmix64 over a counter (https://prng.di.unimi.it/splitmix64.c): integers wrap alike everywhere, and 24
    bits of them are a float32 exactly.
    """
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    counter = np.arange(int(np.prod(shape)), dtype=np.uint64)
    mixed = np.uint64(start) + counter * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    signed = (mixed >> np.uint64(40)).astype(np.int64) - (1 << 23)
    numbers = (signed.astype(np.float64) / (1 << 25)).astype(np.float32).reshape(shape)
    return numbers + np.float32(1) if "norm" in name else numbers


def stored_bytes(numbers: NDArray[np.float32], stored_as: StoredType) -> bytes:
    """Numbers as a checkpoint stores them. bfloat16 is cut, not rounded: any 16 bits will do."""
    if stored_as == "BF16":
        return (numbers.view("<u4") >> np.uint32(16)).astype("<u2").tobytes()
    return numbers.astype("<f2" if stored_as == "F16" else "<f4").tobytes()


def write_safetensors(
    path: Path,
    tensors: Mapping[str, bytes],
    shapes: Mapping[str, tuple[int, ...]],
    stored_as: str,
) -> None:
    """Write tensors one after the other behind a header that says where each lies."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, content in tensors.items():
        header[name] = {
            "dtype": stored_as,
            "shape": list(shapes[name]),
            "data_offsets": [offset, offset + len(content)],
        }
        offset += len(content)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for content in tensors.values():
            file.write(content)


def _write_shards(
    folder: Path, spec: TinyCheckpoint, tensors: Mapping[str, bytes], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    weight_map: dict[str, str] = {}
    names = list(tensors)
    for shard in range(spec.shards):
        file = f"model-{shard + 1:05d}-of-{spec.shards:05d}.safetensors"
        part = names[shard * len(names) // spec.shards : (shard + 1) * len(names) // spec.shards]
        write_safetensors(folder / file, {name: tensors[name] for name in part}, shapes, spec.stored_as)
        weight_map |= dict.fromkeys(part, file)
    size = sum(map(len, tensors.values()))
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    _write_json(folder / "model.safetensors.index.json", index)


def _config(spec: TinyCheckpoint, vocabulary: int) -> dict[str, Any]:
    config: dict[str, Any] = {
        "architectures": [spec.architecture],
        "model_type": _MODEL_TYPES[spec.architecture],
        "vocab_size": vocabulary,
        "hidden_size": spec.hidden,
        "intermediate_size": spec.inner,
        "num_hidden_layers": spec.layers,
        "num_attention_heads": spec.heads,
        "num_key_value_heads": spec.kv_heads,
        "hidden_act": "silu",
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": spec.tied,
        "torch_dtype": {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}[spec.stored_as],
        **SPECIAL_IDS[spec.tokenizer],
    }
    if spec.head_dim is not None:
        config["head_dim"] = spec.head_dim
    return {**config, **spec.config}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
