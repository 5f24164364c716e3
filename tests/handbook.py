"""Our own documents as the tests read them: files, sections, and sentences that say where they stand."""

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from server.documents import read_document

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
README = CORPUS / "README.md"
FAQ = CORPUS / "faq" / "faq.md"
GLOSSARY = CORPUS / "glossary" / "glossary.md"
FACTS = CORPUS / "rules" / "facts.csv"
VENUES = CORPUS / "venues" / "venues.csv"

SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n")
SECTION = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)


class Section(NamedTuple):
    """What stands under one heading, up to the next; `level` is the heading's number of `#`."""

    level: int
    heading: str
    text: str


class Sentence(NamedTuple):
    """A sentence, heading or table row as the index reads it, the document's values filled in.

    A heading stands under none: its `heading` is empty.
    """

    source: str
    heading: str
    text: str


def articles(folder: str = ".") -> list[Path]:
    """The Markdown files that are indexed, sorted."""
    found = (CORPUS / folder).rglob("*.md")
    return sorted(path for path in found if not path.name.startswith("README"))


def tables() -> list[Path]:
    return sorted(CORPUS.rglob("*.csv"))


def source(path: Path) -> str:
    return path.relative_to(CORPUS).as_posix()


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines, strict=True))


def front_matter(path: Path) -> tuple[dict[str, str], str]:
    """The keys of a file's front matter with their values as written, and the body below it."""
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    keys = re.findall(r"^(\w+):(.*(?:\n  - .*)*)", head, flags=re.MULTILINE)
    return {key: value.strip() for key, value in keys}, body


def sections(path: Path) -> list[Section]:
    """The sections as written, placeholders and all."""
    parts = SECTION.split(front_matter(path)[1])[1:]
    marks, headings, texts = parts[::3], parts[1::3], parts[2::3]
    return [
        Section(len(mark), heading, text.strip())
        for mark, heading, text in zip(marks, headings, texts, strict=True)
    ]


@cache
def sentences(path: Path) -> tuple[Sentence, ...]:
    return tuple(_sentences(path))


def _sentences(path: Path) -> Iterator[Sentence]:
    for block in read_document(path, source(path)).blocks:
        yield Sentence(source(path), "", block.title)
        for text in SENTENCE_END.split(block.text):
            if text.strip():
                yield Sentence(source(path), block.title, text.strip())
