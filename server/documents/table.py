"""CSV (RFC 4180, and what spreadsheets write in its name): one block a row.

`csv.Sniffer` isn't used: it guesses from character counts, and finds a header or loses a first row by
accident.
"""

import contextlib
import csv
import io
import itertools
import re
import statistics
from collections.abc import Iterator, Sequence

from server.documents.rows import ANSWERS, NUMBERS, QUESTIONS, REMARKS, row_block
from server.domain import Document
from server.errors import DocumentError

DELIMITERS = (",", ";", "\t", "|")
NO_DELIMITER = "\x1f"  # a control character that text doesn't hold: every record is one field
SAMPLE = 100
MAX_LABEL_CHARS = 30
NAMES = """
    name title text content address category description date
    이름 제목 내용 본문 주소 지역 분류 설명 날짜 전화번호
"""
KNOWN_LABELS = QUESTIONS | ANSWERS | NUMBERS - {""} | REMARKS | frozenset(NAMES.split())

Row = list[str]


def read_table(text: str, source: str, title: str) -> Document:
    """Read a table with or without a header, with one column or more.

    The delimiter is the one of `, ; TAB |` that cuts all of the first 100 records into equally many fields,
    two or more (the most, if several do); or, where rows are ragged, the one that cuts a header into known
    names. With none of them, each record is one field. A row with more fields than the header has had its
    last field cut by accident, so the rest is joined to it again.

    The first record is a header if all its fields look like labels (filled, short, no sentence, no digits)
    and either one of them is a name known from such tables, or there are two or more and each is at most half
    as long as the values below it, or stands above numbers only. A doubtful first record is content: a label
    that is indexed does less harm than a row that is lost.

    Rows are counted from 1, without the header, blank ones included.

    Raises:
        DocumentError: a quote is left open or followed by more text; the message names the line.
    """
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        rows = list(itertools.dropwhile(_is_blank, reader))
    except csv.Error as error:
        raise DocumentError(source, f"line {reader.line_num}: {error}; check the quotes") from error
    labels = rows.pop(0) if _has_header(rows[:SAMPLE]) else []
    return Document(
        source,
        title,
        tuple(
            block
            for number, row in enumerate(rows, start=1)
            if (block := row_block(list(_fields(labels, row, delimiter)), f"row:{number}"))
        ),
    )


def _fields(labels: Row, row: Row, delimiter: str) -> Iterator[tuple[str, str]]:
    if labels and len(row) > len(labels):
        kept = len(labels) - 1
        row = [*row[:kept], delimiter.join(row[kept:]).rstrip(delimiter)]
    return itertools.zip_longest(labels[: len(row)], row, fillvalue="")


def _delimiter(text: str) -> str:
    samples = {delimiter: list(_sample(text, delimiter)) for delimiter in DELIMITERS}
    even = {
        delimiter: len(rows[0])
        for delimiter, rows in samples.items()
        if rows and len(rows[0]) > 1 and len({len(row) for row in rows}) == 1
    }
    if even:
        return max(even, key=even.__getitem__)
    ragged = (
        delimiter
        for delimiter, rows in samples.items()
        if rows and len(rows[0]) > 1 and all(map(_is_label, rows[0])) and any(map(_is_known, rows[0]))
    )
    return next(ragged, NO_DELIMITER)


def _sample(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    # If this delimiter is the one, reading the whole table says what is wrong, and where.
    with contextlib.suppress(csv.Error):
        yield from itertools.islice((row for row in reader if not _is_blank(row)), SAMPLE)


def _has_header(rows: Sequence[Row]) -> bool:
    if not rows:
        return False
    first, *rest = rows
    columns = [[row[i] for row in rest if i < len(row) and row[i].strip()] for i in range(len(first))]
    # Tables saved with their row numbers have no name above them.
    named = [
        (label, below)
        for label, below in zip(first, columns, strict=True)
        if label.strip() or not _numeric(below)
    ]
    if not named or not all(_is_label(label) for label, _ in named):
        return False
    if any(_is_known(label) for label, _ in named):
        return True
    return len(named) > 1 and all(_stands_out(label, below) for label, below in named)


def _is_label(cell: str) -> bool:
    label = cell.strip()
    return 0 < len(label) <= MAX_LABEL_CHARS and re.search(r"\d|[.!?。]$|\n", label) is None


def _is_known(cell: str) -> bool:
    return cell.strip().casefold() in KNOWN_LABELS


def _stands_out(label: str, below: Row) -> bool:
    if not below:
        return False
    return _numeric(below) or 2 * len(label.strip()) <= statistics.median(len(cell.strip()) for cell in below)


def _numeric(cells: Row) -> bool:
    return bool(cells) and all(re.fullmatch(r"[\d\s.,:/%+-]*\d[\d\s.,:/%+-]*", cell) for cell in cells)


def _is_blank(row: Row) -> bool:
    return not any(cell.strip() for cell in row)
