"""Question sets: JSON Lines, one question a line, each with every passage that answers it.

    {"id": "handbook-001", "question": "풋살공 몇 호야?", "kind": "rules", "style": "casual", "split": "dev",
     "answers": [{"source": "rules/ball.md", "heading": "풋살공은 몇 호인가요"}], "fact": ["4호"]}

`kind` (what it is about) and `style` (how it is typed) are free; results are shown by each of them. Questions
that nothing in the corpus answers have no answers. `split` says whether a question may be looked at while
something is tuned (`dev`) or only measured with (`test`), and `fact` what a right
answer says; both are optional.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from server.errors import QuestionError

Split = Literal["dev", "test"]


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What answers a question: the document, and exactly one way to tell the passage in it.

    `row` counts from 1 as the locator `row:N` does, `heading` is a heading that the passage stands under,
    `contains` are strings that the passage holds.
    """

    source: str
    row: int | None = None
    heading: str | None = None
    contains: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse an answer that could be judged in two ways, or in none."""
        if sum(pointer is not None for pointer in (self.row, self.heading, self.contains)) != 1:
            raise ValueError("an answer has exactly one of row, heading and contains")
        if self.contains == ():
            raise ValueError("contains is empty, so any passage would do")


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question as a player types it; any one of `answers` answers it, and says all strings of `fact`."""

    id: str
    question: str
    kind: str
    style: str
    answers: tuple[Answer, ...]
    split: Split | None = None
    fact: tuple[str, ...] = ()


def load_questions(path: Path, split: Split | None = None) -> tuple[Question, ...]:
    """Read a question set, or the questions of one split; blank lines are passed over.

    Raises:
        QuestionError: the file can't be read or holds no such question, or a line isn't a question.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise QuestionError(path, f"can't be read: {error.strerror}") from error
    questions = tuple(_decoded(lines, path))
    if not questions:
        raise QuestionError(path, "holds no question")
    if split is not None:
        questions = tuple(question for question in questions if question.split == split)
        if not questions:
            raise QuestionError(path, f"holds no question of the split {split}")
    return questions


def _decoded(lines: list[bytes], path: Path) -> Iterator[Question]:
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            question = msgspec.json.decode(line, type=Question)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise QuestionError(path, str(error), line=number) from error
        first = seen.setdefault(question.id, number)
        if first != number:
            raise QuestionError(path, f"the id {question.id} is line {first}'s already", line=number)
        yield question
