"""Three questions that any model fit for the job answers: in Korean, from the passage, and then it stops.

The gate asks them through Ollama, verification through llama.cpp; what is wrong with an answer is the same.
"""

import re
from collections.abc import Collection

from modelfiles.grammar import Modelfile

LONGEST_ANSWER = 300  # tokens; a short answer in Korean takes fifty
_LEAST_HANGUL = 0.7
_SHOWN = 80  # characters of a wrong answer
_MARKUP = re.compile(r"<[^<>\s]+>|\[/?[A-Z]+\]")
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def asked(passage: str, question: str) -> str:
    """What a player asks and the passage that answers it, in the form in which the service asks."""
    return f"자료 1. {passage}\n\n질문: {question}"


# A passage under its heading, and what a player asks.
QUESTIONS = (
    asked(
        "킥인: 공이 터치라인을 완전히 넘어가면 킥인으로 다시 시작해요. 준비가 되면 4초 안에 차야 해요.",
        "킥인은 몇 초 안에 차야 해?",
    ),
    asked(
        "선수: 풋살은 한 팀에 다섯 명이 뛰고, 그중 한 명은 골키퍼예요. 교체는 횟수에 제한이 없어요.",
        "풋살은 한 팀이 몇 명이야?",
    ),
    asked(
        "신발: 실내 구장에서는 바닥이 평평한 풋살화를 신어요. 징이 박힌 축구화는 바닥을 상하게 해요.",
        "실내 구장에서는 어떤 신발을 신어?",
    ),
)


def question_of(message: str) -> str:
    """The question of a message that `asked` put together."""
    return message.rpartition(": ")[2]


def markup_of(modelfile: Modelfile) -> frozenset[str]:
    """What must never stand in an answer: the stops, and the markup that TEMPLATE puts around messages."""
    literals = _ACTION.sub("\n", modelfile.template or "")
    return frozenset({*modelfile.values("stop"), *_MARKUP.findall(literals)})


def is_markup(text: str) -> bool:
    """Whether a text looks like what stands around messages: `<|user|>`, `</s>`, `[INST]`."""
    return _MARKUP.fullmatch(text) is not None


def faults(text: str, unended: str | None, markup: Collection[str]) -> list[str]:
    """What is wrong with an answer.

    Args:
        text: the answer.
        unended: why it doesn't end by itself within `LONGEST_ANSWER` tokens; None if it does.
        markup: as `markup_of` gives it.
    """
    shown = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    found = []
    if unended is not None:
        found.append(f"the answer doesn't end by itself within {LONGEST_ANSWER} tokens ({unended}): {shown}")
    if not text.strip():
        return [*found, "the answer is empty"]
    if (share := hangul_share(text)) < _LEAST_HANGUL:
        found.append(f"the answer isn't Korean, {share:.0%} of its letters are Hangul: {shown}")
    if leaked := sorted(piece for piece in markup if piece in text):
        found.append(f"the answer shows markup ({', '.join(leaked)}): {shown}")
    return found


def hangul_share(text: str) -> float:
    """How much of a text's letters are Hangul, from 0 to 1."""
    letters = [character for character in text if character.isalpha()]
    return sum("가" <= letter <= "힣" or "ㄱ" <= letter <= "ㅣ" for letter in letters) / max(len(letters), 1)
