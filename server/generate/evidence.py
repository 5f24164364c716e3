"""Which statements answer a question: pure, by the words that both share."""

import math
import re
from collections.abc import Callable, Mapping, Sequence

from server.generate.statements import Statement

Content = Callable[[str], frozenset[str]]

MOST_STATEMENTS = 3
LEAST_COVERAGE = 0.4  # of the question's weighted words; below it, the passages don't hold the answer
NEARLY_AS_GOOD = 0.85  # of the best statement's score: what else is said beside it
UNDER_HEADING = 0.8  # what a word counts that stands in a statement's heading only
PART_OF_WORD = 0.7  # what a word counts of which only character pairs are found
RANK_DISCOUNT = 0.06  # a passage further down the search's ranking is that much less likely the right one
KIND_BONUS = 1.4

_KINDS = (  # what a question asks for, and what an answer to that looks like
    (
        re.compile(r"몇|얼마|언제|시간|가격|크기|규격|인원"),
        re.compile(r"\d|한 번|두 번|[한두세네] |다섯|여섯|열|절반|제한"),
    ),
    (
        re.compile(r"어디|위치|주소|장소|가는 ?길"),
        re.compile(r"주소|[로길] ?\d|역에서|근처"),
    ),
)


def select_evidence(question: str, statements: Sequence[Statement], content: Content) -> list[Statement]:
    """The one to three statements that best answer the question, in reading order; none if none does.

    All are of one document: beside the best one, what another document says of the same words seldom belongs.

    A statement's score is the share of the question's content words that it holds, rarer ones counting more;
    words of its heading count less, and so do words of which it holds only character pairs (`작전타임` in
    `작전 타임`, or misspelt). Numbers are preferred where a number is asked for, and addresses for places.

    Args:
        question: the player's own words.
        statements: what may answer it, the best passage's first.
        content: the content words of a text.
    """
    coverage = coverages(question, statements, content)
    if max(coverage, default=0.0) < LEAST_COVERAGE:
        return []
    looked_for = [answer for asked, answer in _KINDS if asked.search(question)]
    scores = [
        covered
        * (1 - RANK_DISCOUNT * statement.passage)
        * (KIND_BONUS if _fits(statement, looked_for) else 1)
        for covered, statement in zip(coverage, statements, strict=True)
    ]
    best = max(scores)
    ranked = sorted(range(len(scores)), key=lambda position: -scores[position])
    chosen = [
        position
        for position in ranked[:MOST_STATEMENTS]
        if scores[position] >= NEARLY_AS_GOOD * best
        and coverage[position] >= LEAST_COVERAGE
        and statements[position].source == statements[ranked[0]].source
    ]
    return [statements[position] for position in sorted(chosen)]


def coverages(question: str, statements: Sequence[Statement], content: Content) -> list[float]:
    """Of each statement the share of the question's content words that it holds, rarer ones counting more.

    0 for all of them if the question has no such words.
    """
    words = content(question)
    held = [_held(words, statement, content) for statement in statements]
    rarity = {
        word: math.log(1 + (1 + len(held)) / (0.5 + sum(share[word] for share in held))) for word in words
    }
    total = sum(rarity.values()) or 1.0
    return [sum(rarity[word] * share for word, share in shares.items()) / total for shares in held]


def coverage(words: frozenset[str], text: str, content: Content) -> float:
    """The share of `words` that `text` holds, between 0 and 1; 1 if there are none."""
    found = content(text)
    return sum(_share(word, found, text) for word in words) / len(words) if words else 1.0


def _held(words: frozenset[str], statement: Statement, content: Content) -> Mapping[str, float]:
    said, above = content(statement.text), content(statement.about)
    return {
        word: max(_share(word, said, statement.text), UNDER_HEADING * _share(word, above, statement.about))
        for word in words
    }


def _share(word: str, found: frozenset[str], text: str) -> float:
    if word in found:
        return 1.0
    unspaced = "".join(text.casefold().split())
    pairs = [word[start : start + 2] for start in range(len(word) - 1)]
    if not pairs:
        return PART_OF_WORD / 2 if word in unspaced else 0.0
    return PART_OF_WORD * sum(pair in unspaced for pair in pairs) / len(pairs)


def _fits(statement: Statement, looked_for: Sequence[re.Pattern[str]]) -> bool:
    return any(answer.search(statement.text) for answer in looked_for)
