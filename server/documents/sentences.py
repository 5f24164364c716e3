"""Where prose may be cut: sentence ends first, and weaker places for what is too long without them."""

import itertools
import re
from collections.abc import Iterator

from kiwipiepy import Kiwi

Span = tuple[int, int]

# Kiwi is linear in the length of a text, but holds every reading of it at once; windows bound that.
WINDOW_CHARS = 4000
WINDOW_ENDS = (re.compile(r"\n\s*\n"), re.compile(r"[.!?]\s+"), re.compile(r"\s+"))

# A list item begins here: a bullet anywhere (a middle dot only after punctuation, for it also joins words), a
# dash or a number at the start of a line.
ITEM = re.compile(r"•|(?<=[:;.])·|^[ \t]*(?:[-*+·]|\d{1,3}[.)]|[가-하][.)]|[①-⑳])[ \t]", re.MULTILINE)
# A sentence end whose following space was lost, as in scanned text; Kiwi goes by the space.
GLUED_END = re.compile(r"(?<=[가-힣][.!?])(?=[가-힣\d(“‘])")
PARAGRAPH = re.compile(r"\n\s*\n")
LIST_MARK_ONLY = re.compile(r"\W*\d{0,3}\W*")

# The places within a sentence, best first: lines, clauses, words.
LINE_ENDS = re.compile(r"\n")
INNER_ENDS = (
    LINE_ENDS,
    re.compile(r"[;:,](?=\s)|[;,](?=[가-힣])"),
    re.compile(r"(?<=[가-힣])[고며면서데만나](?=\s)"),
    re.compile(r"\s"),
)


def split_sentences(kiwi: Kiwi, text: str) -> list[Span]:
    """Spans that cover the text without gap or overlap, each a sentence or an item of a list.

    Paragraphs, list items and ends that lack their space are boundaries beside the ones that Kiwi finds. A
    list mark goes with what it marks.
    """
    # Kiwi gets a text of the same length, so that its offsets are ours, without what isn't text to it.
    printable = "".join(char if char.isprintable() or char.isspace() else " " for char in text)
    windows = list(_windows(printable))
    starts = {start for start, _ in windows}
    parses = kiwi.split_into_sents(printable[start:end] for start, end in windows)
    for (start, _), sentences in zip(windows, parses, strict=True):
        starts.update(start + sentence.start for sentence in sentences)
    for pattern in (ITEM, GLUED_END):
        starts.update(found.start() for found in pattern.finditer(text))
    starts.update(found.end() for found in PARAGRAPH.finditer(text))
    return _join_marks(text, sorted(starts - {0, len(text)}))


def split_lines(text: str, span: Span) -> list[Span]:
    """The span's lines."""
    start, end = span
    ends = [found.end() for found in LINE_ENDS.finditer(text, start, end)]
    return list(itertools.pairwise(dict.fromkeys([start, *ends, end])))


def halve(text: str, span: Span) -> tuple[Span, Span]:
    """Cut a span of two characters or more in two, at the best place in the middle half of it.

    Best is a line end, then a clause end, then a space, each as near to the middle as there is one; with none
    of them, the middle itself.
    """
    start, end = span
    middle, quarter = (start + end) // 2, (end - start) // 4
    for pattern in INNER_ENDS:
        places = [found.end() for found in pattern.finditer(text, start + quarter, end - quarter)]
        if places:
            cut = min(places, key=lambda place: abs(place - middle))
            return (start, cut), (cut, end)
    return (start, middle), (middle, end)


def _windows(text: str) -> Iterator[Span]:
    start = 0
    while len(text) - start > WINDOW_CHARS:
        limit = start + WINDOW_CHARS
        ends = (_last_end(pattern, text, start + WINDOW_CHARS // 2, limit) for pattern in WINDOW_ENDS)
        end = next((end for end in ends if end), limit)
        yield start, end
        start = end
    yield start, len(text)


def _last_end(pattern: re.Pattern[str], text: str, start: int, end: int) -> int | None:
    last = None
    for found in pattern.finditer(text, start, end):
        last = found.end()
    return last


def _join_marks(text: str, cuts: list[int]) -> list[Span]:
    """Undo the cuts that leave a list mark, or punctuation, alone."""
    spans: list[Span] = []
    start = 0
    for end in [*cuts, len(text)]:
        if spans and not any(map(str.isalnum, text[start:end])) and not ITEM.match(text, start, end):
            spans[-1] = (spans[-1][0], end)
        elif LIST_MARK_ONLY.fullmatch(text, start, end) and end < len(text):
            continue
        else:
            spans.append((start, end))
        start = end
    return spans
