"""What a GGUF file says of itself, read without its tensors and without most of its long lists.

The official `gguf` package makes an object of every token and merge of a vocabulary: seven seconds for one of
150,000 tokens. Here lists are stepped over, but for those of texts that are asked for.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

import mmap
import struct
from collections.abc import Collection
from pathlib import Path

from modelfiles.errors import ModelFileError

Value = str | int | float | bool | list[str]

_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
# The struct code of each number type, by GGUF's number for the type.
_NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))


def read_header(path: Path, *, lists: Collection[str] = ()) -> dict[str, Value]:
    """Read a file's metadata: its texts and numbers by key, and of its lists of texts those named in `lists`.

    Raises:
        ModelFileError: it is no GGUF file of a known version, or ends too early.
        OSError: it can't be opened.
    """
    with path.open("rb") as file:
        try:
            # An empty file can't be mapped: a ValueError, too.
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(data).header(lists)
        except (ValueError, struct.error, MemoryError, OverflowError) as error:
            raise ModelFileError(path, str(error)) from error


class _Reader:
    """Reads the header's parts in the order in which they stand."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def header(self, lists: Collection[str]) -> dict[str, Value]:
        if self._data[:4] != b"GGUF":
            raise ValueError("it doesn't begin with GGUF")
        self._at = 4
        if (version := self._number("I")) not in _VERSIONS:
            raise ValueError(f"it is of version {version}, and only {_VERSIONS} are known")
        _tensors, pairs = self._number("Q"), self._number("Q")
        values: dict[str, Value] = {}
        for _ in range(int(pairs)):
            key, kind = self._text(), self._number("I")
            if kind == _ARRAY:
                texts = self._array(keep=key in lists)
                if texts is not None:
                    values[key] = texts
            else:
                values[key] = self._text() if kind == _STRING else self._number(_code(kind))
        return values

    def _array(self, *, keep: bool) -> list[str] | None:
        """The texts of a list, if they are asked for; whatever the list, the place is then behind it."""
        kind, count = self._number("I"), int(self._number("Q"))
        if kind != _STRING:
            self._step(count * struct.calcsize(f"<{_code(kind)}"))
            return None
        if keep:
            return [self._text() for _ in range(count)]
        for _ in range(count):
            self._step(int(self._number("Q")))
        return None

    def _text(self) -> str:
        length = int(self._number("Q"))
        start = self._at
        self._step(length)
        return self._data[start : self._at].decode(errors="replace")

    def _number(self, code: str) -> int | float | bool:
        (number,) = struct.unpack_from(f"<{code}", self._data, self._at)
        self._at += struct.calcsize(f"<{code}")
        return number  # type: ignore[no-any-return]  # struct says Any

    def _step(self, size: int) -> None:
        self._at += size
        if self._at > len(self._data):
            raise ValueError("it ends in the middle of its metadata")


def _code(kind: int | float) -> str:  # noqa: PYI041  # what struct gives
    if kind not in _NUMBERS:
        raise ValueError(f"it holds a value of the unknown type {kind}")
    return _NUMBERS[int(kind)]
