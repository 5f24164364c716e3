"""One file to one `Document`: what every format has in common."""

import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from server.documents.decoding import decode
from server.documents.json_records import read_json, read_jsonl
from server.documents.markdown import read_markdown
from server.documents.naming import file_title
from server.documents.plain_text import read_plain_text
from server.documents.table import read_table
from server.domain import Document
from server.errors import DocumentError

MAX_BYTES = 64 * 2**20

# A reader takes the decoded text, the document's source and the title that its file name gives it.
READERS: Mapping[str, Callable[[str, str, str], Document]] = {
    ".csv": read_table,
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".md": read_markdown,
    ".txt": read_plain_text,
}
SUFFIXES = frozenset(READERS)


def read_document(path: Path, source: str, *, max_bytes: int = MAX_BYTES) -> Document:
    """Read one file by the reader that its suffix names.

    Args:
        path: the file.
        source: what the document is known by, its path below the corpus folder.
        max_bytes: larger files are refused; a document is held in memory while it is read.

    Raises:
        DocumentError: there is no reader for it, or it can't be read as a whole; nothing is half read.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(sorted(SUFFIXES))
        raise DocumentError(source, f"has a format that isn't read; known are {known}")
    text = decode(_read_bytes(path, source, max_bytes), source)
    if not text.strip():
        raise DocumentError(source, "is empty")
    try:
        document = reader(text, source, file_title(source))
    except RecursionError as error:
        raise DocumentError(source, "is nested too deeply") from error
    if not document.blocks:
        raise DocumentError(source, "holds no text that can be indexed")
    return document


def _read_bytes(path: Path, source: str, max_bytes: int) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise DocumentError(source, "is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise DocumentError(source, "is not a regular file")
        if status.st_size > max_bytes:
            size, limit = status.st_size / 2**20, max_bytes / 2**20
            raise DocumentError(source, f"is {size:.1f} MiB, over the limit of {limit:g} MiB; split it")
        return path.read_bytes()
    except FileNotFoundError as error:
        reason = "is a link to a file that isn't there" if path.is_symlink() else "isn't there"
        raise DocumentError(source, reason) from error
    except OSError as error:
        raise DocumentError(source, f"can't be read: {error.strerror}") from error
