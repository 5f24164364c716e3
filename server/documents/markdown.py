"""Markdown: sections to prose, tables and code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from server.documents.markdown_syntax import CODE, PART
from server.documents.values import fill_in
from server.domain import Block, BlockKind, Document

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:[^\n]*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
FRONT_TITLE = re.compile(r"^title:[ \t]*(['\"]?)(.+?)\1[ \t]*$", re.MULTILINE)
FRONT_EXAMPLE = re.compile(r"^example:[ \t]*true[ \t]*$", re.MULTILINE)

CODE_OR_COMMENT = re.compile(rf"{CODE}|<!--[\s\S]*?-->", re.MULTILINE)


def read_markdown(text: str, source: str, title: str) -> Document:
    """Read the sections under `#` headings; headings underlined with = or - are read as prose.

    A section's locator is its path of headings; what stands before the first heading has `offset:N`. Fenced
    code and tables are blocks of their own, kept whole where they fit. Front matter isn't indexed, but its
    `title`, else the first heading of level one, is the document's; with `example: true` in it, all of the
    document is content to be replaced. HTML comments are dropped, save in code. Values that the document
    names once in a table are filled in (`server.documents.values`).

    Raises:
        DocumentError: the document's values can't be filled in.
    """
    front = FRONT_MATTER.match(text)
    named = FRONT_TITLE.search(front.group()) if front else None
    example = front is not None and FRONT_EXAMPLE.search(front.group()) is not None
    # What isn't read is blanked, not cut out, so that offsets stay those of the file.
    if front:
        text = _blank(front) + text[front.end() :]
    text = CODE_OR_COMMENT.sub(lambda found: found["code"] or _blank(found), text)
    text = fill_in(text, source)
    sections = _sections(text)
    level_one = (section.path[-1] for section in sections if section.level == 1)
    title = named[2] if named else next(level_one, title)
    return Document(
        source,
        title,
        tuple(block for section in sections for block in section.blocks(title)),
        example=example,
    )


@dataclass(slots=True)
class _Section:
    """A heading with its path from the outermost one, and what stands below it up to the next heading."""

    level: int
    path: tuple[str, ...]
    parts: list[tuple[BlockKind, int, str]] = field(default_factory=list)

    def add(self, kind: BlockKind, offset: int, text: str) -> None:
        if text.strip():
            self.parts.append((kind, offset, text))

    def blocks(self, document_title: str) -> Iterator[Block]:
        title = self.path[-1] if self.path else document_title
        for kind, offset, text in self.parts:
            locator = f"heading:{' > '.join(self.path)}" if self.path else f"offset:{offset}"
            yield Block(text, title, locator, kind, self.path)


def _sections(text: str) -> list[_Section]:
    """The sections in order. One with nothing under its heading has the heading for its text."""
    above: list[_Section] = []
    sections = [_Section(0, ())]
    end = 0
    for part in PART.finditer(text):
        sections[-1].add(BlockKind.PROSE, end, text[end : part.start()])
        end = part.end()
        if not part["words"]:
            sections[-1].add(BlockKind.ROW, part.start(), part.group())
            continue
        level = len(part["marks"])
        above = [section for section in above if section.level < level]
        sections.append(_Section(level, (*(above[-1].path if above else ()), part["words"])))
        above.append(sections[-1])
    sections[-1].add(BlockKind.PROSE, end, text[end:])
    for section, following in pairwise([*sections, _Section(0, ())]):
        if section.path and not section.parts and following.level <= section.level:
            section.add(BlockKind.PROSE, 0, section.path[-1])
    return sections


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found.group())
