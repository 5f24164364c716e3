"""Whether the passages say what a model's sentence says: pure, by words, numbers and denial.

The check is for models so small that they garble what they read. It is strict: a right sentence in words of
its own may be refused, and a wrong one in the passages' words may pass.
"""

import re
from collections.abc import Sequence

from server.generate.evidence import RANK_DISCOUNT, Content, coverage, coverages
from server.generate.statements import Statement

LEAST_SAID = 0.75  # of the sentence's content words, by one statement with its heading
AS_NEAR = 0.8  # of the best statement's share of the question: how near one that supports must be

_NUMBER = re.compile(r"\d+(?:[.,:~]\d+)*\s*(?:시간|개월|[가-힣a-zA-Z%℃])?")
_WORDS = ("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열")
_NUMERALS = {word: str(value) for value, word in enumerate(_WORDS, start=1)}
_COUNTED = re.compile(
    rf"(?<![가-힣])({'|'.join(_NUMERALS)})\s?(?=(?:번|명|개|초|분|회|골|장|시간|가지|팀|사람))"
)
_MARKER = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s")  # of a list's item
_DENIAL = re.compile(r"없|않|아니|아닙|(?<![가-힣])[안못]\s|못[하해합]|금지|불가|안\s?[돼되됩]|지\s?[마말]")


class Grounds:
    """What one question's passages state, to hold each sentence of an answer against."""

    def __init__(self, question: str, statements: Sequence[Statement], content: Content) -> None:
        """Find the statements nearest to the question: of one document, as `select_evidence` does."""
        self._content = content
        self._asked = content(question)
        shares = coverages(question, statements, content)
        nearness = [
            (share * (1 - RANK_DISCOUNT * statement.passage), statement)
            for share, statement in zip(shares, statements, strict=True)
            if share
        ]
        best, nearest = max(nearness, key=lambda near: near[0], default=(0.0, None))
        self._near = [
            statement
            for near, statement in nearness
            if nearest and near >= AS_NEAR * best and statement.source == nearest.source
        ]

    def support(self, sentence: str) -> bool:
        """Whether one of the statements nearest to the question says what the sentence says.

        It must hold the sentence's words and all of its numbers with their units, and deny where the sentence
        denies. A question is no answer, and a sentence that only says the player's again (`네, 있어요.`) says
        nothing that could be checked.
        """
        sentence = _MARKER.sub("", sentence)
        numbers = _numbers(sentence)
        words = self._content(sentence)
        if sentence.rstrip().endswith("?") or (not numbers and words <= self._asked):
            return False
        return any(self._says(statement, sentence, words, numbers) for statement in self._near)

    def _says(self, statement: Statement, sentence: str, words: frozenset[str], numbers: set[str]) -> bool:
        whole = f"{statement.about} {statement.text}"
        return (
            numbers <= _numbers(whole)
            and bool(_DENIAL.search(sentence)) == bool(_DENIAL.search(statement.text))
            and coverage(words - self._asked, whole, self._content) >= LEAST_SAID
        )


def _numbers(text: str) -> set[str]:
    text = _COUNTED.sub(lambda found: _NUMERALS[found[1]], text)
    return {"".join(found.split()) for found in _NUMBER.findall(text)}
