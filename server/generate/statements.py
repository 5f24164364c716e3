"""What passages state, one sentence at a time, each so that it can be said by itself."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from server.domain import Passage
from server.hangul import ends_in_consonant

_FIELD = re.compile(r"(?P<label>[^:.?!]{1,30}): (?P<value>.+)")
_SENTENCE_END = re.compile(r"[.!?]$")
# How a table says yes and no, as a sentence does.
_PREDICATES = {"있음": "있어요", "없음": "없어요", "가능": "가능해요", "불가": "안 돼요", "불가능": "안 돼요"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of a passage. `about` is what it stands under: headings, question, or name and label."""

    text: str
    about: str
    passage: int
    source: str = ""


def statements(passages: Sequence[Passage], split: Callable[[str], Sequence[str]]) -> list[Statement]:
    """All that the passages state, in reading order; `passage` counts them from 0.

    A row of a question and its answer states the answer, a row of labelled fields a sentence for each field
    (`OO 구장의 주소는 …예요.`), and prose its sentences, as `split` finds them.
    """
    return [
        Statement(text, about, number, passage.source)
        for number, passage in enumerate(passages)
        for text, about in _stated(passage, split)
    ]


def _stated(passage: Passage, split: Callable[[str], Sequence[str]]) -> Iterator[tuple[str, str]]:
    lines = [line.strip() for line in passage.text.splitlines() if line.strip()]
    fields = [_FIELD.fullmatch(line) for line in lines]
    about = " ".join(filter(None, [passage.context, passage.title]))
    if len(lines) > 1 and all(fields):
        name, *values = ((field["label"], field["value"]) for field in fields if field)
        yield from (
            (_sentence(name[1], label, value), f"{about} {name[1]} {label}") for label, value in values
        )
        return
    if len(lines) > 1 and lines[0] == passage.title:
        lines = lines[1:]
    for sentence in split("\n".join(lines)):
        yield sentence, about


def _sentence(name: str, label: str, value: str) -> str:
    if _SENTENCE_END.search(value):
        return value
    topic = f"{name}의 {label}{'은' if ends_in_consonant(label) else '는'}"
    if value in _PREDICATES:
        return f"{topic} {_PREDICATES[value]}."
    return f"{topic} {value}{'이에요' if ends_in_consonant(value) else '예요'}."
