"""A BERT small enough to compute by hand: random weights, its two source formats, its forward pass in numpy.

Writers and forward pass are written from the formats' and the paper's definitions, not from our own readers.
"""

import json
import math
import struct
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from convert.encoder.bert import BertConfig

Tensors = dict[str, NDArray[np.float32]]

SPECIAL_PIECES = ["<s>", "<pad>", "</s>", "<unk>"]
PIECES = [
    *SPECIAL_PIECES,
    *[
        "▁",
        "▁query",
        "▁passage",
        ":",
        "▁풋살",
        "▁구장",
        "▁공",
        "▁한",
        "예약",
        "풋살",
        "한",
        "～",
        "~",
        ".",
        "?",
    ],
    *["a", "b", "c", "k", "g", "가", "나", "다", "은", "는", "1", "0", "시"],
]
SCORES = [0.0 if piece in SPECIAL_PIECES else -2.0 - 0.1 * index for index, piece in enumerate(PIECES)]
BOS, PAD, EOS, UNK = range(4)
REPLACEMENTS = {"\x01": "", "\t": " ", "\u3000": " ", "Ａ": "A", "㎏": "kg", "①": "1"}

CONFIG = BertConfig(
    vocab_size=len(PIECES) + 3,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    max_position_embeddings=24,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
)


def random_tensors(seed: int = 0) -> Tensors:
    """Weights large enough for every part of the encoder to change its output."""
    random = np.random.default_rng(seed)
    return {
        name: random.normal(1.0 if name.endswith("LayerNorm.weight") else 0.0, 0.3, shape).astype(np.float32)
        for name, shape in CONFIG.tensor_shapes().items()
    }


def write_checkpoint(folder: Path, tensors: Tensors) -> Path:
    """A checkpoint folder, its tokenizer with the truncation and padding that published ones have."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {**asdict(CONFIG), "model_type": "bert", "hidden_act": "gelu"}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    tokenizer = Tokenizer(models.Unigram(list(zip(PIECES, SCORES, strict=True)), unk_id=UNK))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(pad_id=PAD, pad_token="<pad>", length=8)  # noqa: S106  no password
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


# --- the packed file --------------------------------------------------------------------------------

PACKED_NAMES = {
    "embeddings.word_embeddings": "emb.word",
    "embeddings.position_embeddings": "emb.pos",
    "embeddings.token_type_embeddings": "emb.type",
    "embeddings.LayerNorm": "emb.ln",
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}
FLOAT32, Q4_0 = 0, 1


def packed_name(name: str) -> str:
    """A tensor's name in the packed file."""
    stem, _, kind = name.rpartition(".")
    layer = ""
    if stem.startswith("encoder.layer."):
        number, _, stem = stem.removeprefix("encoder.layer.").partition(".")
        layer = f"l{number}."
    short = layer + PACKED_NAMES[stem]
    return short if short in {"emb.word", "emb.pos", "emb.type"} else f"{short}.{kind[0]}"


def pack_q4(values: NDArray[np.float32]) -> tuple[bytes, NDArray[np.float32]]:
    """Q4_0 blocks that hold about `values`, and the weights which they hold exactly."""
    packed, held = bytearray(), []
    for block in values.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        nibbles = [min(max(round(float(value / scale)) + 8, 0), 15) for value in block]
        packed += struct.pack("<e", scale)
        packed += bytes(low | high << 4 for low, high in zip(nibbles[:16], nibbles[16:], strict=True))
        held += [(nibble - 8) * float(scale) for nibble in nibbles]
    return bytes(packed), np.array(held, np.float32).reshape(values.shape)


