"""Text to vectors: the ONNX encoder, run by fastembed.

The encoder is E5's (Wang et al. 2024): questions and passages are told apart by their prefixes, and a text's
vector is the mean of its tokens' vectors, L2-normalized.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

# ONNX Runtime reports its use to its maker unless it is told not to, which it reads when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from fastembed.text.onnx_embedding import OnnxTextEmbedding
from tokenizers import Tokenizer

from modelfiles.encoder import (
    ENCODER_MODEL,
    ENCODER_TOKENIZER,
    EncoderManifest,
    file_sha256,
)
from server.encoder import encoder_manifest
from server.errors import EncoderDamagedError

# Passages are taken by the window, sorted by length inside it, and run a few at a time: on a processor
# padding costs as much as text does, and a large batch falls out of the caches.
WINDOW = 64
BATCH_TOKENS = 512


class FastembedEmbedder:
    """The encoder in one folder; implements `server.protocols.Embedder`.

    Construction reads and checks all files. An instance may be used by several threads at once.
    """

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        """Load the encoder.

        Args:
            path: the folder that `futfut-convert embedder` built.
            threads: how many threads one call may use; as many as there are cores if None.

        Raises:
            EncoderMissingError: there is no encoder in `path`.
            EncoderDamagedError: there is one, but its files aren't those that were built.
        """
        manifest = _checked_manifest(path)
        self.fingerprint = manifest.fingerprint
        self.dimensions = manifest.dimensions
        self.max_tokens = manifest.max_tokens
        self._query_prefix = manifest.query_prefix
        self._passage_prefix = manifest.passage_prefix
        self._embedding = _load(path, manifest, threads)
        # The facade's own counting truncates, and a second tokenizer would take as long to load as the model.
        self._tokenizer = cast(Tokenizer, cast(OnnxTextEmbedding, self._embedding.model).tokenizer)
        # Nothing that is too long gets as far as the model, so truncation could only hide a mistake.
        self._tokenizer.no_truncation()

    def embed_query(self, text: str) -> tuple[float, ...]:
        """Embed a question: `dimensions` floats, L2-normalized.

        Raises:
            ValueError: it takes more than `max_tokens`.
        """
        prefixed = self._query_prefix + text
        self._check_lengths([self._tokens(prefixed)])
        (vector,) = self._run([prefixed])
        return vector

    def embed_passages(self, texts: Sequence[str]) -> Iterator[tuple[float, ...]]:
        """Embed passages in order, lazily: each `dimensions` floats, L2-normalized.

        Raises:
            ValueError: a text takes more than `max_tokens`; raised before any text of its window is embedded.
        """
        for start in range(0, len(texts), WINDOW):
            window = [self._passage_prefix + text for text in texts[start : start + WINDOW]]
            lengths = [self._tokens(text) for text in window]
            self._check_lengths(lengths, first=start)
            vectors: dict[int, tuple[float, ...]] = {}
            for batch in batches_by_length(lengths, BATCH_TOKENS):
                vectors.update(zip(batch, self._run([window[index] for index in batch]), strict=True))
            yield from (vectors[index] for index in range(len(window)))

    def count_tokens(self, text: str) -> int:
        """How many of `max_tokens` a passage's text takes, prefix and special tokens included."""
        return self._tokens(self._passage_prefix + text)

    def _tokens(self, prefixed: str) -> int:
        return len(self._tokenizer.encode(prefixed))

    def _check_lengths(self, lengths: Sequence[int], *, first: int = 0) -> None:
        for number, length in enumerate(lengths, first + 1):
            if length > self.max_tokens:
                raise ValueError(f"text {number} takes {length} tokens; the encoder reads {self.max_tokens}")

    def _run(self, prefixed: list[str]) -> list[tuple[float, ...]]:
        return [
            tuple(vector.tolist()) for vector in self._embedding.embed(prefixed, batch_size=len(prefixed))
        ]


def batches_by_length(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Group indexes of texts of like length: a batch, padded to its longest, keeps within `budget` tokens.

    A text longer than the budget is a batch of its own. Within and between batches, lengths don't decrease.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batches and (len(batches[-1]) + 1) * lengths[index] <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _checked_manifest(path: Path) -> EncoderManifest:
    manifest = encoder_manifest(path)
    for name, expected in (
        (ENCODER_MODEL, manifest.model_sha256),
        (ENCODER_TOKENIZER, manifest.tokenizer_sha256),
    ):
        try:
            found = file_sha256(path / name)
        except FileNotFoundError:
            raise EncoderDamagedError(path, f"{name} is missing") from None
        if found != expected:
            raise EncoderDamagedError(path, f"{name} has sha256 {found}, expected {expected}")
    return manifest


def _load(path: Path, manifest: EncoderManifest, threads: int | None) -> TextEmbedding:
    # fastembed keeps one list of models for the process; named by fingerprint, none can stand for another.
    name = f"futfut/{manifest.fingerprint}"
    if all(model["model"] != name for model in TextEmbedding.list_supported_models()):
        TextEmbedding.add_custom_model(
            model=name,
            pooling=PoolingType.MEAN,
            normalization=True,
            sources=ModelSource(hf=name),
            dim=manifest.dimensions,
            model_file=ENCODER_MODEL,
        )
    try:
        return TextEmbedding(
            model_name=name,
            threads=threads,
            specific_model_path=str(path),
            providers=["CPUExecutionProvider"],
        )
    except Exception as error:  # onnxruntime and tokenizers have no common class for bad files
        raise EncoderDamagedError(path, str(error)) from error
