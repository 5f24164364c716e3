"""What decides the file that a checkpoint is converted to, in one hash."""

import hashlib
from pathlib import Path

from modelfiles import file_hash
from modelfiles.progress import Progress

# The model card and the sampling end up in the file, too.
_TEXTS = ("*.json", "*.jinja", "additional_chat_templates/*.jinja", "tokenizer.model", "README.md")


def input_digest(folder: Path, progress: Progress) -> str:
    """Hash what decides the outcome: weights, config, tokenizer, model card, and the folder's name.

    The hash of a weight file is remembered beside it, so that this takes its time only once.

    Raises:
        OSError: a file can't be read, or the record of its hash can't be written.
    """
    weights = sorted(folder.glob("*.safetensors"))
    texts = sorted(path for pattern in _TEXTS for path in folder.glob(pattern))
    digest = hashlib.sha256(folder.resolve().name.encode())
    for path in [*texts, *weights]:
        found = file_hash.file_hash(path, progress) if path in weights else _hash(path)
        digest.update(f"\n{path.relative_to(folder)} {found}".encode())
    return digest.hexdigest()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
