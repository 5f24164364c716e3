"""Answers that quote: what passages state, what of it answers, and how it is said."""

from collections.abc import Sequence

import pytest
from kiwipiepy import Kiwi

from server.domain import Finished, Hit, Message, Passage, Prompt, TextDelta
from server.generate.evidence import coverage, select_evidence
from server.generate.extractive import NO_ANSWER, ExtractiveGenerator
from server.generate.statements import Statement, statements


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def passage(text: str, title: str = "", context: str = "") -> Passage:
    return Passage(id=text, source="s", title=title, locator="row:1", text=text, context=context)


def by_period(text: str) -> list[str]:
    return [f"{part.strip()}." for part in text.split(".") if part.strip()]


def words(text: str) -> frozenset[str]:
    return frozenset(text.replace("?", "").replace(".", "").split()) - {"몇"}


RULES = [
    passage(
        "풋살은 전반과 후반을 20분씩 뜁니다. 공이 멈추면 시계도 멈춥니다. 쉬는 시간은 15분을 넘지 않습니다.",
        "경기 시간",
        "규칙 > 경기 시간",
    ),
    passage(
        "골키퍼는 자기 진영에서 공을 4초까지만 다룹니다. 넘기면 상대 팀이 간접 프리킥을 찹니다.",
        "골키퍼",
        "규칙 > 골키퍼",
    ),
]
REFUND = passage(
    "예약을 취소하면 환불되나요?\n3일 전까지는 전액을 돌려드립니다. 당일에는 돌려드리지 않습니다.",
    "예약을 취소하면 환불되나요?",
)
VENUES = [
    passage("구장명: 새벽 풋살장\n주소: 별빛시 바람로 12 3층\n주차: 가능\n규격: 40m×20m", "새벽 풋살장"),
    passage(
        "구장명: 노을 풋살장\n주소: 노을시 강변길 7\n주차: 없음\n비고: 밤 10시에 닫습니다.", "노을 풋살장"
    ),
]


def test_prose_states_its_sentences() -> None:
    """Prose states each sentence under its headings."""
    assert statements([passage("가. 나.", "제목", "문서 > 제목")], by_period) == [
        Statement("가.", "문서 > 제목 제목", 0, "s"),
        Statement("나.", "문서 > 제목 제목", 0, "s"),
    ]


def test_a_question_row_states_its_answer() -> None:
    """The question is what the answer stands under, and isn't repeated."""
    assert [statement.text for statement in statements([REFUND], by_period)] == [
        "3일 전까지는 전액을 돌려드립니다.",
        "당일에는 돌려드리지 않습니다.",
    ]


def test_labelled_fields_become_sentences() -> None:
    """A row reads as sentences, with the particles that Korean wants."""
    assert [statement.text for statement in statements(VENUES, by_period)] == [
        "새벽 풋살장의 주소는 별빛시 바람로 12 3층이에요.",
        "새벽 풋살장의 주차는 가능해요.",
        "새벽 풋살장의 규격은 40m×20m예요.",
        "노을 풋살장의 주소는 노을시 강변길 7이에요.",
        "노을 풋살장의 주차는 없어요.",
        "밤 10시에 닫습니다.",
    ]


def chosen(question: str, texts: Sequence[str]) -> list[str]:
    found = select_evidence(question, [Statement(text, "", 0) for text in texts], words)
    return [statement.text for statement in found]


def test_the_most_of_the_question_wins() -> None:
    """A statement that holds more of the question's words is chosen alone."""
    assert chosen("골키퍼 시간 제한", ["골키퍼 장갑.", "골키퍼 시간 제한 4초."]) == ["골키퍼 시간 제한 4초."]


def test_too_little_is_nothing() -> None:
    """Statements that share only a small part of the question aren't evidence."""
    assert chosen("국가대표 감독 이름 골키퍼", ["골키퍼 장갑.", "공 크기."]) == []
    assert chosen("", ["골키퍼 장갑."]) == []
    assert chosen("골키퍼", []) == []


