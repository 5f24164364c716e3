"""The questions over the handbook: enough of each sort, fairly split, each fact where it is said to be."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from server.documents import read_document
from server.domain import Block, Passage
from server.evaluate.judge import points_to, says
from server.evaluate.questions import Answer, Question, load_questions

ROOT = Path(__file__).resolve().parents[2]
ASKED = load_questions(ROOT / "tests" / "eval" / "handbook.jsonl")

WITHOUT_ANSWER = {"none", "role"}  # what no document answers, and what tries to make 풋풋이 somebody else
LEAST = 250
KINDS = {
    "rules": 60,
    "columns": 40,
    "faq": 30,
    "venues": 20,
    "history": 15,
    "glossary": 10,
    "about": 8,
    "none": 40,
    "role": 20,
}
STYLES = {
    "plain": 30,
    "casual": 40,
    "typo": 25,
    "nospace": 25,
    "keyword": 25,
    "english": 15,
    "long": 15,
    "indirect": 20,
}
UNEVEN = 0.15  # how far a split's share of a kind or a style may be from a half


@cache
def blocks(source: str) -> tuple[Block, ...]:
    return read_document(ROOT / "corpus" / source, source).blocks


def pointed_at(answer: Answer) -> list[Passage]:
    found = (
        Passage("", answer.source, block.title, block.locator, block.text) for block in blocks(answer.source)
    )
    return [passage for passage in found if points_to(answer, passage)]


def test_there_are_enough_of_each_sort() -> None:
    """The whole set, each kind and each style have the questions that their figures rest on."""
    kinds = Counter(question.kind for question in ASKED)
    styles = Counter(question.style for question in ASKED)
    assert len(ASKED) >= LEAST
    assert {name: kinds[name] for name, least in KINDS.items() if kinds[name] < least} == {}
    assert {name: styles[name] for name, least in STYLES.items() if styles[name] < least} == {}
    assert set(kinds) | set(styles) == set(KINDS) | set(STYLES)


@pytest.mark.parametrize("of", ["kind", "style"])
def test_the_split_is_even(of: str) -> None:
    """Every question is in dev or test, and of each kind and style about half is in each."""
    assert {question.split for question in ASKED} == {"dev", "test"}
    groups = Counter(getattr(question, of) for question in ASKED)
    dev = Counter(getattr(question, of) for question in ASKED if question.split == "dev")
    assert {name: dev[name] / n for name, n in groups.items() if abs(dev[name] / n - 0.5) > UNEVEN} == {}


def test_what_has_an_answer_has_a_fact() -> None:
    """Questions that something answers name passages and the fact; the others name neither."""
    wrong = [
        question.id
        for question in ASKED
        if not (bool(question.answers) == bool(question.fact) == (question.kind not in WITHOUT_ANSWER))
    ]
    assert wrong == []


@pytest.mark.parametrize("question", [asked for asked in ASKED if asked.answers], ids=lambda asked: asked.id)
def test_each_answer_is_there_and_says_the_fact(question: Question) -> None:
    """Each pointer leads to a passage, and at least one of these says what a right answer says."""
    passages = [pointed_at(answer) for answer in question.answers]
    assert all(passages), [
        answer for answer, found in zip(question.answers, passages, strict=True) if not found
    ]
    assert any(says(question.fact, passage) for found in passages for passage in found), question.fact
