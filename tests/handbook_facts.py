"""Holding sentences to the table of facts: which of them state a fact, and what they say it is."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from tests.handbook import FACTS, Sentence, rows

# What the patterns of tests/data/corpus_facts.toml may write for short. A sentence is searched with its
# heading before it, "heading > sentence": a gap stays on one side of that mark.
SHORTHANDS: Mapping[str, str] = {
    "…": r"[^>]*?",
    "<수>": r"(\d+(?:\.\d+)?(?:~\d+(?:\.\d+)?)?)",
    "<제재>": r"(경고|퇴장)",
    "<재개>": (
        r"((?:다시 )?"
        r"(?:간접 프리킥|직접 프리킥|페널티킥|드롭볼|코너킥|킥인|골 클리어런스|킥오프|득점(?! 기회)))"
    ),
}

HEADING_END = " > "

NUMERALS = {
    "한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10,
}  # fmt: skip
NUMERAL = re.compile(rf"(?<![가-힣])({'|'.join(NUMERALS)}) ?(?=번째|번|명|가지|개|골)")
BOUNDS = re.compile(r"(\d+)(cm|m|g)(?: 이상|에서) (\d+)\2(?: 이하)?(?!\w* 떨어)")
DENIED = re.compile(r"(?:경고|퇴장|득점|\w{2} 프리킥|페널티킥|플레이)[이가] 아니(?:라|고|며),? ")
AGAIN = re.compile(r"(킥오프|드롭볼|페널티킥|골 클리어런스)[을를] 다시 ")
OPPONENT = re.compile(r"^상대 팀의 ")


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the table: `value` is a number, a range with ~, or what a breach of the Law brings."""

    law: str
    name: str
    value: str
    unit: str
    edition: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a sentence says of a fact; `start` and `end` are the value's place in what is `normalized`."""

    fact: Fact
    sentence: Sentence
    value: str
    start: int
    end: int

    @property
    def holds(self) -> bool:
        """Whether the table says the same; whose restart it is goes without saying."""
        return self.value == OPPONENT.sub("", self.fact.value)

    def __str__(self) -> str:
        return (
            f"{self.sentence.source}, {self.sentence.heading!r}: {self.sentence.text!r} gives {self.value!r} "
            f"for {self.fact.name!r}; {self.fact.law} has {self.fact.value!r}"
        )


def read_facts() -> dict[str, Fact]:
    return {row[1]: Fact(*row) for row in rows(FACTS)[1:]}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    for short, long in SHORTHANDS.items():
        pattern = pattern.replace(short, long)
    return re.compile(pattern)


def bounded(text: str) -> str:
    """The text with bounds as ranges: "50cm 이상 65cm 이하" and "50cm에서 65cm" as "50~65cm"."""
    return BOUNDS.sub(r"\1~\3\2", text)


@cache
def normalized(sentence: Sentence) -> str:
    """The sentence after its heading, with numbers in digits, bounds as ranges, without what it denies."""
    text = bounded(f"{sentence.heading}{HEADING_END}{sentence.text}")
    text = NUMERAL.sub(lambda found: str(NUMERALS[found[1]]), text)
    text = DENIED.sub("", text)
    return AGAIN.sub(r"다시 \1 ", text)


def statements(
    fact: Fact, patterns: Iterable[re.Pattern[str]], sentences: Iterable[Sentence]
) -> Iterator[Statement]:
    """Every statement of the fact, true or not."""
    patterns = tuple(patterns)
    for sentence in sentences:
        yield from stated_in(fact, patterns, sentence, normalized(sentence))


def stated_in(
    fact: Fact, patterns: Iterable[re.Pattern[str]], sentence: Sentence, text: str
) -> Iterator[Statement]:
    """The statements of the fact in a sentence's normalized text, less what its heading says by itself."""
    begin = text.index(HEADING_END)
    for pattern in patterns:
        for found in pattern.finditer(text):
            for group in range(1, pattern.groups + 1):
                if found.start(group) > begin:
                    yield Statement(fact, sentence, found[group], *found.span(group))


def planted(statement: Statement) -> tuple[Sentence, str]:
    """The statement's sentence and its normalized text, with another value in the place of the one it has."""
    text = normalized(statement.sentence)
    others = (value for value in ("경고", "퇴장", "드롭볼", "코너킥", "97"))
    other = next(
        value for value in others if kind(value) == kind(statement.value) and value != statement.value
    )
    return statement.sentence, text[: statement.start] + other + text[statement.end :]


def kind(value: str) -> str:
    """What may stand where the value stands: a number, a card, or a restart."""
    if value[0].isdigit():
        return "number"
    return "card" if value in {"경고", "퇴장"} else "restart"
