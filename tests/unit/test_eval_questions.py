"""The question sets in tests/eval are well formed, and each answer points at a passage that is really there.

``seed.jsonl`` asks about an operator's own documents, which are never part of this tree: they are looked for
in ``FUTFUT_SEED_CORPUS``, or else beside the repository. Every other set asks about ``corpus/``; what more
the questions over the handbook must be stands in ``test_handbook_questions.py``.
"""

import csv
import os
import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

ROOT = Path(__file__).resolve().parents[2]
SEED_CORPUS = Path(os.environ.get("FUTFUT_SEED_CORPUS") or ROOT.parent / "shared" / "seed-corpus")
SETS = sorted((ROOT / "tests" / "eval").glob("*.jsonl"))

WITHOUT_HEADER = {"goalava.csv"}
PASSAGE_CHARS = 300  # the keys of one answer lie this close together, so that one passage can hold them all
CHANCE_CHARS = 500  # the longest passage in which keys could meet by accident
CHANCE_PLACES = 2  # one rule is often stated in two neighbouring sentences; more than that is no pointer

# A kind's or a style's score is read by itself, so each needs enough questions to mean something.
SEED_KINDS = {"rules": 70, "venues": 45, "columns": 35, "faq": 30, "history": 20, "team": 12, "none": 30}
SEED_STYLES = {"plain": 40, "casual": 40, "typo": 30, "nospace": 30, "keyword": 30, "english": 10, "long": 10}

Key = Annotated[str, msgspec.Meta(min_length=2, max_length=12)]


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One passage that answers: a file, and exactly one way to find the passage in it."""

    source: str
    row: Annotated[int, msgspec.Meta(ge=1)] | None = None
    contains: Annotated[tuple[Key, ...], msgspec.Meta(min_length=1, max_length=4)] | None = None
    heading: str | None = None


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question as a player types it, and every passage that answers it."""

    id: str
    question: Annotated[str, msgspec.Meta(min_length=4)]
    kind: Literal["rules", "venues", "columns", "faq", "history", "team", "glossary", "about", "none", "role"]
    style: Literal["plain", "casual", "typo", "nospace", "keyword", "english", "long", "indirect"]
    answers: tuple[Answer, ...]
    split: Literal["dev", "test"] | None = None
    fact: tuple[Key, ...] = ()


@cache
def questions(path: Path) -> tuple[Question, ...]:
    return tuple(msgspec.json.decode(line, type=Question) for line in path.read_bytes().splitlines())


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


@cache
def rows_of(path: Path) -> tuple[tuple[str, ...], ...]:
    rows = tuple(tuple(row) for row in csv.reader(text_of(path).splitlines(keepends=True)))
    return rows if path.name in WITHOUT_HEADER else rows[1:]


@cache
def squeezed(path: Path) -> tuple[str, tuple[int, ...]]:
    """Return the file's text without white space, and where each of its characters stands in the file."""
    text = text_of(path)
    offsets = tuple(i for i, char in enumerate(text) if not char.isspace())
    return "".join(text[i] for i in offsets), offsets


def places(path: Path, keys: tuple[str, ...], limit: int) -> list[tuple[int, int]]:
    """Find the separate stretches of at most ``limit`` characters that hold all ``keys``, spacing ignored."""
    text, offsets = squeezed(path)
    bare = ["".join(key.split()) for key in keys]
    starts = sorted({match.start() for key in bare for match in re.finditer(re.escape(key), text)})
    found: list[tuple[int, int]] = []
    for start in starts:
        ends = [at + len(key) for key in bare if (at := text.find(key, start)) >= 0]
        if len(ends) < len(bare):
            break
        first, last = offsets[start], offsets[max(ends) - 1] + 1
        if last - first > limit:
            continue
        if found and first < found[-1][1]:
            found.pop()  # the later start is the tighter stretch of the same place
        found.append((first, last))
    return found


def corpus_of(path: Path) -> Path:
    """Return the folder that a set asks about, or skip when it is the operator's and not here."""
    if path.stem != "seed":
        return ROOT / "corpus"
    if not SEED_CORPUS.is_dir():
        pytest.skip(f"no seed corpus at {SEED_CORPUS}: set FUTFUT_SEED_CORPUS to check its pointers")
    return SEED_CORPUS


