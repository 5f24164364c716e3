"""Three questions that any model fit for the job answers: in Korean, from the passage, and then it stops."""

import re
from collections.abc import Collection

from modelfiles.grammar import Modelfile
from modelfiles.ollama.client import Ollama
from modelfiles.ollama.wire import Answer

LONGEST_ANSWER = 300  # tokens; a short answer in Korean takes fifty
_LEAST_HANGUL = 0.7
# The same answer every time: what is decided by chance decides nothing.
_OPTIONS = {"temperature": 0, "seed": 1, "num_predict": LONGEST_ANSWER}

# A passage under its heading, and what a player asks.
_ASKED = {
    "킥인: 공이 터치라인을 완전히 넘어가면 킥인으로 다시 시작해요. 준비가 되면 4초 안에 차야 해요.": (
        "킥인은 몇 초 안에 차야 해?"
    ),
    "선수: 풋살은 한 팀에 다섯 명이 뛰고, 그중 한 명은 골키퍼예요. 교체는 횟수에 제한이 없어요.": (
        "풋살은 한 팀이 몇 명이야?"
    ),
    "신발: 실내 구장에서는 바닥이 평평한 풋살화를 신어요. 징이 박힌 축구화는 바닥을 상하게 해요.": (
        "실내 구장에서는 어떤 신발을 신어?"
    ),
}
# In the form in which the service asks.
QUESTIONS = tuple(f"자료 1. {passage}\n\n질문: {question}" for passage, question in _ASKED.items())

_SHOWN = 80  # characters of a wrong answer
_MARKUP = re.compile(r"<[^<>\s]+>|\[/?[A-Z]+\]")
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def smoke_failures(
    ollama: Ollama, name: str, modelfile: Modelfile, questions: Collection[str] = QUESTIONS
) -> list[str]:
    """Ask each question and say what is wrong with the answers; loads the model."""
    markup = markup_of(modelfile)
    failures = []
    for question in questions:
        answer = ollama.chat(name, [{"role": "user", "content": question}], _OPTIONS)
        failures += [f"'{question.rpartition(': ')[2]}': {fault}" for fault in _faults(answer, markup)]
    return failures


def markup_of(modelfile: Modelfile) -> frozenset[str]:
    """What must never stand in an answer: the stops, and the markup that TEMPLATE puts around messages."""
    literals = _ACTION.sub("\n", modelfile.template or "")
    return frozenset({*modelfile.values("stop"), *_MARKUP.findall(literals)})


def _faults(answer: Answer, markup: Collection[str]) -> list[str]:
    text = answer.message.content
    shown = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    faults = []
    if answer.done_reason != "stop":
        why = answer.done_reason or "Ollama gave it up"
        faults.append(f"the answer doesn't end by itself within {LONGEST_ANSWER} tokens ({why}): {shown}")
    if not text.strip():
        return [*faults, "the answer is empty"]
    if (share := hangul_share(text)) < _LEAST_HANGUL:
        faults.append(f"the answer isn't Korean, {share:.0%} of its letters are Hangul: {shown}")
    if found := sorted(piece for piece in markup if piece in text):
        faults.append(f"the answer shows markup ({', '.join(found)}): {shown}")
    return faults


def hangul_share(text: str) -> float:
    """How much of a text's letters are Hangul, from 0 to 1."""
    letters = [character for character in text if character.isalpha()]
    return sum("가" <= letter <= "힣" or "ㄱ" <= letter <= "ㅣ" for letter in letters) / max(len(letters), 1)
