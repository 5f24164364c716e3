"""A row of a table, or an object of a JSON list, as one block that reads well alone."""

import re
from collections.abc import Sequence

from server.domain import Block, BlockKind

QUESTIONS = frozenset({"question", "q", "질문"})
ANSWERS = frozenset({"answer", "a", "답변", "답"})
# Columns that number the rows: they say nothing about the row itself.
NUMBERS = frozenset({"", "id", "no", "no.", "번호", "index"})
REMARKS = frozenset({"remark", "remarks", "note", "비고"})
# `예시입니다`, `예시: …`; but not `예시 사진 있음`.
EXAMPLE = re.compile(r"예시(?:입니다|이다|예요|임|$|[:.,])|^(?:an )?example\b[.:,]?", re.IGNORECASE)
MAX_TITLE_CHARS = 60

Field = tuple[str, str]  # label and value; the label is empty where the table has no header


def row_block(fields: Sequence[Field], locator: str, headings: tuple[str, ...] = ()) -> Block | None:
    """The block of one row; None if all its values are blank.

    A question and its answer stand under each other, other labelled columns below them; without a question
    each value follows its label, a line each. The title is the question, else the first value. A row whose
    remark (비고) says 예시입니다 is an example.
    """
    filled = [(label.strip(), value.strip()) for label, value in fields if value.strip()]
    if any(label for label, _ in filled):
        filled = [field for field in filled if not _numbers_the_row(field)] or filled
    if not filled:
        return None
    example = any(label.casefold() in REMARKS and EXAMPLE.search(value) for label, value in filled)
    question = next((field for field in filled if field[0].casefold() in QUESTIONS), None)
    answer = next((field for field in filled if field[0].casefold() in ANSWERS), None)
    if question and answer:
        rest = [_line(field) for field in filled if field is not question and field is not answer]
        text = "\n".join([question[1], answer[1], *rest])
        return Block(text, question[1], locator, BlockKind.ROW, headings, example)
    text = "\n".join(map(_line, filled))
    return Block(text, shortened(filled[0][1]), locator, BlockKind.ROW, headings, example)


def shortened(text: str) -> str:
    """The first sentence of a text, cut after a word and marked with … where it is too long for a title."""
    sentence = " ".join(re.split(r"(?<=[.!?。])\s", text.strip(), maxsplit=1)[0].split())
    if len(sentence) <= MAX_TITLE_CHARS:
        return sentence
    head = sentence[:MAX_TITLE_CHARS]
    return f"{head.rpartition(' ')[0] or head}…"


def _line(field: Field) -> str:
    label, value = field
    return f"{label}: {value}" if label else value


def _numbers_the_row(field: Field) -> bool:
    label, value = field
    return label.casefold() in NUMBERS and value.isdecimal()
