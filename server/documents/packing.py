"""Sentences to pieces of a good size: pure functions on spans of one text."""

import re
from collections.abc import Callable, Iterator, Sequence

from server.documents.sentences import Span, halve, split_lines

SMALL_SHARE = 4  # a piece below one in so many of the target's characters doesn't stand alone

# Neither seen nor spoken: control and lone surrogate characters, soft hyphen, zero-width space, word joiner,
# BOM.
INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ud800-\udfff]")

Fits = Callable[[str], bool]


def tidy(text: str) -> str:
    """The text as a passage holds it: no invisible characters, runs of white space collapsed."""
    lines = (" ".join(line.split()) for line in INVISIBLE.sub("", text).split("\n"))
    return "\n".join(line for line in lines if line)


def trim(text: str, span: Span) -> Span | None:
    """The span without white space and invisible characters around it; None if nothing else is in it."""
    own = text[slice(*span)]
    visible = tidy(own)
    if not visible:
        return None
    return span[0] + own.index(visible[0]), span[0] + own.rindex(visible[-1]) + 1


def fitting_units(text: str, sentence: Span, fits: Fits, target_chars: int) -> Iterator[Span]:
    """The sentence itself; over the target its lines; what doesn't fit even so is halved until it does.

    Raises:
        ValueError: a single character doesn't fit.
    """
    start, end = sentence
    pending = split_lines(text, sentence) if end - start > target_chars else [sentence]
    pending.reverse()
    while pending:
        start, end = span = pending.pop()
        if fits(text[start:end]):
            yield span
        elif end - start > 1:
            pending.extend(reversed(halve(text, span)))
        else:
            raise ValueError(f"{text[start:end]!r} alone takes more tokens than a passage may have")


def pack(text: str, units: Sequence[Span], fits: Fits, *, target_chars: int, overlap: int) -> list[Span]:
    """Join neighbouring units up to the target; each fits alone, and so does each piece.

    A unit that ends in a colon announces the next one and goes with it. With `overlap`, a piece begins with
    so many units of the one before it, where there is room.
    """

    def has_room(first: int, last: int) -> bool:
        piece = text[units[first][0] : units[last][1]]
        return len(tidy(piece)) <= target_chars and fits(piece)

    spans: list[Span] = []
    first = 0
    for index in range(1, len(units)):
        if has_room(first, index):
            continue
        cut = index
        announcement, announced = units[index - 1], units[index]
        if index - 1 > first and text[slice(*announcement)].rstrip().endswith(":"):
            cut -= fits(text[announcement[0] : announced[1]])
        spans.append((units[first][0], units[cut - 1][1]))
        repeated = max(cut - overlap, first + 1)
        first = repeated if has_room(repeated, index) else cut
    return [*spans, (units[first][0], units[-1][1])] if units else []


def merge_small(text: str, spans: Sequence[Span], fits: Fits, target_chars: int) -> list[Span]:
    """Join a piece too small to stand alone to the one before it, else to the one after it, if that fits."""
    merged: list[Span] = []
    for span in spans:
        sizes = [len(tidy(text[slice(*piece)])) for piece in (*merged[-1:], span)]
        if merged and min(sizes) < target_chars // SMALL_SHARE and fits(text[merged[-1][0] : span[1]]):
            merged[-1] = (merged[-1][0], span[1])
        else:
            merged.append(span)
    return merged
