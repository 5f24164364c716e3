"""The persona holds on golden answers, on any cut of the stream and on whatever else a model may write."""

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kiwipiepy import Kiwi

from server.persona import SIGN_OFF, PersonaStream, apply

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Golden:
    """An answer as a model writes it, and as the player must read it; not `complete` if it was cut off."""

    name: str
    group: str
    written: str
    read: str
    complete: bool


def load_golden() -> list[Golden]:
    rows = map(json.loads, (DATA / "persona_golden.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        Golden(f"{row['group']}-{line}", row["group"], row["in"], row["out"], row.get("complete", True))
        for line, row in enumerate(rows, 1)
    ]


KIWI = Kiwi()
GOLDEN = load_golden()
SENTENCES = (DATA / "persona_sentences.txt").read_text(encoding="utf-8").splitlines()
# What decides about sentence ends, quotations, code, lists and sign-offs, in the smallest pieces.
FRAGMENTS = [
    *" \n\t.!?…~,:()\"'`*_#|-<>0a가다함요풋언",
    *(
        "합니다",
        "입니다",
        "한다",
        "이다",
        "습니까",
        "음",
        "해",
        "괜찮아",
        "라고",
        "하고",
        "FIFA",
        "4초",
        "4초.",
        "우루과이",
        "2.5m",
    ),
    *(
        "“",
        "”",
        "```",
        "**",
        "\n- ",
        "\n```\n",
        "\n\n",
        "| ",
        "1. ",
        "https://a.example/b",
        "ㅎㅎ",
        "🎉",
        ":)",
    ),
    *(
        "언제든지",
        "언제든",
        "물어",
        "보세요",
        "물어보세요!",
        "풋풋",
        "풋풋~!",
        " 풋풋이",
        SIGN_OFF,
        f"**{SIGN_OFF}**",
    ),
]
LEFT_FORMAL = re.compile(r"(?:니다|니까|다|시오)(?=[.!?]|$)", re.MULTILINE)


def streamed(pieces: list[str], *, complete: bool = True) -> str:
    stream = PersonaStream(KIWI)
    return "".join(stream.feed(piece) for piece in pieces) + stream.finish(complete=complete)


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


mixtures = st.lists(
    st.sampled_from([*FRAGMENTS, *(golden.written for golden in GOLDEN)]), min_size=1, max_size=12
).map("".join)
places = st.lists(st.integers(0, 2000), max_size=12)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_golden(golden: Golden) -> None:
    """Every golden answer reads as a careful editor wrote it."""
    assert streamed([golden.written], complete=golden.complete) == golden.read


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_character_by_character(golden: Golden) -> None:
    """An answer that comes one character at a time reads the same."""
    assert streamed(list(golden.written), complete=golden.complete) == golden.read


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_idempotent(golden: Golden) -> None:
    """An answer that already speaks in the persona isn't changed."""
    assert streamed([golden.read], complete=golden.complete) == golden.read


def test_golden_answers_are_many_and_distinct() -> None:
    """The golden answers cover each group and hold no duplicates."""
    assert len({(golden.written, golden.complete) for golden in GOLDEN}) == len(GOLDEN) >= 350
    assert len({golden.group for golden in GOLDEN}) >= 20


@pytest.mark.parametrize(
    "written",
    [
        "4초",
        "4초.",
        "네, 4초!",
        "**4초**",
        "골대 높이는 2.",
        "50%",
        "골레이로(골키퍼)",
        "FIFA",
        "No",
        "주차 가능",
    ],
)
def test_a_cut_off_answer_keeps_its_last_word(written: str) -> None:
    """Half a word or half a sentence isn't made a whole one, a finished answer is."""
    assert streamed([written], complete=False) == f"{written} {SIGN_OFF}"
    assert streamed([written]) == apply(KIWI, written) != f"{written} {SIGN_OFF}"


@settings(max_examples=200, deadline=None)
@given(golden=st.sampled_from(GOLDEN), places=places)
def test_cuts_of_golden_answers(golden: Golden, places: list[int]) -> None:
    """However a golden answer is cut, it reads the same."""
    assert streamed(cut(golden.written, places), complete=golden.complete) == golden.read


@settings(max_examples=250, deadline=None)
@given(text=mixtures, places=places, complete=st.booleans())
def test_cuts_of_anything(text: str, places: list[int], complete: bool) -> None:
    """However any text is cut, it reads the same as at once, and as character by character."""
    whole = streamed([text], complete=complete)
    assert streamed(cut(text, places), complete=complete) == whole
    assert streamed(list(text), complete=complete) == whole


@settings(max_examples=250, deadline=None)
@given(text=mixtures)
def test_sign_off_once_at_the_end(text: str) -> None:
    """Whatever the model writes, the sign-off is there exactly once, at the very end."""
    answer = apply(KIWI, text)
    assert answer.endswith(SIGN_OFF)
    assert answer.count(SIGN_OFF) == 1
    assert answer == answer.strip()


@pytest.mark.parametrize("sentence", SENTENCES)
def test_no_other_register_is_left(sentence: str) -> None:
    """No sentence keeps an end in 합쇼체 or 한다체, and each ends in 요 or 죠."""
    answer = apply(KIWI, sentence).removesuffix(SIGN_OFF).rstrip()
    assert not LEFT_FORMAL.search(answer), answer
    assert answer.rstrip(".!?").endswith(("요", "죠")), answer


@pytest.mark.parametrize("sentence", SENTENCES)
def test_only_the_last_word_is_held_back(sentence: str) -> None:
    """Two characters into an 어절 all before it are shown, and a space behind a sentence shows it whole."""
    stream = PersonaStream(KIWI)
    shown, fed = "", ""
    for character in sentence:
        fed += character
        shown += stream.feed(character)
        *complete, last = fed.split(" ")
        assert len(shown.split()) == len(complete) or len(last) < 2, (fed, shown)
    assert len(shown.split()) == len(sentence.split()) - 1
    shown += stream.feed(" ")
    assert f"{shown} {SIGN_OFF}" == apply(KIWI, sentence)
