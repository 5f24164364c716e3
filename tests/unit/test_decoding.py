"""Bytes to text: what is read, and what is refused by name."""

import random
import unicodedata

import pytest

from server.documents.decoding import decode
from server.errors import DocumentError

KOREAN = "풋살은 다섯 명이 한 팀입니다.\n골키퍼도 그 가운데 한 명이에요. (교체는 자유)\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_known_encodings_give_the_same_text(encoding: str) -> None:
    """Korean text reads the same from every encoding that is known, and without its byte order mark."""
    assert decode(KOREAN.encode(encoding), "a.txt") == KOREAN


def test_line_ends_are_line_feeds() -> None:
    """Windows' and old Macs' line ends become line feeds."""
    assert decode("가\r\n나\r다\n".encode(), "a.txt") == "가\n나\n다\n"


def test_loose_jamo_are_composed() -> None:
    """Hangul that macOS wrote as jamo becomes syllables, or no word in it would ever match."""
    assert decode(unicodedata.normalize("NFD", KOREAN).encode(), "a.txt") == KOREAN


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(
            b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(256)), "binary", id="a photograph"
        ),
        pytest.param(b"PK\x03\x04\x14\x00\x06\x00\x08\x00", "binary", id="an archive"),
        pytest.param(b"\x01\x02\x03\x04abc", "binary", id="control characters"),
        pytest.param(b"\xff\xfe\x00\xd8", "UTF-16", id="half a surrogate pair"),
        pytest.param("골".encode() + b"\xff", "byte 3", id="one wrong byte"),
        pytest.param("ありがとうございます".encode("shift-jis"), "CP949", id="Japanese"),
        pytest.param("五人制足球比赛规则由国际足联制定".encode("gbk"), "CP949", id="Chinese"),
        pytest.param("À la prochaine, garçon".encode("latin-1"), "CP949", id="French"),
        pytest.param(KOREAN.encode("utf-32"), "binary", id="UTF-32"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, reason: str) -> None:
    """Binary files and encodings that can't be told are refused, with the file's name and the reason."""
    with pytest.raises(DocumentError, match=reason) as refused:
        decode(data, "이상한 파일.txt")
    assert str(refused.value).startswith("이상한 파일.txt: ")


@pytest.mark.parametrize("size", [16, 64, 500, 5000])
def test_random_bytes_are_refused(size: int) -> None:
    """Bytes that mean nothing are refused, even where CP949 has a character for each pair of them."""
    dice = random.Random(size)  # noqa: S311 (noise for a test, not a secret)
    leads = [*range(0x81, 0xA1), *range(0xB0, 0xC9), *range(0xCA, 0xFE)]
    pairs = [bytes([dice.choice(leads), dice.randrange(0xA1, 0xFF)]) for _ in range(size)]
    assert b"".join(pairs).decode("cp949")
    with pytest.raises(DocumentError, match="CP949"):
        decode(b"".join(pairs), "noise.txt")
    with pytest.raises(DocumentError):
        decode(dice.randbytes(size), "noise.txt")
