"""A document's own values: each stands once, in a table, and is filled in wherever the text names it.

    ## 이 문서의 값
    | 이름 | 값 |
    | --- | --- |
    | 전액 환불 기한 | 3일 |

    ## 예약을 취소하면 얼마나 환불되나요
    이용일 {{전액 환불 기한}} 전까지 취소하면 전액을 환불합니다.

So that whoever changes a policy edits one number, and no two answers disagree.
"""

import difflib
import re

from server.documents.markdown_syntax import CODE, PART
from server.errors import DocumentError

HEADER = ("이름", "값")
PLACEHOLDER = re.compile(r"\{\{(?P<name>[^{}\n]*)\}\}")
_CODE_OR_PLACEHOLDER = re.compile(rf"{CODE}|(?P<inline>`[^`\n]*`)|{PLACEHOLDER.pattern}", re.MULTILINE)
_CELL_END = re.compile(r"(?<!\\)\|")
_HEADER_LINES = 2  # the header, and the rule below it


def fill_in(text: str, source: str) -> str:
    """The text with `{{name}}` replaced by the value of that name, code excepted.

    The values are those of the first table, if its header begins with 이름 and 값; a text without such a
    table is returned as it is, braces and all. The table stays in the text.

    Raises:
        DocumentError: a value is named twice, is empty or names another; a name has no value; or a name
            stands before the first heading, where passages are told by their offset in the file. The message
            names the line.
    """
    parts = list(PART.finditer(text))
    table = next((part for part in parts if part["table"]), None)
    if table is None or _cells(table["table"].split("\n", 1)[0])[: len(HEADER)] != HEADER:
        return text
    values = _values(table, source)
    first_heading = next((part.start() for part in parts if part["words"]), len(text))

    def filled(found: re.Match[str]) -> str:
        if found["name"] is None:
            return found.group()
        name = found["name"].strip()
        if found.start() < first_heading:
            reason = f"{found.group()} stands before the first heading; put a heading above it"
            raise _error(source, found, reason)
        if name not in values:
            near = difflib.get_close_matches(name, values, n=3, cutoff=0.3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise _error(source, found, f"the table of values has no {name!r}{hint}")
        return values[name]

    return _CODE_OR_PLACEHOLDER.sub(filled, text)


def _values(table: re.Match[str], source: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for row in re.finditer(r"^.*$", table["table"], re.MULTILINE):
        number = table["table"].count("\n", 0, row.start())
        if number < _HEADER_LINES:
            continue
        name, value, *_ = (*_cells(row.group()), "", "")
        reason = None
        if not name or not value:
            reason = f"the value {name!r} is empty" if name else "a value has no name"
        elif name in values:
            reason = f"the value {name!r} is there already"
        elif PLACEHOLDER.search(value):
            reason = f"the value {name!r} names another; write it out"
        if reason:
            raise _error(source, table, reason, lines=number)
        values[name] = value
    return values


def _cells(line: str) -> tuple[str, ...]:
    cells = _CELL_END.split(line.strip().removeprefix("|").removesuffix("|"))
    return tuple(cell.replace("\\|", "|").strip() for cell in cells)


def _error(source: str, found: re.Match[str], reason: str, *, lines: int = 0) -> DocumentError:
    line = found.string.count("\n", 0, found.start()) + 1 + lines
    return DocumentError(source, f"line {line}: {reason}")
