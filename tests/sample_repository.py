"""The files of a small sharded model as a repository holds them, beside others that nobody needs."""

import hashlib
import json

FIRST, SECOND = "a" * 40, "b" * 40
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def noise(seed: str, size: int = 40_000) -> bytes:
    """Bytes that look like nothing else, always the same for a seed."""
    return hashlib.shake_128(seed.encode()).digest(size)


def index(*shards: str) -> bytes:
    """A safetensors index with one tensor in each shard."""
    return json.dumps(
        {"metadata": {}, "weight_map": {f"t{n}": name for n, name in enumerate(shards)}}
    ).encode()


def wanted(seed: str = "first") -> dict[str, bytes]:
    """What a snapshot holds of the repository."""
    return {
        "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
        "LICENSE.txt": b"MIT",
        "README.md": b"---\nlicense: mit\n---\n",
        "generation_config.json": b"{}",
        "model.safetensors.index.json": index(*SHARDS),
        "tokenizer.json": b'{"model": {}}',
        "tokenizer_config.json": b"{}",
        "additional_chat_templates/tools.jinja": b"{{ messages }}",
        SHARDS[0]: noise("the same in all commits"),
        SHARDS[1]: noise(seed),
    }


def repository(seed: str = "first") -> dict[str, bytes]:
    """All of the repository."""
    return {
        **wanted(seed),
        ".gitattributes": b"*.safetensors filter=lfs\n",
        "consolidated.safetensors": noise("the same weights in another form"),
        "original/consolidated.00.pth": noise("a pickle in a folder"),
        "pytorch_model.bin": noise("a pickle"),
        "training_args.bin": noise("of no use"),
    }
