"""The text that levels are measured on: Korean of the kind that the service reads and writes."""

import hashlib
from pathlib import Path

from convert.errors import VerifyTextError
from convert.verify.questions import QUESTIONS

_KINDS = {".md", ".txt", ".csv"}


def read_text(path: Path) -> str:
    """The persona questions, and behind them a file, or the plain text of a folder in the order of its names.

    Raises:
        VerifyTextError: there is none, or it is neither UTF-8 nor CP949.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _KINDS and file.is_file())
    else:
        files = [path]
    if not files:
        raise VerifyTextError(path, f"it holds no text ({', '.join(sorted(_KINDS))})")
    return "\n\n".join([*QUESTIONS, *(_read(file) for file in files)])


def text_sha256(text: str) -> str:
    """What tells one text from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise VerifyTextError(file, f"it can't be read ({error.strerror})") from error
    # What the service reads, too.
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return content.decode(encoding).strip()
        except UnicodeDecodeError:
            continue
    raise VerifyTextError(file, "it is text neither in UTF-8 nor in CP949")
