"""Bytes to text: UTF-8, UTF-16 with a byte order mark, CP949. All else is refused by name, never guessed."""

import codecs
import re
import unicodedata

from server.errors import DocumentError

CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
MAX_CONTROL_SHARE = 0.1
MIN_COMMON_SHARE = 0.8


def decode(data: bytes, source: str) -> str:
    """The text of a file, without a byte order mark, with line feeds for line ends, in NFC.

    NFC because file systems and editors on macOS write Hangul as loose jamo, which look the same and match
    nothing.

    Raises:
        DocumentError: the bytes are no text, or text in an encoding that can't be told for sure.
    """
    text = _decode(data, source)
    controls = len(CONTROL.findall(text))
    if "\0" in text or controls > MAX_CONTROL_SHARE * len(text):
        raise DocumentError(source, "is a binary file, not text")
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def _decode(data: bytes, source: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            reason = f"starts like UTF-16 but isn't (byte {error.start}); save it as UTF-8"
            raise DocumentError(source, reason) from error
    if b"\0" in data:
        raise DocumentError(source, "is a binary file, not text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if (korean := _decode_cp949(data)) is not None:
            return korean
        reason = f"is neither UTF-8 (byte {error.start} is wrong) nor CP949; save it as UTF-8"
        raise DocumentError(source, reason) from error


def _decode_cp949(data: bytes) -> str | None:
    """The text if the bytes are Korean in CP949; None if they only happen to decode.

    CP949 gives a meaning to most pairs of high bytes, but Korean writing keeps to the 2,350 syllables of KS X
    1001: of arbitrary pairs one in seven falls among them, of a Korean text's letters all but a few do.
    """
    try:
        text = data.decode("cp949")
    except UnicodeDecodeError:
        return None
    letters = [char for char in text if char > "\x7f" and char.isalpha()]
    common = sum(map(_is_common_syllable, letters))
    return text if common >= MIN_COMMON_SHARE * len(letters) else None


def _is_common_syllable(char: str) -> bool:
    lead, trail = char.encode("cp949")
    return 0xB0 <= lead <= 0xC8 and trail >= 0xA1  # noqa: PLR2004 (rows 16 to 40 of KS X 1001)
