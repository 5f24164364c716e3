"""A sentence of a small model is held against what the passages state."""

import pytest
from kiwipiepy import Kiwi

from server.generate import ExtractiveGenerator
from server.generate.grounding import Grounds
from server.generate.statements import Statement

OFFSIDE = [
    Statement("풋살에는 오프사이드가 없습니다.", "풋살에 오프사이드가 있나요", 0, "offside.md"),
    Statement("오프사이드는 공격 선수의 위치를 제한하는 규칙입니다.", "오프사이드", 1, "glossary.md"),
]
HALVES = [
    Statement("풋살 경기는 전반 20분, 후반 20분입니다.", "경기 시간", 0, "time.md"),
    Statement("작전 타임은 전반에 1번 쓸 수 있고 길이는 1분입니다.", "작전 타임", 1, "time-out.md"),
]
ANKLE = [
    Statement("발목을 삐면 바로 경기를 멈추고 쉽니다.", "발목을 삐면 어떻게 하나요", 0, "injuries.md"),
    Statement("발목을 단단히 굳히고 발끝으로 공을 찌릅니다.", "토킥", 1, "finishing.md"),
]
REFUND = [Statement("이용일 3일 전까지 취소하면 전액을 환불합니다.", "환불", 0, "faq.md")]


@pytest.mark.parametrize(
    ("question", "statements", "sentence", "supported"),
    [
        ("풋살에 오프사이드 있어?", OFFSIDE, "풋살에는 오프사이드가 없어요.", False),
        ("풋살에 오프사이드 있어?", OFFSIDE, "네, 풋살에도 오프사이드가 있어요.", False),
        ("풋살에 오프사이드 있어?", OFFSIDE, "네.", False),
        ("전반이랑 후반은 몇 분이야?", HALVES, "20분이에요.", True),
        ("전반이랑 후반은 몇 분이야?", HALVES, "전반과 후반은 20 분씩이에요.", True),
        ("전반이랑 후반은 몇 분이야?", HALVES, "1분이에요.", False),
        ("전반이랑 후반은 몇 분이야?", HALVES, "20명이에요.", False),
        ("발목을 삐면 어떻게 해?", ANKLE, "경기를 바로 멈추고 쉬어요.", True),
        ("발목을 삐면 어떻게 해?", ANKLE, "발목을 굳히고 발끝으로 공을 찔러요.", False),
        ("언제까지 취소하면 환불돼?", REFUND, "이용일 3일 전까지 취소하면 전액 환불이에요.", True),
        ("언제까지 취소하면 환불돼?", REFUND, "1. 이용일 3일 전까지 전액 환불이에요.", True),
        ("언제까지 취소하면 환불돼?", REFUND, "이용일 3일 전까지는 전액을 환불하지 않아요.", False),
        ("언제까지 취소하면 환불돼?", REFUND, "이용일 3일 전까지 취소하면 전액을 환불 안 해요.", False),
        ("언제까지 취소하면 환불돼?", REFUND, "이용일 3일 전까지는 전액을 환불하지 말아야 해요.", False),
        ("언제까지 취소하면 환불돼?", REFUND, "이용일 3일 전까지는 전액을 환불 못 받아요.", False),
        ("언제까지 취소하면 환불돼?", REFUND, "이용일 3일 전까지 취소하면 환불되나요?", False),
        ("작전 타임은 몇 번이야?", HALVES[1:], "전반에 한 번 쓸 수 있어요.", True),
        ("작전 타임은 몇 번이야?", HALVES[1:], "전반에 세 번 쓸 수 있어요.", False),
        ("작전 타임은 몇 번이야?", HALVES[1:], "길이는 1시간이에요.", False),
        ("언제까지 취소하면 환불돼?", REFUND, "이용일 3일 전까지 매니저에게 전화로 알리면 돼요.", False),
        ("언제까지 취소하면 환불돼?", [], "3일이에요.", False),
        ("?", REFUND, "3일이에요.", False),
    ],
)
def test_support(
    kiwi: Kiwi, question: str, statements: list[Statement], sentence: str, supported: bool
) -> None:
    """Words, numbers with their units and denial must be those of what is nearest to the question."""
    grounds = Grounds(question, statements, ExtractiveGenerator(kiwi).content)
    assert grounds.support(sentence) is supported
