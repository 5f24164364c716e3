"""Answers of a model that garbles reach the player only as far as the passages say the same."""

from collections.abc import AsyncGenerator, Sequence
from typing import Self

import pytest
from kiwipiepy import Kiwi

from server.domain import (
    Finished,
    FinishReason,
    GenerationEvent,
    Hit,
    Message,
    Mode,
    Passage,
    Prompt,
    TextDelta,
    Usage,
)
from server.generate import Checked, ExtractiveGenerator
from server.telemetry import Telemetry

TEXT = "풋살에는 4호 공을 씁니다. 풋살공의 둘레는 62~64cm입니다."
PASSAGE = Passage("1", "ball.md", "풋살공은 몇 호인가요", "heading:풋살공은 몇 호인가요", TEXT)
PROMPT = Prompt((Message("user", "?"),), 7, (Hit(PASSAGE, 1.0, 1, 1),), ())
QUOTED = "풋살에는 4호 공을 씁니다. 풋살공의 둘레는 62~64cm입니다."


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Saying:
    """A model that says a script, piece by piece, and remembers whether it was stopped."""

    name = "mini-q4_k_m"
    mode: Mode = "model"
    context_tokens = 512
    system = None

    def __init__(self, *pieces: str, reason: FinishReason = "length") -> None:
        self.pieces = pieces
        self.reason = reason
        self.said = 0
        self.closed = False

    def model(self, *, fresh: bool = False) -> Self:
        """Itself."""
        del fresh
        return self

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """As many as messages."""
        return len(messages)

    async def stream(
        self, prompt: Prompt, question: str, *, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        """The script, then its end."""
        del question, max_tokens
        try:
            for piece in self.pieces:
                self.said += 1
                yield TextDelta(piece)
            yield Finished(self.reason, Usage(prompt.tokens, self.said))
        finally:
            self.closed = True


async def answer(
    kiwi: Kiwi, model: Saying, prompt: Prompt = PROMPT, *, checked: bool = True
) -> tuple[str, Finished, float]:
    telemetry = Telemetry()
    generator = Checked(model, ExtractiveGenerator(kiwi), telemetry, applies=lambda _: checked)
    events = [event async for event in generator.stream(prompt, "풋살공은 몇 호야?", max_tokens=400)]
    *pieces, end = events
    assert isinstance(end, Finished)
    text = "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))
    return text, end, telemetry.registry.get_sample_value("futfut_unsupported_answers_total") or 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (["4", "호 공", "이에요."], "4호 공이에요."),
        (
            ["풋살에는 4호 공을", " 써요. 둘레는 62~64cm예", "요.\n"],
            "풋살에는 4호 공을 써요. 둘레는 62~64cm예요.",
        ),
        (
            ["자료 1. 4호 공이에요.", " 언제든지 물어보세요! 풋풋~!"],
            "4호 공이에요.",
        ),
    ],
)
async def test_what_the_passages_say_is_sent(kiwi: Kiwi, pieces: list[str], said: str) -> None:
    """Supported sentences come whole, with the model's own end; a label of the prompt is dropped."""
    text, end, unsupported = await answer(kiwi, Saying(*pieces))
    assert (text, end) == (said, Finished("length", Usage(7, len(pieces))))
    assert unsupported == 0


@pytest.mark.anyio
async def test_instead_of_what_they_do_not_say_they_are_quoted(kiwi: Kiwi) -> None:
    """The model is stopped at its first sentence, nothing of which is sent, and the end says who answered."""
    model = Saying("5호예요.", " ", "그래서", " 커요.")
    text, end, unsupported = await answer(kiwi, model)
    assert (text, end.mode, unsupported) == (QUOTED, "extractive", 1)
    assert end.usage == Usage(7, 2)
    assert (model.said, model.closed) == (2, True)


@pytest.mark.anyio
async def test_an_answer_ends_where_it_is_no_longer_supported(kiwi: Kiwi) -> None:
    """What was sent stays, what follows isn't sent, and the pieces that had come are counted."""
    text, end, unsupported = await answer(kiwi, Saying("4호 공이에요. ", "무게는 1kg이에요. ", "끝이에요."))
    assert (text, end, unsupported) == ("4호 공이에요.", Finished("stop", Usage(7, 2)), 1)


@pytest.mark.anyio
async def test_what_was_cut_off_by_the_limit_says_so(kiwi: Kiwi) -> None:
    """Half a sentence at the end isn't sent, and the end is the model's own."""
    text, end, _ = await answer(kiwi, Saying("4호 공이에요. ", "무게는 1"))
    assert (text, end) == ("4호 공이에요.", Finished("length", Usage(7, 2)))


@pytest.mark.anyio
@pytest.mark.parametrize(
    "pieces",
    [
        [],
        ["언제든지 편하게 물어보세요! 풋풋~!"],
        ["자료 1:\n"],
        ["제가 가진 자료에는 그 내용이 없어요."],
        ["...." * 9],
    ],
)
async def test_an_answer_that_states_nothing_is_replaced(kiwi: Kiwi, pieces: list[str]) -> None:
    """Nothing, a sign-off, a label, dots and a refusal answer nothing: the passages are quoted."""
    text, end, _ = await answer(kiwi, Saying(*pieces))
    assert (text, end.mode) == (QUOTED, "extractive")


@pytest.mark.anyio
async def test_a_sign_off_carries_nothing_past_the_check(kiwi: Kiwi) -> None:
    """A claim that runs into a sign-off is checked, and one behind it as well."""
    for pieces in (["5호 공이에요 언제든지 물어보세요!"], ["언제든지 물어보세요! ", "5호예요."]):
        text, end, unsupported = await answer(kiwi, Saying(*pieces))
        assert (text, end.mode, unsupported) == (QUOTED, "extractive", 1)


@pytest.mark.anyio
async def test_an_engine_that_is_closed_is_not_answered_for(kiwi: Kiwi) -> None:
    """An answer that was cancelled before its first word stays cancelled."""
    text, end, unsupported = await answer(kiwi, Saying(reason="cancelled"))
    assert (text, end.reason, unsupported) == ("", "cancelled", 0)


@pytest.mark.anyio
async def test_who_leaves_stops_the_model(kiwi: Kiwi) -> None:
    """Closed after its first sentence, the model's stream is closed."""
    model = Saying("4호 공이에요. ", "4호예요. ", "4호예요.")
    generator = Checked(model, ExtractiveGenerator(kiwi), Telemetry(), applies=lambda _: True)
    stream = generator.stream(PROMPT, "풋살공은 몇 호야?", max_tokens=400)
    assert await anext(stream) == TextDelta("4호 공이에요.")
    await stream.aclose()
    assert (model.said, model.closed) == (1, True)


@pytest.mark.anyio
async def test_others_pass_as_they_come(kiwi: Kiwi) -> None:
    """A model that isn't checked, and an answer without passages, come piece by piece."""
    unchecked, *_ = await answer(kiwi, Saying("5호", "예요."), checked=False)
    without, *_ = await answer(kiwi, Saying("안녕하", "세요."), Prompt(PROMPT.messages, 7, (), ()))
    assert (unchecked, without) == ("5호예요.", "안녕하세요.")
