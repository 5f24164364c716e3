"""The parts of Markdown that documents are cut at: CommonMark's headings and fences, GitHub's tables.

Each pattern is for `re.MULTILINE` and names what it finds: `code`, `heading` (with `marks` and `words`),
`table`.
"""

import re

CODE = r"(?P<code>^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*(?:[\s\S]*?\n {0,3}(?P=fence)[`~]*[ \t]*$|[\s\S]*))"
HEADING = r"(?P<heading>^ {0,3}(?P<marks>#{1,6})[ \t]+(?P<words>[^\n]*?)(?:[ \t]+#+)?[ \t]*$)"
_RULE_CELL = r"[ \t]*:?-+:?[ \t]*"
TABLE = (
    rf"(?P<table>^[^\n|]*\|[^\n]*\n[ \t]*\|?{_RULE_CELL}(?:\|{_RULE_CELL})*\|?[ \t]*$(?:\n[^\n|]*\|[^\n]*)*)"
)
PART = re.compile(f"{CODE}|{HEADING}|{TABLE}", re.MULTILINE)
