"""Token bytes to text: whole code points, and nothing of a stop string."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.generate.answer_text import AnswerText


def told(pieces: list[bytes], stop: list[str]) -> str:
    text = AnswerText(stop)
    shown = []
    for piece in pieces:
        shown.append(text.feed(piece))
        if text.stopped:
            break
    return "".join(shown) + text.finish()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(text=st.text(alphabet="풋살a<|⚽ \n", max_size=20), places=st.lists(st.integers(0, 80), max_size=8))
def test_however_bytes_are_cut(text: str, places: list[int]) -> None:
    """Text is the same wherever its bytes are cut, up to the earliest stop string."""
    stop = ["<|", "살풋", "⚽"]
    ends = [at for one in stop if (at := text.find(one)) >= 0]
    assert told(cut(text.encode(), places), stop) == text[: min(ends, default=len(text))]


def test_certain_text_goes_out_at_once() -> None:
    """Only what may become a stop string is held back."""
    text = AnswerText(["<|끝|>"])
    assert [text.feed(piece.encode()) for piece in ("네!", " <", "|", "네", "<|끝", "|>")] == [
        "네!",
        " ",
        "",
        "<|네",
        "",
        "",
    ]
    assert text.stopped


def test_half_a_code_point_at_the_end_is_dropped() -> None:
    """An answer cut off inside a syllable ends before it."""
    assert told([b"\xed\x92\x8b", b"\xec\x82"], []) == "풋"


@pytest.mark.parametrize("stop", [[], [""]])
def test_no_stop_strings(stop: list[str]) -> None:
    """Without stop strings, or with an empty one, everything is text."""
    assert told([b"a", b"b"], stop) == "ab"
