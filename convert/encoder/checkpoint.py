"""Read a Hugging Face checkpoint folder of a `BertModel`: config.json, model.safetensors, tokenizer.json."""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from convert.encoder.bert import BertConfig, BertEncoder, FloatArray, tensor_problems
from convert.errors import EncoderSourceError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"

# Stored beside the encoder, but no part of it: the classification head's pooler, and the position numbers.
_IGNORED = ("pooler.dense.weight", "pooler.dense.bias", "embeddings.position_ids")

_FLOAT_TYPES = ("F16", "F32", "F64")


def read_checkpoint(folder: Path) -> BertEncoder:
    """Read and check a checkpoint. Tensors are read, as float32, only when they are asked for.

    Raises:
        EncoderSourceError: a file is missing or unreadable, the model isn't a BERT with exact GELU and
            absolute positions, or a tensor is missing, mis-shaped, unknown or not of floats.
    """
    missing = [f"it has no {name}" for name in (CONFIG, WEIGHTS, TOKENIZER) if not (folder / name).is_file()]
    if missing:
        raise EncoderSourceError(folder, missing)
    config = _read_config(folder)
    path = folder / WEIGHTS
    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  it isn't a dict
            found = {name: tuple(part.get_shape()) for name, part in slices.items()}
            types = {name: part.get_dtype() for name, part in slices.items()}
    except (SafetensorError, OSError) as error:
        raise EncoderSourceError(path, [f"it can't be read: {error}"]) from error
    expected = config.tensor_shapes()
    problems = tensor_problems(expected, found, _IGNORED)
    problems += [
        f"tensor {name} holds {types[name]}, expected one of {', '.join(_FLOAT_TYPES)}"
        for name in expected
        if name in types and types[name] not in _FLOAT_TYPES
    ]
    if problems:
        raise EncoderSourceError(path, problems)

    def tensor(name: str) -> FloatArray:
        with safe_open(path, framework="numpy") as file:
            return np.asarray(file.get_tensor(name), dtype=np.float32)

    return BertEncoder(config, tensor)


def _read_config(folder: Path) -> BertConfig:
    path = folder / CONFIG
    try:
        values = json.loads(path.read_bytes())
        config = BertConfig(
            vocab_size=int(values["vocab_size"]),
            hidden_size=int(values["hidden_size"]),
            num_hidden_layers=int(values["num_hidden_layers"]),
            num_attention_heads=int(values["num_attention_heads"]),
            intermediate_size=int(values["intermediate_size"]),
            max_position_embeddings=int(values["max_position_embeddings"]),
            type_vocab_size=int(values["type_vocab_size"]),
            layer_norm_eps=float(values["layer_norm_eps"]),
        )
    except KeyError as error:
        raise EncoderSourceError(path, [f"it doesn't give {error}"]) from error
    except (TypeError, ValueError) as error:
        raise EncoderSourceError(path, [f"it can't be read: {error}"]) from error
    problems = config.problems()
    # What the graph computes; another value means another graph, not other weights.
    computed = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    problems += [
        f"{key} is {values[key]!r}, expected {value!r}"
        for key, value in computed.items()
        if values.get(key, value) != value
    ]
    if problems:
        raise EncoderSourceError(path, problems)
    return config
