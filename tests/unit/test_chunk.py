"""Documents to passages: nothing lost, nothing doubled, all of it fitting."""

import re
import unicodedata
import uuid
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kiwipiepy import Kiwi

from server.documents import Chunker, Sizes
from server.domain import Block, BlockKind, Document, Passage

INVISIBLE = {"\u00ad", "\u200b", "\u2060", "\ufeff"}
SENTENCES = [f"{number}번 선수는 공을 받아서 빠르게 앞으로 달려갔습니다." for number in range(1, 31)]


def half_a_token_each(text: str) -> int:
    return len(text) // 2


def chunker(kiwi: Kiwi, *, max_tokens: int = 300, **sizes: int) -> Chunker:
    return Chunker(kiwi, half_a_token_each, Sizes(max_tokens, **sizes))


def prose(text: str, title: str = "문서") -> Document:
    return Document("a.txt", title, (Block(text, title, "offset:0"),))


def row(text: str, title: str, number: int = 1) -> Block:
    return Block(text, title, f"row:{number}", BlockKind.ROW)


def visible(text: str) -> str:
    return "".join(
        char
        for char in text
        if not char.isspace() and unicodedata.category(char) not in {"Cc", "Cs"} and char not in INVISIBLE
    )


korean = st.text(st.sampled_from("가나다라요습니다. ,!?•·-1\n:()😀"), max_size=700)


@given(text=st.text(max_size=300) | korean, kind=st.sampled_from(BlockKind), target=st.integers(1, 200))
@example(text="• " * 400, kind=BlockKind.PROSE, target=40)
@example(text="가" * 2000, kind=BlockKind.ROW, target=40)
@example(text="끝이에요\ud800.\x00 \ufeff네.", kind=BlockKind.PROSE, target=1)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_visible_character_is_kept_once_in_order(
    kiwi: Kiwi, text: str, kind: BlockKind, target: int
) -> None:
    """Of any text the passages hold each visible character once and in order, and each passage fits."""
    document = Document("a.txt", "제목", (Block(text, "제목", "offset:0", kind),))
    passages = chunker(kiwi, max_tokens=64, target_chars=target).chunk(document)
    assert visible("".join(passage.text for passage in passages)) == visible(text)
    assert all(half_a_token_each(passage.indexed_text) <= 64 for passage in passages)
    assert all(passage.text for passage in passages)
    assert len({passage.id for passage in passages}) == len(passages)


@given(text=korean)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_offsets_point_into_the_file(kiwi: Kiwi, text: str) -> None:
    """A passage's offsets are where its text stands in the decoded file."""
    for passage in chunker(kiwi, target_chars=50).chunk(prose(text)):
        start, end = map(int, passage.locator.removeprefix("offset:").split("-"))
        assert "".join(text[start:end].split()) == "".join(passage.text.split())


def test_sentences_are_packed_whole(kiwi: Kiwi) -> None:
    """Passages of prose are whole sentences, near the target and not over it."""
    passages = chunker(kiwi, target_chars=200).chunk(prose(" ".join(SENTENCES)))
    assert [s for p in passages for s in re.split(r"(?<=\.) ", p.text)] == SENTENCES
    assert all(100 <= len(passage.text) <= 200 for passage in passages)


def test_a_sentence_over_the_target_stays_whole_if_it_fits(kiwi: Kiwi) -> None:
    """The target is for packing; a sentence is only cut when the encoder can't take it."""
    long = "선수가 공을 차고, " * 20 + "달렸습니다."
    passages = chunker(kiwi, target_chars=60).chunk(prose(f"{SENTENCES[0]} {long} {SENTENCES[1]}"))
    assert any(long in passage.text for passage in passages)


