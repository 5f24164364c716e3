"""A passage counts as an answer exactly when the question set points to it."""

import unicodedata

import pytest

from server.domain import Passage
from server.evaluate.judge import out_of_reach, points_to, rank
from server.evaluate.questions import Answer, Question


def passage(locator: str, *, source: str = "규칙.md", text: str = "본문") -> Passage:
    """Make a passage that stands somewhere."""
    return Passage(id=f"{source}/{locator}", source=source, title="제목", locator=locator, text=text)


@pytest.mark.parametrize(
    ("locator", "counts"),
    [
        ("row:1", True),
        ("row:1#2", True),
        ("row:12", False),
        ("row:11", False),
        ("row:faq/1", False),
        ("heading:1", False),
        ("offset:1-9", False),
    ],
)
def test_a_row_is_told_by_its_whole_number(locator: str, counts: bool) -> None:
    """Every part of the row counts, and no row whose number only begins or ends alike."""
    assert points_to(Answer("규칙.md", row=1), passage(locator)) is counts


@pytest.mark.parametrize(
    ("heading", "counts"),
    [
        ("작전 타임", True),
        ("경기 시간", True),
        ("경기 시간 > 작전 타임", True),
        ("연장전 > 작전 타임", False),
        ("작전", False),
        ("타임", False),
    ],
)
@pytest.mark.parametrize("part", ["", "#2"])
def test_a_heading_is_told_whole(heading: str, counts: bool, part: str) -> None:
    """A heading, or several in a row, of the passage's path count; a piece of one doesn't."""
    found = passage(f"heading:경기 시간 > 작전 타임{part}")
    assert points_to(Answer("규칙.md", heading=heading), found) is counts


def test_a_heading_is_composed_before_it_is_compared() -> None:
    """A heading typed as loose jamo is the same heading."""
    answer = Answer("규칙.md", heading=unicodedata.normalize("NFD", "작전 타임"))
    assert points_to(answer, passage("heading:작전 타임"))


def test_contained_strings_ignore_spacing() -> None:
    """All strings must be there, however the text is spaced or composed."""
    text = unicodedata.normalize("NFD", "골키퍼는 4 초까지\n만 가 질 수 있다")
    assert points_to(Answer("규칙.md", contains=("4초까지만", "가질수")), passage("offset:0-9", text=text))
    assert not points_to(Answer("규칙.md", contains=("4초까지만", "5초")), passage("offset:0-9", text=text))


def test_another_document_never_counts() -> None:
    """The same place in another file is another passage."""
    assert not points_to(Answer("규칙.md", row=1), passage("row:1", source="질문.md"))


def test_the_rank_is_that_of_the_first_answer() -> None:
    """Places count from 1, and any of the answers will do."""
    answers = (Answer("규칙.md", row=9), Answer("규칙.md", row=2))
    assert rank(answers, [passage("row:1"), passage("row:2"), passage("row:9")]) == 2
    assert rank(answers, [passage("row:1")]) is None
    assert rank((), [passage("row:1")]) is None


def test_answers_that_point_nowhere_are_found_out() -> None:
    """A question is out of reach when none of its answers is a passage; one without answers never is."""
    lost, half, none = (
        Question(id=name, question="?", kind="rules", style="plain", answers=answers)
        for name, answers in (
            ("lost", (Answer("규칙.md", row=9),)),
            ("half", (Answer("규칙.md", row=9), Answer("규칙.md", row=1))),
            ("none", ()),
        )
    )
    assert out_of_reach((lost, half, none), [passage("row:1")]) == [lost]
