"""A sentence that is a bare noun phrase, as small models answer, made a whole one in 해요체: 4초 → 4초예요.

Only a full stop, an exclamation mark or the end of a finished answer closes such a sentence. The copula
follows the noun and what is written with it: 50%예요, **4초**예요, 골레이로(골키퍼)예요.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from kiwipiepy import Kiwi, Token

from server.hangul import ends_in_consonant, is_hangul
from server.persona.rules import ENGLISH_INTERJECTIONS, MISTAKEN_NOUNS, NOUN_TAGS, WANTING_NOUNS, WITH_HADA

# The rest of an 어절 behind its noun: a unit, an aside's end and markup belong to it, then comes the stop.
_BEHIND = re.compile(r"(?P<written>[%‰℃℉°²³㎡]*\)?[*_]*)(?P<stop>(?:[.。．]|[!！]+)?)[*_]*")
_AWAITING = re.compile(r"(?:[0-9A-Za-z가-힣%‰℃℉°²³㎡)*_]|[0-9A-Za-z][.。．!！]+)$")

# The 2. and B. of 1. … 2. …, and the parts of 2025. 3. 14.
_COUNT = re.compile(r"\d+|[A-Za-z]")
_ENUMERATOR = re.compile(r"(?:^|\s)(?:\d\d?|[A-Za-z])$")
_ABBREVIATION = re.compile(r"(?<![A-Za-z])(?:cf|dr|ex|mr|mrs|ms|no|st|vol|vs)$", re.IGNORECASE)
_ENGLISH_PROSE = re.compile(r"[A-Za-z][A-Za-z']*,? [a-z]")
# 주소: … / 주차: … is a table's row on one line.
_FIELDS = re.compile(r": .*: ")
_ASIDE = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Completion:
    """Take `cut` characters off, `before_end` characters before the end of the 어절, and put `text` there."""

    before_end: int
    cut: int
    text: str


def awaits_more(word: str) -> bool:
    """Whether the noun that `word`, an 어절, may end with is judged by what follows the 어절."""
    return _AWAITING.search(word) is not None


def is_noun_phrase(kiwi: Kiwi, phrase: str) -> bool:
    """Whether `phrase`, a sentence or its beginning, would need completing if it ended here."""
    return _polite(kiwi, phrase) is not None


def completion(kiwi: Kiwi, sentence: str, behind: str, follows: str, *, alone: bool) -> Completion | None:
    """What makes a bare noun phrase a sentence.

    Args:
        kiwi: the analyser, called at most once.
        sentence: the sentence up to and including its last letter or digit, without markup.
        behind: the rest of the last 어절.
        follows: the next character that is no space, perhaps a line break; empty at the end of the answer.
            Of no account where punctuation closes what ends in Hangul.
        alone: whether nothing stands before the sentence in the answer.

    Returns:
        The change, or None if this is no noun phrase, or none that is closed.
    """
    match = _BEHIND.fullmatch(behind)
    if match is None or (follows and not match["stop"]):
        return None
    phrase = _ASIDE.sub("", sentence + match["written"].rstrip("*_"))
    if not phrase or phrase[-1].isspace() or any(mark in phrase for mark in "()|") or _FIELDS.search(phrase):
        return None
    if match["stop"] and _is_no_end(phrase, follows, alone=alone):
        return None
    polite = _polite(kiwi, phrase)
    if polite is None:
        return None
    cut, text = polite
    if cut and phrase != sentence:
        return None
    before_end = len(behind) if cut else len(behind) - match.end("written")
    return Completion(before_end, cut, text if match["stop"] else f"{text}.")


def _is_no_end(phrase: str, follows: str, *, alone: bool) -> bool:
    """Whether the full stop behind `phrase` counts or shortens, rather than ends a sentence."""
    if _COUNT.fullmatch(phrase):
        return follows != "" or not alone
    if follows in {"", "\n"}:
        return False
    shortened = _ENUMERATOR.search(phrase) or _ABBREVIATION.search(phrase)
    return shortened is not None or (phrase[-1].isdigit() and follows.isdigit())


def _polite(kiwi: Kiwi, phrase: str) -> tuple[int, str] | None:
    """How many characters to take off the noun phrase, and what to put there."""
    interjection = ENGLISH_INTERJECTIONS.get(phrase.lower())
    if interjection is not None:
        return len(phrase), interjection
    if is_hangul(phrase[-1]):
        return _after_hangul(kiwi, phrase)
    if _ENGLISH_PROSE.search(phrase) and not any(map(is_hangul, phrase)):
        return None
    return 0, _copula(phrase)


def _after_hangul(kiwi: Kiwi, phrase: str) -> tuple[int, str] | None:
    if phrase.rsplit(maxsplit=1)[-1] in MISTAKEN_NOUNS:
        return 0, _copula(phrase)
    *before, noun = [token for token in kiwi.tokenize(f"{phrase}.") if token.start < len(phrase)]
    if not noun.tag.startswith(NOUN_TAGS) and (noun.form, noun.tag) != ("기", "ETN"):
        return None
    if noun.tag == "XR" or noun.form in WITH_HADA or (noun.tag == "NNG" and _governs_an_object(before)):
        return 0, "해요"
    # What ends in 요 is polite already, and mistaken for a noun.
    if phrase.endswith(("요", "죠")) or (noun.tag == "NNB" and noun.form in WANTING_NOUNS):
        return None
    if (noun.form, noun.tag) == ("것", "NNB"):
        # 신을 것 commands; 신을 거예요 would foretell.
        commands = bool(before) and before[-1].form in {"ᆯ", "을"}
        return None if commands else (1, "거예요")
    return 0, _copula(phrase)


def _copula(phrase: str) -> str:
    return "이에요" if ends_in_consonant(phrase) else "예요"


def _governs_an_object(before: Sequence[Token]) -> bool:
    """Whether a noun has an object of its own, with no predicate between: 4초를 초과."""
    clause = takewhile(lambda token: not token.tag.startswith(("V", "E")), reversed(before))
    return any(token.tag == "JKO" for token in clause)
