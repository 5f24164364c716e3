"""Whether the word before a Korean suffix is read with a final consonant: 이에요 after one, 예요 after none.

Hangul shows it, digits and Latin letters are read aloud first: `4` is 사, `FIFA` ends in 에이, `2m` in 미터.
The letter names are those of 외래어 표기법; an English word is judged by its spelling, as loanwords are.
"""

import re

_FIRST_SYLLABLE, _LAST_SYLLABLE, _VOWELS, _FINALS = 0xAC00, 0xD7A3, 21, 28
FINAL_M, FINAL_B, FINAL_SS = 16, 17, 20

# 영 일 삼 육 칠 팔, and 십 백 천 만 억 for what ends in zeros.
_CONSONANT_DIGITS = frozenset("013678")
# 엘 엠 엔 알; every other letter's name ends in a vowel.
_CONSONANT_LETTERS = frozenset("LMNR")

# 22:00 is read 시.
_WHOLE_HOUR = re.compile(r"\d:00$")

# Read as 미터, 리터, 초, 그램 …: only right after a number does a letter stand for a unit.
_VOWEL_UNIT = re.compile(r"\d\s?(?:[kcm]?m|m?[lL]|m?s|[kM]?Hz|MB|GB|KB)$")
_CONSONANT_UNIT = re.compile(r"\d\s?(?:[km]?g|min)$")

_ENGLISH_WORD = re.compile(r"[A-Za-z]+$")
# goal 골, team 팀, line 라인, king 킹, kick 킥, pivot 피벗, foot 풋.
_CONSONANT_SPELLING = re.compile(r"(?:[lmn]e?|ng|ck|[^aeiou][aeiou][bkpt]|oo[kt])$")


def final_consonant(syllable: str) -> int:
    """The index of a Hangul syllable's final consonant in Unicode's order, 0 for none or no Hangul."""
    return (ord(syllable) - _FIRST_SYLLABLE) % _FINALS if is_hangul(syllable) else 0


def vowel(syllable: str) -> str:
    """The vowel of a Hangul syllable, as a compatibility jamo: 해 → ㅐ."""
    return chr(ord("ㅏ") + (ord(syllable) - _FIRST_SYLLABLE) // _FINALS % _VOWELS)


def is_hangul(character: str) -> bool:
    """Whether this one character is a complete Hangul syllable, not a lone jamo."""
    return _FIRST_SYLLABLE <= ord(character) <= _LAST_SYLLABLE


def without_final(syllable: str) -> str:
    """The same Hangul syllable without its final consonant: 합 → 하."""
    return chr(ord(syllable) - final_consonant(syllable))


def ends_in_consonant(text: str) -> bool:
    """Whether the reading of `text` ends in a consonant; marks that aren't read are passed over."""
    text = text.rstrip(" \"'*_`~)]}>”’」』》")
    if not text:
        return True
    last = text[-1]
    if is_hangul(last):
        return final_consonant(last) > 0
    if last.isdigit():
        return last in _CONSONANT_DIGITS and _WHOLE_HOUR.search(text) is None
    if last.isascii() and last.isalpha():
        return _latin_ends_in_consonant(text)
    # 퍼센트, 도, 제곱미터, 플러스, 달러
    return last not in "%℃°²³㎡+$#"


def _latin_ends_in_consonant(text: str) -> bool:
    if _VOWEL_UNIT.search(text):
        return False
    if _CONSONANT_UNIT.search(text):
        return True
    match = _ENGLISH_WORD.search(text)
    word = match.group() if match else ""
    if word.isupper() or not re.search("[aeiouy]", word.lower()):
        return word[-1:].upper() in _CONSONANT_LETTERS
    return _CONSONANT_SPELLING.search(word.lower()) is not None