def write_packed(path: Path, tensors: Tensors, *, replacements: dict[str, str] | None = None) -> Tensors:
    """A packed file of tensors, under their packed names if they have one; returns what it really holds."""
    held: Tensors = {}
    entries: list[tuple[str, int, int, bytes]] = []
    for name, values in tensors.items():
        raw, kind, held[name] = values.tobytes(), FLOAT32, values
        if values.ndim == 2 and name.startswith(("encoder.", "embeddings.word")):
            (raw, held[name]), kind = pack_q4(values), Q4_0
        known = name.startswith(("embeddings.", "encoder."))
        entries.append((packed_name(name) if known else name, kind, values.size, raw))
    head = _packed_head(REPLACEMENTS if replacements is None else replacements)
    directory_size = 4 + sum(2 + len(name) + 1 + 4 + 8 + 8 for name, *_ in entries)
    offset = len(head) + directory_size
    directory = struct.pack("<i", len(entries))
    for name, kind, elements, raw in entries:
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, elements, offset, len(raw))
        offset += len(raw)
    path.write_bytes(head + directory + b"".join(raw for *_, raw in entries))
    return held


def _packed_head(replacements: dict[str, str]) -> bytes:
    pieces = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, pieces)]).astype("<u4").tobytes()
    mapped = b"".join(
        struct.pack("<IB", ord(character), len(text)) + b"".join(struct.pack("<I", ord(one)) for one in text)
        for character, text in replacements.items()
    )
    sizes = (
        *(CONFIG.hidden_size, CONFIG.num_hidden_layers, CONFIG.num_attention_heads, CONFIG.intermediate_size),
        *(CONFIG.vocab_size, CONFIG.max_position_embeddings, CONFIG.type_vocab_size),
    )
    return (
        struct.pack("<4sI7ifi", b"E5S1", 1, *sizes, CONFIG.layer_norm_eps, 32)
        + struct.pack("<5iQ", len(PIECES), BOS, EOS, PAD, UNK, sum(map(len, pieces)))
        + offsets
        + np.array(SCORES, "<f4").tobytes()
        + b"".join(pieces)
        + struct.pack("<iI", len(replacements), len(mapped))
        + mapped
    )


# --- the forward pass -------------------------------------------------------------------------------


def forward(tensors: Tensors, ids: list[int]) -> NDArray[np.float64]:
    """The last hidden states `(tokens, hidden)` of one text, in float64 and one head at a time."""
    word, position, kind = (
        tensors[f"embeddings.{part}_embeddings.weight"] for part in ("word", "position", "token_type")
    )
    states = np.stack([word[one].astype(np.float64) + position[at] + kind[0] for at, one in enumerate(ids)])
    states = _norm(tensors, "embeddings.LayerNorm", states)
    for layer in range(CONFIG.num_hidden_layers):
        prefix = f"encoder.layer.{layer}"
        query, key, value = (
            _linear(tensors, f"{prefix}.attention.self.{part}", states) for part in ("query", "key", "value")
        )
        mixed = np.empty_like(states)
        width = CONFIG.hidden_size // CONFIG.num_attention_heads
        for head in range(CONFIG.num_attention_heads):
            part = slice(head * width, (head + 1) * width)
            powers = np.exp(query[:, part] @ key[:, part].T / math.sqrt(width))
            mixed[:, part] = powers / powers.sum(axis=1, keepdims=True) @ value[:, part]
        attended = _linear(tensors, f"{prefix}.attention.output.dense", mixed)
        states = _norm(tensors, f"{prefix}.attention.output.LayerNorm", states + attended)
        inner = _linear(tensors, f"{prefix}.intermediate.dense", states)
        inner = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
        outer = _linear(tensors, f"{prefix}.output.dense", inner)
        states = _norm(tensors, f"{prefix}.output.LayerNorm", states + outer)
    return states


def embedding(tensors: Tensors, ids: list[int]) -> NDArray[np.float64]:
    """The mean of the last hidden states, L2-normalized."""
    mean = forward(tensors, ids).mean(axis=0)
    normalized: NDArray[np.float64] = mean / np.linalg.norm(mean)
    return normalized


def _linear(tensors: Tensors, name: str, value: NDArray[np.float64]) -> NDArray[np.float64]:
    return value @ tensors[f"{name}.weight"].astype(np.float64).T + tensors[f"{name}.bias"]


def _norm(tensors: Tensors, name: str, value: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = value - value.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True)
    gain, offset = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    normalized: NDArray[np.float64] = centred / np.sqrt(variance + CONFIG.layer_norm_eps) * gain + offset
    return normalized
