"""A folder of documents: what is in it, what of it can be read, and whether anything changed."""

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from server.documents.reading import MAX_BYTES, SUFFIXES, read_document
from server.domain import Document, Skipped
from server.errors import CorpusEmptyError, DocumentError

ABOUT_THE_CORPUS = ("README", "LICENSE", "LICENCE")


def read_corpus(folder: Path, *, max_bytes: int = MAX_BYTES) -> Iterator[Document | Skipped]:
    """Read every document below a folder, ordered by source; what can't be read comes as `Skipped`.

    Links are followed, each folder once. Dotfiles, and files whose names begin with README or LICENSE (they
    are about the corpus, not of it), are passed over without a word.

    Raises:
        CorpusEmptyError: there is no such folder.
    """
    for source, found in _entries(folder):
        if isinstance(found, Skipped):
            yield found
            continue
        try:
            yield read_document(found, source, max_bytes=max_bytes)
        except DocumentError as error:
            yield Skipped(error.source, error.reason)


def corpus_digest(folder: Path) -> str:
    """SHA-256, in hex, over the source and the bytes of every file that `read_corpus` would try to read.

    Equal digests mean that nothing needs reading again. Files are streamed; one that can't be opened counts
    as such.

    Raises:
        CorpusEmptyError: there is no such folder.
    """
    digest = hashlib.sha256()
    for source, found in _entries(folder):
        if isinstance(found, Skipped) or not is_indexable(found):
            continue
        name = source.encode()
        digest.update(len(name).to_bytes(8, "big") + name + _file_digest(found))
    return digest.hexdigest()


def is_indexable(path: Path) -> bool:
    """Whether the file's name says that there is a reader for it."""
    return path.suffix.lower() in SUFFIXES


def _file_digest(path: Path) -> bytes:
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            return b"unreadable"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b"unreadable"


def _entries(folder: Path) -> list[tuple[str, Path | Skipped]]:
    if not folder.is_dir():
        raise CorpusEmptyError(folder)
    return sorted(_distinct(_walk(folder)), key=lambda entry: entry[0])


def _walk(folder: Path) -> Iterator[tuple[str, Path | Skipped]]:
    problems: list[OSError] = []
    seen = {folder.resolve()}
    for here, folders, files in os.walk(folder, followlinks=True, onerror=problems.append):
        descend = []
        # Links come last: what is in a folder is known by the folder's own name where it has one here.
        for path in sorted(
            (Path(here, name) for name in folders), key=lambda path: (path.is_symlink(), path)
        ):
            if path.name.startswith("."):
                continue
            source = _source(path, folder)
            if (real := path.resolve()) in seen:
                yield source, Skipped(source, "is a folder that is read under another name already")
                continue
            seen.add(real)
            descend.append(path.name)
            if is_indexable(path):
                yield (
                    source,
                    Skipped(source, "is a folder in spite of its name; the files in it are read as such"),
                )
        folders[:] = descend
        for path in sorted(Path(here, name) for name in files):
            if not path.name.startswith(".") and not path.name.upper().startswith(ABOUT_THE_CORPUS):
                yield _source(path, folder), path
    for problem in problems:
        source = _source(Path(problem.filename), folder)
        yield source, Skipped(source, f"can't be opened: {problem.strerror}")


def _distinct(entries: Iterator[tuple[str, Path | Skipped]]) -> Iterator[tuple[str, Path | Skipped]]:
    """Skip files without a source of their own: a name that isn't UTF-8, or is another's after NFC."""
    taken: set[str] = set()
    for source, found in entries:
        shown = source.encode(errors="replace").decode()
        if shown != source:
            yield shown, Skipped(shown, "has a name that isn't UTF-8; rename it")
        elif source in taken:
            yield (
                source,
                Skipped(
                    source, "has the name of another file, only composed of other code points; rename it"
                ),
            )
        else:
            taken.add(source)
            yield source, found


def _source(path: Path, folder: Path) -> str:
    return unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
