"""Build the encoder: a folder with an ONNX graph, its tokenizer and a manifest, as the service loads it.

The model is multilingual-e5-small (Wang et al. 2024), or one of its shape: mean pooling, and the prefixes
`query: ` and `passage: ` before what is embedded.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from convert.encoder.bert import BertEncoder
from convert.encoder.bert_graph import build_bert_graph
from convert.encoder.checkpoint import CONFIG, TOKENIZER, WEIGHTS, read_checkpoint
from convert.encoder.folder import EncoderFiles, publish_encoder
from convert.encoder.onnx_precision import Float32Weights, Int8Weights, WeightFormat
from convert.encoder.packed import read_packed
from convert.encoder.xlmr_tokenizer import build_tokenizer, load_tokenizer
from modelfiles.encoder import (
    ENCODER_MODEL,
    ENCODER_TOKENIZER,
    EncoderManifest,
    Precision,
    file_sha256,
    read_encoder_manifest,
)

# Raise it whenever the same source would give another graph or tokenizer: older folders are then rebuilt.
BUILDER = 1

QUERY_PREFIX = "query: "
PASSAGE_PREFIX = "passage: "
PACKED_NAME = "multilingual-e5-small"

_STEPS = ("checking the source", "reading the source", "building the graph", "writing and trying it")
_FORMATS: dict[Precision, type[WeightFormat]] = {"fp32": Float32Weights, "int8": Int8Weights}


class Progress(Protocol):
    """Told before each step which it is and how many of `total` are `done`; at the end, that all are."""

    def __call__(self, step: str, done: int, total: int, /) -> None:
        """Show it."""
        ...


def silent(step: str, done: int, total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What an encoder is built from; `read` gives its weights and its tokenizer's JSON."""

    name: str
    path: Path
    files: tuple[Path, ...]
    read: Callable[[], tuple[BertEncoder, str]]

    def sha256(self) -> str:
        """One file's own digest; of several, the digest of theirs in order."""
        digests = [file_sha256(path) if path.is_file() else "missing" for path in self.files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def build_from_packed(packed: Path, out: Path, *, precision: Precision, progress: Progress = silent) -> Path:
    """Build the encoder from the packed 4-bit file, unless `out` already holds just that.

    Args:
        packed: the file, laid out as `convert.packed` says.
        out: the encoder's folder, replaced only when all of the new one is written and has run.
        precision: `fp32` (exact, 470 MB) or `int8` (119 MB, and faster on a processor).
        progress: called as the build goes on.

    Returns:
        `out`.

    Raises:
        EncoderSourceError: the file is damaged, or isn't what it should be.
    """

    def read() -> tuple[BertEncoder, str]:
        source = read_packed(packed)
        return source.encoder, build_tokenizer(source.vocabulary, packed).to_str()

    return _build(_Source(PACKED_NAME, packed, (packed,), read), out, precision, progress)


def build_from_checkpoint(
    checkpoint: Path, out: Path, *, precision: Precision, progress: Progress = silent
) -> Path:
    """Build the encoder from a Hugging Face folder: a BERT of any size with XLM-RoBERTa's tokenizer.

    Args:
        checkpoint: holds config.json, model.safetensors and tokenizer.json; its name becomes the encoder's.
        out: the encoder's folder, replaced only when all of the new one is written and has run.
        precision: `fp32` or `int8`.
        progress: called as the build goes on.

    Returns:
        `out`.

    Raises:
        EncoderSourceError: a file is missing or damaged, or the model isn't of this kind.
    """

    def read() -> tuple[BertEncoder, str]:
        encoder = read_checkpoint(checkpoint)
        return encoder, load_tokenizer(checkpoint / TOKENIZER, rows=encoder.config.vocab_size).to_str()

    files = tuple(checkpoint / name for name in (CONFIG, WEIGHTS, TOKENIZER))
    return _build(_Source(checkpoint.resolve().name, checkpoint, files, read), out, precision, progress)


def _build(source: _Source, out: Path, precision: Precision, progress: Progress) -> Path:
    total = len(_STEPS)
    progress(_STEPS[0], 0, total)
    source_sha256 = source.sha256()
    if not _is_fresh(out, source_sha256, precision):
        progress(_STEPS[1], 1, total)
        encoder, tokenizer = source.read()
        progress(_STEPS[2], 2, total)
        model = build_bert_graph(encoder, _FORMATS[precision]())
        progress(_STEPS[3], 3, total)

        def describe(model_file: Path, tokenizer_file: Path) -> EncoderManifest:
            return EncoderManifest(
                name=source.name,
                precision=precision,
                dimensions=encoder.config.hidden_size,
                max_tokens=encoder.config.max_position_embeddings,
                query_prefix=QUERY_PREFIX,
                passage_prefix=PASSAGE_PREFIX,
                pooling="mean",
                builder=BUILDER,
                source_sha256=source_sha256,
                model_sha256=file_sha256(model_file),
                tokenizer_sha256=file_sha256(tokenizer_file),
            )

        publish_encoder(out, EncoderFiles(source.path, encoder.config, model, tokenizer), describe)
    progress(_STEPS[-1], total, total)
    return out


def _is_fresh(out: Path, source_sha256: str, precision: Precision) -> bool:
    """Whether `out` is this builder's own, undamaged work from the same source."""
    try:
        built = read_encoder_manifest(out)
        files = (file_sha256(out / ENCODER_MODEL), file_sha256(out / ENCODER_TOKENIZER))
    except (OSError, msgspec.DecodeError):
        return False
    wanted = (source_sha256, precision, BUILDER)
    return wanted == (built.source_sha256, built.precision, built.builder) and files == (
        built.model_sha256,
        built.tokenizer_sha256,
    )
