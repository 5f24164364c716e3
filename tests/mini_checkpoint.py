"""The mini model as the Hugging Face checkpoint that it might have come from, and a small LoRA adapter on it.

Weights, vocabulary and chat template are read out of the catalogue's q4_k_m file, dequantized, and written in
the layout that transformers saves: real weights on which the whole way from a fine-tune can be shown. What is
tensor names, sizes and the tokenizer's parts is of Qwen2 (https://huggingface.co/docs/transformers/model_doc/qwen2).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from tests.safetensors_file import write_safetensors
from tests.tiny_adapter import TinyAdapter, write_adapter

REPOSITORY = "Qwen/Qwen2.5-Coder-0.5B-Instruct"
SHARD_BYTES = 500_000_000
ROWS = 8192

# How Qwen2 cuts a text before it merges bytes.
CUT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
WHOLE_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def write_mini_checkpoint(source: Path, folder: Path) -> Path:
    """Write the checkpoint folder of the GGUF file `source`: about 1.3 GB, a few thousand rows at a time.

    Matrices are stored in 16-bit floats, which hold what was dequantized to within a rounding; norms and
    biases in 32 bits, exactly.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reader = gguf.GGUFReader(source)
    config = _config(reader)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    _tokenizer(reader).save(str(folder / "tokenizer.json"))
    tokens = _value(reader, "tokenizer.ggml.tokens")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "Qwen2Tokenizer",
                "add_bos_token": False,
                "bos_token": None,
                "eos_token": tokens[config["eos_token_id"]],
                "pad_token": tokens[_value(reader, "tokenizer.ggml.padding_token_id")],
                "chat_template": _value(reader, "tokenizer.chat_template"),
            }
        )
    )
    _write_weights(reader, folder)
    return folder


def write_mini_adapter(folder: Path, checkpoint: Path, *, strength: float = 0.02) -> Path:
    """Write a small LoRA on every linear layer; at this strength the model speaks nearly as before."""
    config = json.loads((checkpoint / "config.json").read_bytes())
    width, inner = config["hidden_size"], config["intermediate_size"]
    narrow = width // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = {
        "self_attn.q_proj": (width, width),
        "self_attn.k_proj": (narrow, width),
        "self_attn.v_proj": (narrow, width),
        "self_attn.o_proj": (width, width),
        "mlp.gate_proj": (inner, width),
        "mlp.up_proj": (inner, width),
        "mlp.down_proj": (width, inner),
    }
    modules = {
        f"model.layers.{layer}.{module}": shape
        for layer in range(config["num_hidden_layers"])
        for module, shape in shapes.items()
    }
    return write_adapter(
        folder, TinyAdapter(modules, strength=strength, config={"base_model_name_or_path": REPOSITORY})
    )


def _config(reader: gguf.GGUFReader) -> dict[str, Any]:
    def number(key: str) -> Any:
        return _value(reader, f"qwen2.{key}")

    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": len(_value(reader, "tokenizer.ggml.tokens")),
        "hidden_size": number("embedding_length"),
        "intermediate_size": number("feed_forward_length"),
        "num_hidden_layers": number("block_count"),
        "num_attention_heads": number("attention.head_count"),
        "num_key_value_heads": number("attention.head_count_kv"),
        "max_position_embeddings": number("context_length"),
        "rope_theta": number("rope.freq_base"),
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "bos_token_id": _value(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": _value(reader, "tokenizer.ggml.eos_token_id"),
    }


def _tokenizer(reader: gguf.GGUFReader) -> Tokenizer:
    tokens = _value(reader, "tokenizer.ggml.tokens")
    types = _value(reader, "tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in _value(reader, "tokenizer.ggml.merges")]
    of_type = {kind: [index for index, one in enumerate(types) if one == kind] for kind in gguf.TokenType}
    vocabulary = {tokens[index]: index for index in of_type[gguf.TokenType.NORMAL]}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CUT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    # Ids follow the vocabulary's in order; those behind the last one were only there to round the matrix up.
    for index in sorted([*of_type[gguf.TokenType.CONTROL], *of_type[gguf.TokenType.USER_DEFINED]]):
        special = types[index] == gguf.TokenType.CONTROL
        tokenizer.add_tokens([AddedToken(tokens[index], normalized=False, special=special)])
        if tokenizer.token_to_id(tokens[index]) != index:
            raise ValueError(f"{tokens[index]} should have the id {index}")
    return tokenizer


def _write_weights(reader: gguf.GGUFReader, folder: Path) -> None:
    shards: list[list[gguf.ReaderTensor]] = [[]]
    size = 0
    for tensor in reader.tensors:
        size += tensor.n_elements * _type(tensor).itemsize
        if size > SHARD_BYTES and shards[-1]:
            shards.append([])
            size = tensor.n_elements * _type(tensor).itemsize
        shards[-1].append(tensor)
    files = [f"model-{n:05}-of-{len(shards):05}.safetensors" for n in range(1, len(shards) + 1)]
    for file, shard in zip(files, shards, strict=True):
        weights = {
            _name(tensor.name): (
                _type(tensor),
                tuple(int(n) for n in reversed(tensor.shape)),
                _blocks(tensor),
            )
            for tensor in shard
        }
        write_safetensors(folder / file, weights)
    places = {_name(tensor.name): file for file, shard in zip(files, shards, strict=True) for tensor in shard}
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _blocks(tensor: gguf.ReaderTensor) -> Iterator[NDArray[Any]]:
    for start in range(0, len(tensor.data), ROWS):
        rows = gguf.dequantize(tensor.data[start : start + ROWS], tensor.tensor_type)
        yield rows.astype(_type(tensor))


def _type(tensor: gguf.ReaderTensor) -> np.dtype[Any]:
    return np.dtype(np.float32 if len(tensor.shape) == 1 else np.float16)


def _name(name: str) -> str:
    if name in WHOLE_NAMES:
        return WHOLE_NAMES[name]
    _, layer, module, kind = name.split(".")
    return f"model.layers.{layer}.{LAYER_NAMES[module]}.{kind}"


def _value(reader: gguf.GGUFReader, key: str) -> Any:
    return reader.fields[key].contents()
