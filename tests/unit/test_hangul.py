"""Words are read aloud before 이에요 or 예요 is chosen."""

import pytest

from server.hangul import ends_in_consonant


@pytest.mark.parametrize(
    "word",
    [
        *("골", "구장", "1", "3", "6", "7", "8", "10", "2,000", "4.0", "VAR", "team", "goal", "king", "kick"),
        *("line", "foot", "pivot", "50kg", "20 min", "futfut.kr", "'반칙'", "**골**", ""),
    ],
)
def test_read_with_final_consonant(word: str) -> None:
    """These are read with a final consonant, or unreadable, and take 이에요."""
    assert ends_in_consonant(word)


@pytest.mark.parametrize(
    "word",
    [
        *("골키퍼", "2", "4", "5", "9", "2.5", "FIFA", "UEFA", "PK", "pass", "keeper", "ala", "2m", "1.5 km"),
        *("30s", "50%", "28℃", "40m²", "'피보'", "골대)", "csv", "22:00"),
    ],
)
def test_read_with_final_vowel(word: str) -> None:
    """These are read without a final consonant and take 예요."""
    assert not ends_in_consonant(word)
