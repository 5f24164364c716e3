"""Whether a passage answers a question, told from where the passage stands and what it holds."""

import re
import unicodedata
from collections.abc import Collection, Iterable

from server.domain import Passage
from server.evaluate.questions import Answer, Question

_ROW = re.compile(r"row:(\d+)(?:#\d+)?")
_HEADING = re.compile(r"heading:(.*?)(?:#\d+)?", re.DOTALL)
_BETWEEN_HEADINGS = " > "


def rank(answers: Iterable[Answer], passages: Iterable[Passage]) -> int | None:
    """The place, from 1, of the first passage that any of the answers points to; None if there is none."""
    known = tuple(answers)
    places = enumerate(passages, start=1)
    return next(
        (place for place, passage in places if any(points_to(answer, passage) for answer in known)), None
    )


def out_of_reach(questions: Iterable[Question], passages: Collection[Passage]) -> list[Question]:
    """Those whose answers all point to no passage: the set is about another corpus, or an older one."""
    return [
        question for question in questions if question.answers and rank(question.answers, passages) is None
    ]


def points_to(answer: Answer, passage: Passage) -> bool:
    """Whether the passage is one that the answer names.

    Every part of a row that was too long for one passage counts as the row, and every passage below a heading
    as the heading's. Strings are looked for in the passage's own text; spacing doesn't count, as much text is
    spaced by accident.
    """
    if answer.source != passage.source:
        return False
    if answer.row is not None:
        found = _ROW.fullmatch(passage.locator)
        return found is not None and int(found[1]) == answer.row
    if answer.heading is not None:
        found = _HEADING.fullmatch(passage.locator)
        return found is not None and _delimited(answer.heading) in _delimited(found[1])
    return says(answer.contains or (), passage)


def says(fact: Iterable[str], passage: Passage) -> bool:
    """Whether the passage's own text holds all strings of a fact; spacing doesn't count."""
    text = _squeezed(passage.text)
    return all(_squeezed(part) in text for part in fact)


def _delimited(path: str) -> str:
    return f"{_BETWEEN_HEADINGS}{unicodedata.normalize('NFC', path)}{_BETWEEN_HEADINGS}"


def _squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())