def test_a_sentence_that_does_not_fit_is_cut_between_clauses(kiwi: Kiwi) -> None:
    """What must be cut is cut after a comma where there is one, never within a word."""
    long = "선수가 공을 차고, " * 60 + "달렸습니다."
    passages = chunker(kiwi, max_tokens=100).chunk(prose(long))
    assert len(passages) > 3
    assert all(passage.text.endswith(("차고,", "달렸습니다.")) for passage in passages)


def test_spacing_lost_by_scanning_does_not_hide_sentence_ends(kiwi: Kiwi) -> None:
    """A sentence end with a section's number right behind it is one all the same."""
    text = "".join(f"주심은 {n}번 선수에게 주의를 줍니다.{n} 다음 절 " for n in range(10, 60))
    for passage in chunker(kiwi, target_chars=80).chunk(prose(text))[1:]:
        assert re.match(r"\d\d 다음 절", passage.text)


def test_list_items_keep_their_bullets_and_announcement(kiwi: Kiwi) -> None:
    """A bullet begins a passage, ends none, and what announces a list stands with its first item."""
    items = "".join(f" •{n}번째로 해야 하는 일을 순서대로 빠짐없이 적는다 ;" for n in range(20))
    text = f"{' '.join(SENTENCES[:3])} 주심은 다음과 같이 해야 한다 :{items}"
    passages = chunker(kiwi, target_chars=120).chunk(prose(text))
    assert not any(passage.text.rstrip().endswith(("•", ":")) for passage in passages)
    assert sum(passage.text.startswith("•") for passage in passages) >= 3


def test_a_small_tail_joins_its_neighbour(kiwi: Kiwi) -> None:
    """No passage of a few characters is left over at the end."""
    passages = chunker(kiwi, target_chars=100).chunk(prose(" ".join([*SENTENCES[:3], "끝."])))
    assert passages[-1].text.endswith("끝.")
    assert min(len(passage.text) for passage in passages) >= 25


def test_overlap_repeats_the_last_sentence(kiwi: Kiwi) -> None:
    """With an overlap of one, each passage begins with the sentence that ended the one before."""
    passages = chunker(kiwi, target_chars=150, overlap_sentences=1).chunk(prose(" ".join(SENTENCES)))
    sentences = [re.split(r"(?<=\.) ", passage.text) for passage in passages]
    assert len(passages) > 3
    assert all(before[-1] == after[0] for before, after in pairwise(sentences))
    assert list(dict.fromkeys(s for piece in sentences for s in piece)) == SENTENCES


def test_rows_stay_whole_unless_they_cannot_fit(kiwi: Kiwi) -> None:
    """A row over the target is one passage; over the encoder's limit it is cut and keeps its title."""
    text = " ".join(SENTENCES[:14])
    blocks = (row(text, "첫 행", 1), row(f"{text} {text}", "둘째 행", 2))
    passages = chunker(kiwi, target_chars=100).chunk(Document("t.csv", "표", blocks))
    assert passages[0].text == text
    assert [p.locator for p in passages[:4]] == ["row:1", "row:2", "row:2#2", "row:2#3"]
    assert {(p.title, p.context) for p in passages[1:]} == {("둘째 행", "표 > 둘째 행")}


def test_pieces_of_one_heading_are_numbered(kiwi: Kiwi) -> None:
    """Later pieces under the same heading are told apart, also across a table between them."""
    place, path = "heading:경기 > 시간", ("경기", "시간")
    blocks = (
        Block("앞글이에요.", "시간", place, headings=path),
        Block("| 표 |", "시간", place, BlockKind.ROW, path),
        Block("뒷글이에요.", "시간", place, headings=path),
    )
    passages = chunker(kiwi).chunk(Document("m.md", "경기", blocks))
    assert [p.locator for p in passages] == [place, f"{place}#2", f"{place}#3"]
    assert {p.context for p in passages} == {"경기 > 시간"}


