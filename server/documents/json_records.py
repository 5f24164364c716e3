"""JSON and JSON Lines: one block a record."""

import json
from collections.abc import Iterator
from typing import Any
from unicodedata import normalize

from server.documents.rows import Field, row_block
from server.domain import Block, Document
from server.errors import DocumentError


def read_json(text: str, source: str, title: str) -> Document:
    """Read a list of objects or strings, or an object whose members hold such lists or further objects.

    Each item of a list is a row (`row:3`; below a member `row:faq/3`), as is an object without lists or
    objects in it. The members' names above a row are its headings. Numbers keep the characters that the file
    writes them with; null is left out.

    Raises:
        DocumentError: broken JSON; the message names the line.
    """
    return Document(source, title, tuple(_blocks(_parse(text, source, 1), ())))


def read_jsonl(text: str, source: str, title: str) -> Document:
    """Read one record a line; `row:N` counts lines from 1, blank ones included.

    Raises:
        DocumentError: a line is broken JSON; the message names it. No line is then read.
    """
    # Not splitlines: JSON strings may hold U+2028 and other characters that it takes for line ends.
    records = [
        (str(number), _parse(line, source, number))
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    return Document(
        source, title, tuple(block for number, record in records for block in _row(record, (), number))
    )


def _parse(text: str, source: str, first_line: int) -> Any:  # noqa: ANN401 (JSON is any of its types)
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        reason = f"line {first_line + error.lineno - 1}: broken JSON ({error.msg}, column {error.colno})"
        raise DocumentError(source, reason) from error


def _blocks(value: object, path: tuple[str, ...]) -> Iterator[Block]:
    match value:
        case list():
            for number, item in enumerate(value, start=1):
                yield from _row(item, path, str(number))
        case dict() if any(isinstance(member, list | dict) for member in value.values()):
            yield from _row({name: v for name, v in value.items() if not isinstance(v, list | dict)}, path)
            for name, member in value.items():
                if isinstance(member, list | dict):
                    yield from _blocks(member, (*path, normalize("NFC", name)))
        case _:
            yield from _row(value, path)


def _row(record: object, path: tuple[str, ...], number: str = "") -> Iterator[Block]:
    place = "/".join([*path, number] if number else path) or "1"
    if block := row_block(_fields(record), f"row:{place}", path):
        yield block


def _fields(record: object) -> list[Field]:
    if isinstance(record, dict):
        return [(normalize("NFC", label), _plain(value)) for label, value in record.items()]
    return [("", _plain(record))]


def _plain(value: object) -> str:
    # NFC here too: an escape may spell what decoding has composed elsewhere.
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case dict():
            return ", ".join(
                f"{label}: {_plain(member)}" for label, member in value.items() if member is not None
            )
        case list():
            return ", ".join(_plain(item) for item in value if item is not None)
        case _:
            return normalize("NFC", str(value))
