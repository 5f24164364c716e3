"""Whether files can be compared at all: found out from their headers, before anything is loaded."""

from collections.abc import Iterable
from pathlib import Path

from convert.errors import ContextTooShortError, LevelMissingError, VocabularyMismatchError
from modelfiles.gguf_header import Value, read_header

_TOKENS = "tokenizer.ggml.tokens"


def require_comparable(reference: Path, levels: Iterable[Path], window: int) -> None:
    """Make sure that levels can be measured against a reference.

    Raises:
        LevelMissingError: a file isn't there.
        ModelFileError: a file is no GGUF file.
        VocabularyMismatchError: a level has other tokens than the reference.
        ContextTooShortError: a model can't read a window at a time.
    """
    for path in (reference, *levels):
        if not path.is_file():
            raise LevelMissingError(path)
    known = _tokens(reference, window)
    for path in levels:
        tokens = _tokens(path, window)
        if len(tokens) != len(known):
            difference = f"it knows {len(tokens):,} tokens, and the reference {len(known):,}"
            raise VocabularyMismatchError(path, reference, difference)
        if tokens != known:
            at = next(at for at, pair in enumerate(zip(tokens, known, strict=True)) if pair[0] != pair[1])
            difference = f"its token {at} is {tokens[at]!r}, and the reference's {known[at]!r}"
            raise VocabularyMismatchError(path, reference, difference)


def _tokens(path: Path, window: int) -> list[str]:
    header: dict[str, Value] = read_header(path, lists={_TOKENS})
    context = header.get(f"{header.get('general.architecture')}.context_length")
    if isinstance(context, int) and context < window:
        raise ContextTooShortError(path, context, window)
    tokens = header.get(_TOKENS)
    return tokens if isinstance(tokens, list) else []