@pytest.mark.parametrize(
    ("title", "text", "context"),
    [
        ("환불은 언제까지 돼요?", "환불은 언제까지 돼요?\n하루 전까지예요.", "예약"),
        ("짧은 제목…", "짧은 제목 뒤로 글이 이어져요.", "예약"),
        ("환불", "하루 전까지 예약을 취소할 수 있어요.", "환불"),
    ],
)
def test_context_only_adds_what_the_text_lacks(kiwi: Kiwi, title: str, text: str, context: str) -> None:
    """Titles whose words all stand in the text are not indexed twice."""
    (passage,) = chunker(kiwi).chunk(Document("t.csv", "예약", (row(text, title),)))
    assert passage.context == context


def test_a_huge_heading_leaves_room_for_the_text(kiwi: Kiwi) -> None:
    """A context takes at most a third of the tokens, the nearest heading first."""
    blocks = (Block("글이에요. " * 40, "나" * 900, "heading:x", headings=("가" * 900, "나" * 900)),)
    passages = chunker(kiwi, max_tokens=90).chunk(Document("m.md", "제목", blocks))
    assert all(half_a_token_each(passage.indexed_text) <= 90 for passage in passages)
    assert all(0 < half_a_token_each(p.context) <= 30 and set(p.context) == {"나"} for p in passages)


def ids(kiwi: Kiwi, *blocks: Block, source: str = "t.csv") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for passage in chunker(kiwi).chunk(Document(source, "표", blocks)):
        found.setdefault(passage.text, []).append(passage.id)
    return found


def test_ids_survive_rows_inserted_before_them(kiwi: Kiwi) -> None:
    """A row keeps its id when its number changes, and has another in another file or with other words."""
    before = ids(kiwi, row("가람장", "가람장", 1), row("나루장", "나루장", 2))
    after = ids(kiwi, row("새 구장", "새 구장", 1), row("가람장", "가람장", 2), row("나루장", "나루장", 3))
    assert before.items() <= after.items()
    assert ids(kiwi, row("가람장", "가람장"), source="u.csv")["가람장"] != before["가람장"]
    assert uuid.UUID(before["가람장"][0]).version == 5


def test_exact_duplicates_have_distinct_ids(kiwi: Kiwi) -> None:
    """Two equal rows are two passages."""
    (pair,) = ids(kiwi, row("가람장", "가람장", 1), row("가람장", "가람장", 2)).values()
    assert len(set(pair)) == 2


def test_the_fingerprint_names_every_parameter(kiwi: Kiwi) -> None:
    """Any parameter that moves a boundary changes the fingerprint; the same parameters give the same one."""
    variants: list[dict[str, int]] = [
        {},
        {"max_tokens": 299},
        {"target_chars": 399},
        {"overlap_sentences": 1},
    ]
    fingerprints = [chunker(kiwi, **variant).fingerprint for variant in variants]
    assert len(set(fingerprints)) == len(variants)
    assert chunker(kiwi).fingerprint == fingerprints[0]


def test_too_little_room_is_refused(kiwi: Kiwi) -> None:
    """A limit that leaves no room for text and context is an error at once."""
    with pytest.raises(ValueError, match="at least 64"):
        chunker(kiwi, max_tokens=63)


def test_a_character_that_cannot_fit_is_an_error(kiwi: Kiwi) -> None:
    """A tokenizer that gives one character too many tokens is not worked around in silence."""
    greedy: Callable[[str], int] = lambda text: 1000 if "가" in text else 0  # noqa: E731
    with pytest.raises(ValueError, match="'가' alone"):
        Chunker(kiwi, greedy, Sizes(64)).chunk(prose("가", title="제목"))


def test_long_text_without_line_ends_is_cut_in_seconds(kiwi: Kiwi) -> None:
    """60,000 characters on one line keep their sentences whole across the windows of analysis."""
    text = " ".join(SENTENCES * 60)
    passages: list[Passage] = chunker(kiwi, target_chars=300).chunk(prose(text))
    assert [s for p in passages for s in re.split(r"(?<=\.) ", p.text)] == SENTENCES * 60