def test_numbers_for_how_many() -> None:
    """Of statements that match equally, the one with a number answers how many."""
    assert chosen("팀 선수 몇", ["팀 선수 대기.", "팀 선수 5명."]) == ["팀 선수 5명."]


def test_the_better_passage_wins_a_tie() -> None:
    """Of equal statements the three of the better passages are chosen, and keep their order."""
    found = select_evidence("교체", [Statement(f"교체 {n}.", "", n) for n in range(5)], words)
    assert [statement.passage for statement in found] == [0, 1, 2]


def test_coverage_of_a_claim() -> None:
    """Words count whole, in part by character pairs, or not at all."""
    assert coverage(words("작전 타임"), "작전 타임은 1분.", words) == pytest.approx((1 + 0.7) / 2)
    assert coverage(words("날씨"), "작전 타임은 1분.", words) == 0
    assert coverage(frozenset(), "작전 타임은 1분.", words) == 1


async def answer(kiwi: Kiwi, question: str, passages: Sequence[Passage], max_tokens: int = 400) -> list[str]:
    hits = tuple(Hit(one, 1.0, 1, 1) for one in passages)
    prompt = Prompt((Message("user", question),), len(question), hits, ())
    said: list[str] = []
    async for event in ExtractiveGenerator(kiwi).stream(prompt, question, max_tokens=max_tokens):
        if isinstance(event, TextDelta):
            said.append(event.text)
        else:
            assert isinstance(event, Finished)
            assert event.usage.completion_tokens == len("".join(said))
            said.append(event.reason)
    return said


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("question", "passages", "expected"),
    [
        ("경기 시간이 몇 분이야?", RULES, "풋살은 전반과 후반을 20분씩 뜁니다."),
        ("골키퍼는 공을 몇초 다룰수있어", RULES, "골키퍼는 자기 진영에서 공을 4초까지만 다룹니다."),
        ("당일에 취소하면 환불돼?", [REFUND, *RULES], "당일에는 돌려드리지 않습니다."),
        ("새벽풋살장 어디야?", VENUES, "새벽 풋살장의 주소는 별빛시 바람로 12 3층이에요."),
        ("노을 풋살장 주차 돼?", VENUES, "노을 풋살장의 주차는 없어요."),
    ],
)
async def test_answers(kiwi: Kiwi, question: str, passages: list[Passage], expected: str) -> None:
    """Casual questions find the sentence that answers them, and it comes as it stands."""
    *said, reason = await answer(kiwi, question, passages)
    assert expected in [text.strip() for text in said]
    assert 1 <= len(said) <= 3
    assert reason == "stop"


@pytest.mark.anyio
async def test_declines_and_says_what_is_near(kiwi: Kiwi) -> None:
    """Without evidence it says so, and names the passages that share a word with the question."""
    assert await answer(kiwi, "골키퍼 장갑은 얼마야?", RULES) == [
        NO_ANSWER,
        " 대신 '골키퍼' 자료는 있어요.",
        "stop",
    ]
    assert await answer(kiwi, "내일 날씨 어때?", RULES) == [NO_ANSWER, "stop"]
    assert await answer(kiwi, "내일 날씨 어때?", []) == [NO_ANSWER, "stop"]


@pytest.mark.anyio
async def test_a_sentence_is_never_cut(kiwi: Kiwi) -> None:
    """A limit ends the answer between two sentences."""
    assert await answer(kiwi, "골키퍼 장갑은 얼마야?", RULES, max_tokens=25) == [NO_ANSWER, "length"]


def test_counting_is_generous(kiwi: Kiwi) -> None:
    """The estimate is generous: no tokenizer takes more than a token a character on Korean text."""
    assert ExtractiveGenerator(kiwi).count_tokens([Message("user", "풋살"), Message("user", "공")]) == 3
