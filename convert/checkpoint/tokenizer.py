"""A checkpoint's tokenizer as a whole: its vocabulary, the parts that tokens play, its chat template."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from convert.checkpoint.vocabulary import Vocabulary, read_vocabulary
from convert.checkpoint.vocabulary.files import (
    MODEL,
    TOKENIZER,
    ChatTemplate,
    TokenizerFiles,
    has_tokenizer,
    read_tokenizer_files,
)
from convert.checkpoint.vocabulary.special import ROLES, SpecialTokens, role_token, special_tokens

# No text begins or ends without these.
_VITAL = ("bos", "eos")


class Tokenizer(msgspec.Struct, frozen=True):
    """All that is carried over. `notes` say in words what isn't, or comes from elsewhere."""

    vocabulary: Vocabulary
    special: SpecialTokens
    chat_template: ChatTemplate | None
    notes: tuple[str, ...] = ()


def read_tokenizer(folder: Path, config: Mapping[str, Any], size: int) -> Tokenizer:
    """Read the tokenizer of a model with `size` embeddings; `config` is its config.json.

    Raises:
        ValueError: it can't be carried over; says what to do.
        OSError: a file can't be read.
    """
    if not has_tokenizer(folder):
        raise ValueError(
            f"its tokenizer is missing ({MODEL} or {TOKENIZER}). Copy it from the model that it was tuned "
            f"from."
        )
    files = read_tokenizer_files(folder)
    try:
        vocabulary = read_vocabulary(files, size)
        special = special_tokens(files, config, size)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        # Some part of a tree of JSON that anyone may have written isn't where or what it always is.
        what = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"its tokenizer's files aren't as transformers writes them ({what}). Save it again with "
            f"save_pretrained, or copy it from the model that it was tuned from."
        ) from error
    _require_spare(files, vocabulary.left_out)
    return Tokenizer(vocabulary, special, files.chat_template, _notes(vocabulary.left_out))


def _require_spare(files: TokenizerFiles, left_out: Mapping[int, str]) -> None:
    """Make sure that nothing needs the tokens that have no embedding."""
    found = files.chat_template or ""
    template = found if isinstance(found, str) else "".join(each.get("template", "") for each in found)
    used = {role_token(files.config, role) for role in ROLES if role in _VITAL or f"{role}_token" in template}
    if needed := {number: token for number, token in left_out.items() if token in used or token in template}:
        raise ValueError(
            f"its model has no embeddings for tokens that a conversation needs: {_listed(needed)}. Take "
            f"model and tokenizer from one place, or train with the embeddings resized "
            f"(resize_token_embeddings)."
        )


def _notes(left_out: Mapping[int, str]) -> tuple[str, ...]:
    note = "These tokens are left out, as its model has no embeddings for them, and nothing needs them:"
    return (f"{note} {_listed(left_out)}",) if left_out else ()


def _listed(tokens: Mapping[int, str]) -> str:
    return ", ".join(f"{token} ({number})" for number, token in sorted(tokens.items()))
