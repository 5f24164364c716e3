"""Walking a corpus: which files count, in which order, and what is said of the others."""

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from server.documents import corpus_digest, read_corpus, read_document
from server.domain import Document, Skipped
from server.errors import CorpusEmptyError, DocumentError

NOBODY = 65534  # the user without rights, on Linux and elsewhere


def sources(folder: Path) -> list[str]:
    return [document.source for document in read_corpus(folder) if isinstance(document, Document)]


def skipped(folder: Path) -> dict[str, str]:
    return {entry.source: entry.reason for entry in read_corpus(folder) if isinstance(entry, Skipped)}


def write(path: Path, text: str = "풋살은 재미있어요.") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_documents_come_sorted_by_source(tmp_path: Path) -> None:
    """Subfolders are walked and documents come in the order of their sources, whatever the file system's."""
    for name in ("나.txt", "b/c.md", "a.txt", "b/가/d.TXT", "b.txt"):
        write(tmp_path / name)
    assert sources(tmp_path) == ["a.txt", "b.txt", "b/c.md", "b/가/d.TXT", "나.txt"]
    assert skipped(tmp_path) == {}


def test_files_about_the_corpus_are_passed_over(tmp_path: Path) -> None:
    """Dotfiles, dot folders, README and LICENSE files are no documents, and not worth a report."""
    for name in (
        "README.md",
        "readme.ko.txt",
        "LICENSE.txt",
        "sub/LICENSE-CC.md",
        ".hidden.txt",
        ".git/a.txt",
    ):
        write(tmp_path / name)
    assert list(read_corpus(tmp_path)) == []


def test_what_cannot_be_read_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    """Each file that can't be read is named with its reason; none keeps the others from being read."""
    write(tmp_path / "good.txt")
    write(tmp_path / "old.hwp")
    write(tmp_path / "empty.txt", "")
    write(tmp_path / "blank.md", " \n\t\n")
    write(tmp_path / "bom.txt", "\ufeff")
    write(tmp_path / "header-only.csv", "Question,Answer\n")
    write(tmp_path / "broken.json", '[{"a": 1},\n {"a": }]')
    write(tmp_path / "broken.jsonl", '{"a": "하나"}\n{"b": "둘"\n')
    write(tmp_path / "deep.json", "[" * 100_000)
    write(tmp_path / "folder.txt" / "inside.txt")
    (tmp_path / "photo.txt").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    os.mkfifo(tmp_path / "pipe.txt")

    assert sources(tmp_path) == ["folder.txt/inside.txt", "good.txt"]
    reasons = skipped(tmp_path)
    expected = {
        "old.hwp": "format",
        "empty.txt": "empty",
        "blank.md": "empty",
        "bom.txt": "empty",
        "header-only.csv": "no text",
        "broken.json": "line 2",
        "broken.jsonl": "line 2",
        "deep.json": "nested",
        "folder.txt": "folder",
        "photo.txt": "binary",
        "dangling.txt": "link",
        "loop.txt": "can't be read",
        "pipe.txt": "regular",
    }
    assert reasons.keys() == expected.keys()
    assert {name: reason for name, reason in reasons.items() if expected[name] not in reason} == {}


@pytest.fixture
def anybodys_folder() -> Iterator[Path]:
    """A folder that every user may look into, which pytest's own folders forbid."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may read everything, so for a moment root is somebody else."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_files_and_folders_without_permission_are_reported(anybodys_folder: Path) -> None:
    """A file or a folder that may not be opened is reported by its own name."""
    write(anybodys_folder / "secret.txt").chmod(0)
    closed = write(anybodys_folder / "closed" / "a.txt").parent
    closed.chmod(0)
    try:
        with without_privileges():
            assert skipped(anybodys_folder).keys() == {"secret.txt", "closed"}
    finally:
        closed.chmod(0o700)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """The size limit is said together with the size."""
    path = write(tmp_path / "large.txt", "가" * 2**20)
    with pytest.raises(DocumentError, match=r"3\.0 MiB, over the limit of 2 MiB"):
        read_document(path, "large.txt", max_bytes=2 * 2**20)


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    """Asked for a folder by a document's name, the reader says so."""
    (tmp_path / "x.txt").mkdir()
    with pytest.raises(DocumentError, match="folder"):
        read_document(tmp_path / "x.txt", "x.txt")


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    """A linked folder is read; a link that leads round in a circle is reported and ends there."""
    write(tmp_path / "elsewhere" / "a.txt")
    write(tmp_path / "corpus" / "b.txt")
    (tmp_path / "corpus" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "corpus" / "circle").symlink_to(tmp_path / "corpus")
    assert sources(tmp_path / "corpus") == ["b.txt", "linked/a.txt"]
    assert skipped(tmp_path / "corpus").keys() == {"circle"}


def test_sources_are_nfc(tmp_path: Path) -> None:
    """A name that macOS wrote in loose jamo gives the same source; beside its twin it is refused."""
    name = "구장.txt"
    write(tmp_path / unicodedata.normalize("NFD", name))
    assert sources(tmp_path) == [name]
    write(tmp_path / name)
    assert sources(tmp_path) == [name]
    assert "rename" in skipped(tmp_path)[name]


def test_a_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    """A name in another encoding is reported in characters that can be printed."""
    path = os.fsencode(tmp_path) + b"/" + "규칙.txt".encode("cp949")
    Path(os.fsdecode(path)).write_text("규칙이에요.", encoding="utf-8")
    ((name, reason),) = skipped(tmp_path).items()
    assert name.isprintable()
    assert "UTF-8" in reason


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    """A corpus folder that isn't there is an error of its own, for reading and for the digest."""
    with pytest.raises(CorpusEmptyError, match="--corpus"):
        list(read_corpus(tmp_path / "none"))
    with pytest.raises(CorpusEmptyError, match="--corpus"):
        corpus_digest(tmp_path / "none")


def test_the_digest_changes_with_what_is_indexed(tmp_path: Path) -> None:
    """Content, name and presence of an indexable file change the digest; nothing else does."""
    write(tmp_path / "a.txt", "하나")
    write(tmp_path / "sub" / "b.csv", "둘")
    first = corpus_digest(tmp_path)
    write(tmp_path / "README.md")
    write(tmp_path / "photo.png")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    with_link = corpus_digest(tmp_path)
    (tmp_path / "gone.txt").unlink()
    assert corpus_digest(tmp_path) == first != with_link
    write(tmp_path / "a.txt", "하나!")
    changed = corpus_digest(tmp_path)
    (tmp_path / "a.txt").rename(tmp_path / "c.txt")
    assert len({first, changed, corpus_digest(tmp_path)}) == 3