def problem(answer: Answer, corpus: Path) -> str | None:
    """Say what is wrong with where an answer points, or None when the passage is there."""
    path = corpus / answer.source
    if not path.is_file():
        return f"no file {answer.source}"
    if answer.row is not None:
        count = len(rows_of(path))
        return None if answer.row <= count else f"{answer.source} has {count} rows, not {answer.row}"
    if answer.heading is not None:
        headings = re.findall(r"(?m)^#{1,6}\s+(.+?)\s*$", text_of(path))
        return None if answer.heading in headings else f"{answer.source} has no heading {answer.heading!r}"
    keys = answer.contains or ()
    if not places(path, keys, PASSAGE_CHARS):
        return f"{answer.source} holds {keys} nowhere within {PASSAGE_CHARS} characters"
    chance = len(places(path, keys, CHANCE_CHARS))
    return f"{answer.source} holds {keys} in {chance} places" if chance > CHANCE_PLACES else None


def test_there_is_a_question_set() -> None:
    """The sets are where the tests look for them, or every check below would pass on nothing."""
    assert "seed.jsonl" in [path.name for path in SETS]


def test_the_seed_set_asks_enough_of_each_sort() -> None:
    """Every kind and style has the questions that its own score rests on."""
    asked = questions(ROOT / "tests" / "eval" / "seed.jsonl")
    kinds = Counter[str](question.kind for question in asked)
    styles = Counter[str](question.style for question in asked)
    assert {name: kinds[name] for name, least in SEED_KINDS.items() if kinds[name] < least} == {}
    assert {name: styles[name] for name, least in SEED_STYLES.items() if styles[name] < least} == {}


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_each_id_and_question_is_used_once(path: Path) -> None:
    """Results are reported by id, and a question asked twice would count twice."""
    asked = questions(path)
    ids = Counter(question.id for question in asked)
    texts = Counter("".join(question.question.split()) for question in asked)
    assert [name for name, count in (ids + texts).items() if count > 1] == []
    assert [question.id for question in asked if not question.id.startswith(f"{path.stem}-")] == []


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_only_some_kinds_have_no_answers(path: Path) -> None:
    """An answerable question names what answers it; one of kind none or role names nothing."""
    wrong = [
        question.id
        for question in questions(path)
        if (question.kind in {"none", "role"}) == bool(question.answers)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_each_answer_points_in_one_way(path: Path) -> None:
    """An answer has a row, keys or a heading: exactly one, so that there is one way to judge a passage."""
    wrong = [
        (question.id, answer)
        for question in questions(path)
        for answer in question.answers
        if sum(pointer is not None for pointer in (answer.row, answer.contains, answer.heading)) != 1
    ]
    assert wrong == []


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_file_names_and_questions_are_composed(path: Path) -> None:
    """Names and text are NFC: a decomposed 가 looks the same, and matches nothing."""
    text = path.read_text(encoding="utf-8")
    assert unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_an_unspaced_question_has_no_spaces(path: Path) -> None:
    """The style nospace means what it says, or its score measures something else."""
    wrong = [
        question.id
        for question in questions(path)
        if question.style == "nospace" and " " in question.question
    ]
    assert wrong == []


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_each_answer_is_in_the_corpus(path: Path) -> None:
    """Each row and heading exists, and each set of keys meets in one passage and hardly anywhere else."""
    corpus = corpus_of(path)
    wrong = [
        (question.id, found)
        for question in questions(path)
        for answer in question.answers
        if (found := problem(answer, corpus))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_no_question_is_copied_from_the_corpus(path: Path) -> None:
    """A question in a document's own words would measure string matching, and would copy the document."""
    corpus = corpus_of(path)
    texts = [squeezed(file)[0] for file in sorted(corpus.rglob("*")) if file.is_file()]
    sentences = {
        asked.id: "".join(asked.question.split()).strip("?!.")
        for asked in questions(path)
        if asked.style != "keyword"  # a bare term is the document's own by nature
    }
    assert [name for name, words in sentences.items() if any(words in text for text in texts)] == []
