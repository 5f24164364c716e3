"""`encoder.json`: what a built encoder is, written by the builder and read by the service."""

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

ENCODER_MANIFEST = "encoder.json"
ENCODER_MODEL = "model.onnx"
ENCODER_TOKENIZER = "tokenizer.json"

Precision = Literal["int8", "fp32"]


class EncoderManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One encoder's identity and how it is to be used.

    `builder` is the version of the code that wrote it, `max_tokens` counts prefix and special tokens too.
    """

    name: str
    precision: Precision
    dimensions: int
    max_tokens: int
    query_prefix: str
    passage_prefix: str
    pooling: Literal["mean"]
    builder: int
    source_sha256: str
    model_sha256: str
    tokenizer_sha256: str

    @property
    def fingerprint(self) -> str:
        """Changes with whatever changes a text's numbers: weights, vocabulary, prefixes, pooling."""
        decisive = [
            self.model_sha256,
            self.tokenizer_sha256,
            self.query_prefix,
            self.passage_prefix,
            self.pooling,
        ]
        digest = hashlib.sha256("\n".join(decisive).encode()).hexdigest()
        return f"{self.name}-{self.precision}@{digest[:16]}"


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_encoder_manifest(folder: Path) -> EncoderManifest:
    """Read the manifest in an encoder's folder.

    Raises:
        FileNotFoundError: there is none.
        msgspec.DecodeError: it isn't JSON, or not of this form (a `msgspec.ValidationError`).
    """
    return msgspec.json.decode((folder / ENCODER_MANIFEST).read_bytes(), type=EncoderManifest)


def write_encoder_manifest(folder: Path, manifest: EncoderManifest) -> None:
    """Write the manifest, readable by people."""
    (folder / ENCODER_MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
