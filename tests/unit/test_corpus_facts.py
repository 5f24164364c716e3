"""Every number and sanction in the handbook is the one that corpus/rules/facts.csv has for it."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.handbook import Sentence, articles, sentences, source
from tests.handbook_facts import (
    HEADING_END,
    Fact,
    Statement,
    bounded,
    compile_pattern,
    normalized,
    planted,
    read_facts,
    stated_in,
    statements,
)

DATA = tomllib.loads((Path(__file__).parents[1] / "data" / "corpus_facts.toml").read_text(encoding="utf-8"))
FACTS = read_facts()
PATTERNS = {name: [compile_pattern(pattern) for pattern in DATA["patterns"].get(name, [])] for name in FACTS}
RULES = [sentence for path in articles("rules") for sentence in sentences(path)]
HANDBOOK = [sentence for path in articles() for sentence in sentences(path)]

VALUE = r"(?<![\d.~])(\d+(?:\.\d+)?(?:~\d+(?:\.\d+)?)?) ?"
# In a law's document every number is the Law's. A column counts its own men and minutes, so that elsewhere
# only measures, seconds and the minutes of what a referee times are.
LAW_NUMBER = re.compile(VALUE + r"(초|cm|km|m|분|명|번째|번|회|개|호|g|기압|가지)(?![a-zA-Z])")
OTHER_NUMBER = re.compile(VALUE + r"(초|cm|m|호|g|기압)(?![a-zA-Z])")
TIMED_NUMBER = re.compile(VALUE + r"(초|cm|m|분|호|g|기압)(?![a-zA-Z])")
LAW_WORD = re.compile(
    "킥인|코너킥|골 클리어런스|프리킥|페널티|승부차기|누적 반칙|작전 타임|하프타임|연장전|교체 구역|골대|퇴장"
    "|백패스|킥오프|드롭볼|센터 서클|규칙|골키퍼|골레이로|풋살공"
)
TIMED = re.compile("작전 타임|하프타임|연장전|퇴장|전반|후반")


def elsewhere(document: str) -> set[str]:
    return set(DATA["elsewhere"].get(document, {}).get("numbers", ()))


def numbers_without_a_fact(sentence: Sentence) -> list[str]:
    """The numbers of a rule's sentence that are no fact's value and aren't excepted by name."""
    known = {f"{fact.value}{fact.unit}" for fact in FACTS.values()} | elsewhere(sentence.source)
    found = ("".join(number.groups()) for number in LAW_NUMBER.finditer(bounded(sentence.text)))
    return [number for number in found if number not in known]


def numbers_that_nothing_holds(sentence: Sentence) -> list[str]:
    """The numbers beside a law's word in any other sentence that no pattern captures."""
    text = normalized(sentence)
    if not LAW_WORD.search(text):
        return []
    held = {
        place
        for name, fact in FACTS.items()
        for statement in stated_in(fact, PATTERNS[name], sentence, text)
        for place in range(statement.start, statement.end)
    }
    pattern = TIMED_NUMBER if TIMED.search(text) else OTHER_NUMBER
    numbers = pattern.finditer(text, text.index(HEADING_END))
    loose = ("".join(number.groups()) for number in numbers if number.start() not in held)
    return [number for number in loose if number not in elsewhere(sentence.source)]


def in_the_rules(fact: Fact) -> list[Statement]:
    return [found for found in statements(fact, PATTERNS[fact.name], RULES) if found.holds]


def told(loose: dict[Sentence, list[str]]) -> str:
    return "\n".join(
        f"{at.source}, {at.heading!r}: {at.text!r} has {numbers}" for at, numbers in loose.items()
    )


def test_every_fact_has_its_patterns_and_every_pattern_its_fact() -> None:
    """A fact that nothing looks for, or a pattern left over from a fact, is found here."""
    assert set(DATA["patterns"]) == set(FACTS)
    assert all(PATTERNS.values())


def test_facts_are_numbers_or_sanctions() -> None:
    """Every row has a law, a number or a sanction of the known words, and its edition."""
    for fact in FACTS.values():
        assert re.match(r"제\d+조 ", fact.law), fact
        sanction = fact.unit in {"제재", "다시 시작", "판정"}
        assert sanction != bool(re.fullmatch(r"[\d.]+(?:~[\d.]+)?", fact.value)), fact
        assert fact.unit != "제재" or fact.value in {"경고", "퇴장"}, fact
        assert fact.edition == "2023-24"


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
def test_the_rules_state_every_fact(fact: Fact) -> None:
    """A passage of the rules can be asked for each fact."""
    assert in_the_rules(fact), (
        f"no document of rules/ says {fact.name!r} ({fact.law}: {fact.value}{fact.unit})"
    )


def test_the_handbook_agrees_with_the_facts() -> None:
    """Whatever any document says of a fact is what the table says of it."""
    wrong = [
        str(found)
        for name, fact in FACTS.items()
        for found in statements(fact, PATTERNS[name], HANDBOOK)
        if not found.holds
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
def test_a_wrong_value_is_caught(fact: Fact) -> None:
    """With another number, card or restart in the rule's own sentence, the check reports that sentence."""
    for found in in_the_rules(fact):
        sentence, text = planted(found)
        wrong = [other for other in stated_in(fact, PATTERNS[fact.name], sentence, text) if not other.holds]
        assert wrong, f"{text!r} would pass as {fact.value!r}"
        assert sentence.source in str(wrong[0])
        assert fact.value in str(wrong[0])


def test_every_number_of_the_rules_is_a_fact() -> None:
    """No number stands in rules/ that the table doesn't have, save those excepted with a reason."""
    loose = {at: numbers for at in RULES if (numbers := numbers_without_a_fact(at))}
    assert not loose, told(loose)


def test_every_law_s_number_elsewhere_is_held_to_its_fact() -> None:
    """Beside a law's word, a measure or a time in a column, answer or term is one that a pattern reads."""
    others = [at for at in HANDBOOK if at.heading and not at.source.startswith("rules/")]
    loose = {at: numbers for at in others if (numbers := numbers_that_nothing_holds(at))}
    assert not loose, told(loose)


def test_numbers_of_no_law_are_noticed() -> None:
    """A number that is nobody's value is found in a rule, and beside a law's word anywhere else."""
    rule = Sentence("rules/kick-in.md", "킥인", "킥인은 7초 안에 차고 공은 33cm 튑니다.")
    assert numbers_without_a_fact(rule) == ["7초", "33cm"]
    column = Sentence("columns/first-match.md", "첫 경기", "연장전 뒤에 33m를 33분 걷습니다.")
    assert numbers_that_nothing_holds(column) == ["33m", "33분"]


def test_exceptions_are_still_needed() -> None:
    """Each number excepted by name stands in its document, and says why."""
    texts = {source(path): "".join(bounded(at.text) for at in sentences(path)) for path in articles()}
    for document, excepted in DATA["elsewhere"].items():
        assert excepted["why"]
        assert [number for number in excepted["numbers"] if number not in texts[document]] == []
