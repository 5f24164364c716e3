"""One sentence's end, re-conjugated to 해요체: 뛴다, 뜁니다, 뜀 → 뛰어요.

Kiwi finds the stem and the final ending (세종 tags: EF final, EC connective, ETN nominal, EP pre-final) and
joins the stem with another ending, irregular verbs included. The copula is spelt by hand, since 이에요 or
예요 depends on how the word before it is read, and so are the few stems that Kiwi joins wrongly.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from kiwipiepy import Kiwi

from server.hangul import (
    FINAL_B,
    FINAL_M,
    FINAL_SS,
    ends_in_consonant,
    final_consonant,
    without_final,
)
from server.persona.boundaries import Boundary
from server.persona.rules import (
    CONTRACTED,
    HONORIFIC_STEMS,
    INTERJECTIONS,
    IRREGULAR,
    MISTAKEN_NOUNS,
    QUOTED,
    RULES,
    UNFINISHED,
    WHOLE_SYLLABLES,
    Act,
    Register,
)

_FORMAL_SPELLING = re.compile(r"(?:니다만?|니까|시[오요다])$")
_PLAIN_SPELLING = re.compile(r"[다까오요]$|다만$")


@dataclass(frozen=True, slots=True)
class Ending:
    """Take `cut` characters off the end of the sentence and put `text` there."""

    cut: int
    text: str


@dataclass(frozen=True, slots=True)
class _Morpheme:
    """What Kiwi found from `start` up to `end`, in characters; melted morphemes share a syllable."""

    form: str
    tag: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Predicate:
    """A stem with the pre-final endings behind it and the morpheme before it."""

    stem: _Morpheme
    prefinal: Sequence[_Morpheme]
    before: _Morpheme | None

    @property
    def melted(self) -> bool:
        """Whether the stem begins in the last syllable of the word before it."""
        return self.before is not None and self.before.end > self.stem.start


def polite_ending(kiwi: Kiwi, text: str, boundary: Boundary) -> Ending | None:
    """How the end of `text` reads in 해요체.

    Args:
        kiwi: the analyser, called once if the last syllable may be an ending at all.
        text: a sentence up to and including its last word, without what follows it and without markup.
        boundary: what follows.

    Returns:
        The change, or None where nothing is to be changed.
    """
    if not _may_be_ending(text, boundary):
        return None
    closed = text + ("?" if boundary.question else ".")
    morphemes = [
        _Morpheme(token.form, token.tag, token.start, token.start + token.len)
        for token in kiwi.tokenize(closed)
        if token.start < len(text)
    ]
    polite = _rewritten(kiwi, text, morphemes, boundary)
    if polite is None and _FORMAL_SPELLING.search(text):
        polite = _by_spelling(kiwi, text)
    if polite is None or polite == text:
        return None
    kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text, polite, strict=False)))
    return Ending(len(text) - kept, polite[kept:])


def _may_be_ending(text: str, boundary: Boundary) -> bool:
    if text.endswith(("요", "죠")) and not text.endswith("시요"):
        return False
    if text.rsplit(maxsplit=1)[-1] in MISTAKEN_NOUNS:
        return False
    if boundary.least is Register.FORMAL:
        return _FORMAL_SPELLING.search(text) is not None or text.strip() in INTERJECTIONS
    if boundary.least is Register.PLAIN:
        return _PLAIN_SPELLING.search(text) is not None or final_consonant(text[-1]) == FINAL_M
    return True


def _rewritten(kiwi: Kiwi, text: str, morphemes: Sequence[_Morpheme], boundary: Boundary) -> str | None:
    if not morphemes:
        return None
    *earlier, last = morphemes
    if last.form in INTERJECTIONS and last.tag in {"IC", "MAJ"} and text.endswith(last.form):
        return None if boundary.cut_off else text.removesuffix(last.form) + INTERJECTIONS[last.form]
    if earlier and last.form == "만" and earlier[-1].form.endswith("니다"):
        contrast = _conjugated(kiwi, text, earlier, Act.CONTRAST)
        return contrast + "요" if contrast and boundary.stopped else contrast
    if not earlier or last.tag not in {"EF", "EC", "ETN"}:
        return None
    register, act = RULES.get(last.form, (None, Act.ADD))
    if last.form == "오" and earlier[-1].form in {"시", "으시"}:
        register, act = Register.FORMAL, Act.COMMAND
    if register is None or register < boundary.least or not _is_complete(text, last, register, boundary):
        return None
    return _conjugated(kiwi, text, morphemes, act)


def _is_complete(text: str, last: _Morpheme, register: Register, boundary: Boundary) -> bool:
    """Whether the ending is all there, judged the more strictly the less clearly the sentence is closed."""
    if register is Register.CASUAL and last.tag == "EC" and not boundary.stopped:
        return False
    if not boundary.cut_off:
        return True
    word = text.rsplit(maxsplit=1)[-1]
    return last.form not in UNFINISHED and (len(word) > 1 or word in WHOLE_SYLLABLES)


def _predicate(morphemes: Sequence[_Morpheme]) -> _Predicate | None:
    """The predicate whose final ending is the last morpheme."""
    at = len(morphemes) - 1
    while at > 0 and morphemes[at - 1].tag == "EP":
        at -= 1
    if at == 0 or not morphemes[at - 1].tag.startswith(("V", "XS")):
        return None
    before = morphemes[at - 2] if at > 1 else None
    predicate = _Predicate(morphemes[at - 1], morphemes[at:-1], before)
    if before is not None and predicate.melted and before.form in QUOTED:
        # 운동이랍니다 is analysed as 운동이라고 합니다 in one word.
        return _predicate([*morphemes[: at - 2], morphemes[-1]])
    if before is not None and predicate.melted and before.tag == "NNG" and len(before.form) == 1:
        # 찹니다: the copula seldom melts with so short a noun, it is a verb of the same spelling.
        return _Predicate(replace(before, tag="VV"), predicate.prefinal, None)
    return predicate


def _conjugated(kiwi: Kiwi, text: str, morphemes: Sequence[_Morpheme], act: Act) -> str | None:
    """`text` with its final ending, the last morpheme, replaced."""
    predicate = _predicate(morphemes)
    if predicate is None:
        return None
    if act is Act.ADD:
        return _with_yo(text, predicate.stem)
    if predicate.prefinal:
        return _after_prefinal(text, predicate, act)
    if predicate.stem.form == "이":
        return _copula(text, predicate, act)
    return None if predicate.melted else _joined(kiwi, text, predicate.stem, act)


def _with_yo(text: str, stem: _Morpheme) -> str:
    if stem.form == "말" and text.endswith("마"):
        return text + "세요"
    for ending, polite in CONTRACTED.items():
        if text.endswith(ending):
            return text.removesuffix(ending) + polite
    return text + "요"


def _copula(text: str, predicate: _Predicate, act: Act) -> str | None:
    before, noun = predicate.before, text[: predicate.stem.start]
    if before is not None and predicate.melted:
        # 겁니다, 뭡니까, 누굽니까
        noun = text[: before.start] + before.form
    if act is Act.STATE and before is not None and (before.form, before.tag) == ("것", "NNB"):
        return noun.removesuffix("것") + "거예요"
    if act is Act.STATE:
        return noun + ("이에요" if ends_in_consonant(noun) else "예요")
    if act is Act.ASK:
        return noun.removesuffix("뭐") + "뭔가요" if noun.endswith("뭐") else noun + "인가요"
    return noun + "이지만" if act is Act.CONTRAST else None


def _after_prefinal(text: str, predicate: _Predicate, act: Act) -> str | None:
    """After 었 and 겠 the new ending simply follows ㅆ; 시 melts with it into 세요, 시나요, 신가요."""
    if predicate.prefinal[-1].form in {"시", "으시"}:
        at = max(text.rfind(syllable) for syllable in "시십신심")
        if text.endswith(("십시오", "십시요", "십시다")):
            at = len(text) - 3
        asked = "신가요" if _is_descriptive(predicate.stem) else "시나요"
        return text[:at] + {Act.ASK: asked, Act.CONTRAST: "시지만"}.get(act, "세요")
    if act is Act.STATE and predicate.stem.form == "드리" and text.endswith("드리겠습니다"):
        # A promise: 드리겠어요 would be no answer anyone gives.
        return text.removesuffix("리겠습니다") + "릴게요"
    at = max((at for at, syllable in enumerate(text) if final_consonant(syllable) == FINAL_SS), default=-1)
    if at < 0 or act is Act.COMMAND:
        return None
    asked = "어요" if text[at] == "겠" else "나요"
    return text[: at + 1] + {Act.ASK: asked, Act.CONTRAST: "지만"}.get(act, "어요")


def _joined(kiwi: Kiwi, text: str, stem: _Morpheme, act: Act) -> str | None:
    head, form = text[: stem.start], stem.form
    if act is Act.STATE and form in IRREGULAR:
        return head + IRREGULAR[form]
    if act is Act.STATE and form.endswith("하"):
        return head + form[:-1] + "해요"
    if act in {Act.STATE, Act.COMMAND} and form in HONORIFIC_STEMS:
        return head + form[:-1] + "세요"
    if act is Act.COMMAND and stem.tag in {"VCP", "VCN"}:
        # 라 after 이다 and 아니다 connects, it doesn't command.
        return None
    if act is Act.COMMAND and form == "달":
        return head + "주세요"
    asked = "ᆫ가요" if _is_descriptive(stem) else "나요"
    ending = {Act.ASK: asked, Act.CONTRAST: "지만", Act.COMMAND: "세요"}.get(act, "어요")
    return f"{head}{kiwi.join([(form, stem.tag), (ending, 'EF')])}"


def _is_descriptive(stem: _Morpheme) -> bool:
    """Adjectives ask with ㄴ가요, verbs with 나요, and so do 있다 and 없다."""
    if stem.form.endswith(("있", "없")):
        return False
    return stem.form == "싶" or stem.tag.startswith(("VA", "VCP", "VCN", "XSA"))


def _by_spelling(kiwi: Kiwi, text: str) -> str | None:
    """합쇼체 on a word that Kiwi can't analyse: judged by its letters alone."""
    if not text.endswith(("니다", "니까")):
        return None
    head, syllable = text[:-3], text[-3:-2]
    if syllable == "습":
        head, syllable = head[:-1], head[-1:]
    elif syllable and final_consonant(syllable) == FINAL_B:
        syllable = without_final(syllable)
    else:
        return None
    if text.endswith("까"):
        return head + syllable + "나요"
    if syllable == "이":
        return head + ("이에요" if ends_in_consonant(head) else "예요")
    return f"{head}{kiwi.join([(syllable, 'VV'), ('어요', 'EF')])}"
