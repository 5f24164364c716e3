"""Whether a sentence may end at a place, judged by what stands behind it.

Punctuation decides where there is any: a full stop closes whatever ending stands before it, a comma only one
that can't be anything else than an end. Without punctuation the next 어절 decides.
"""

import re
from dataclasses import dataclass

from server.hangul import FINAL_M, final_consonant, is_hangul, vowel
from server.persona.rules import Register

# Quotation marks, brackets and markup that close around a sentence's end: **가능합니다.**
_WRAPPING = re.compile(r"[*_`\"'\])}>”’」』》]")
_TAIL = re.compile(r"[^0-9A-Za-z가-힣]*")
_STOPS = ".!?。．！？"
_ELLIPSIS = ".."
# Ellipses, tildes, laughter, emoticons and emoji stand at ends, but in the middle of sentences too.
_SOFT = re.compile(r"\.\.|[…~～^;:!?ㄱ-ㅣ♡♥☀-➿\U0001f000-\U0001faff]")
_ASIDE = "([—–→"
_QUOTING = ("라고", "라는", "라며", "라면", "라던", "하고", "하는", "고 ", "는 ")
# 그렇지 않습니다: what looks like an exclamation is what is denied.
_DENYING = ("않", "못하", "못한", "못합", "못해", "못했")

_ENDING_SYLLABLES = frozenset("다까오시자야지네군나든게라니냐데걸아어")
# Stems ending in these have melted with 어: 해, 달려, 와, 돼, 줘.
_MELTED_VOWELS = frozenset("ㅐㅕㅘㅙㅝ")


@dataclass(frozen=True, slots=True)
class Boundary:
    """What follows a possible ending: only endings of `least` or above are taken for the end of a sentence.

    `stopped` says that a full stop, exclamation or question mark stands there; `cut_off` that the text breaks
    off, perhaps in the middle of a word.
    """

    least: Register
    question: bool = False
    stopped: bool = False
    cut_off: bool = False


def may_end(word: str) -> bool:
    """Whether `word`, an 어절 that no punctuation ends, may end a sentence: then it matters what follows."""
    last = _WRAPPING.sub("", word)[-1:]
    if not last or not is_hangul(last):
        return False
    final = final_consonant(last)
    return last in _ENDING_SYLLABLES or final == FINAL_M or (final == 0 and vowel(last) in _MELTED_VOWELS)


def after_word(gap: str, follows: str) -> Boundary | None:
    """The boundary that white space makes.

    Args:
        gap: the white space behind an 어절, a line break excepted.
        follows: two characters of the next 어절 or less; a line break; nothing at the very end.

    Returns:
        The boundary, or None if the sentence goes on.
    """
    if not follows:
        return Boundary(Register.CASUAL, cut_off=True)
    if follows == "\n":
        return Boundary(Register.CASUAL)
    if not gap or (follows + " ").startswith(_QUOTING + _DENYING):
        return None
    if _SOFT.match(follows):
        return Boundary(Register.CASUAL)
    return Boundary(Register.PLAIN if follows[0] in _ASIDE + "-" else Register.FORMAL)


def within_word(behind: str, after: Boundary | None) -> Boundary | None:  # noqa: PLR0911 - one a kind of mark
    """The boundary between a run of letters and the rest of its 어절.

    Args:
        behind: the rest of the 어절, empty if the run ends it.
        after: the boundary that follows the whole 어절.

    Returns:
        The boundary, or None if the sentence goes on.
    """
    tail = _TAIL.match(behind)
    marks = tail.group() if tail else ""
    attached = behind[len(marks) :]
    bare = _WRAPPING.sub("", marks)
    if not bare:
        if attached or after is None:
            return None
        # (골키퍼는 제외한다): what closes an aside ends its sentence.
        return Boundary(min(after.least, Register.PLAIN), cut_off=after.cut_off) if ")" in marks else after
    question = "?" in bare or "？" in bare
    if bare[0] in _STOPS and not bare.startswith(_ELLIPSIS):
        if attached:
            return Boundary(Register.PLAIN if is_hangul(attached[0]) else Register.FORMAL, question=question)
        return Boundary(Register.FRAGMENT, question=question, stopped=True)
    if bare[0] in ",/·":
        return Boundary(Register.FORMAL)
    if bare[0] in _ASIDE or attached or bare == ":":
        return Boundary(Register.PLAIN)
    return Boundary(Register.CASUAL if _SOFT.match(bare) else Register.FORMAL, question=question)
