"""The short stretches of a passage that are embedded beside the whole."""

from kiwipiepy import Kiwi

from server.documents.windows import windows
from server.domain import Passage

SENTENCES = [
    "킥인은 공이 나간 지점의 터치라인 위에 공을 멈춰 놓고 찹니다.",
    "찰 준비가 되면 4초 안에 차야 하고, 넘기면 상대 팀의 킥인이 됩니다.",
    "상대 선수는 공에서 적어도 5m 떨어져 있어야 합니다.",
]


def passage(text: str, title: str = "킥인") -> Passage:
    return Passage(id="1", source="rules.md", title=title, locator="heading:킥인", text=text)


def test_long_text_is_cut_between_sentences(kiwi: Kiwi) -> None:
    """Windows are whole sentences in their order, and nothing is left out."""
    found = windows(kiwi, passage(" ".join(SENTENCES)), target_chars=40)
    assert found == SENTENCES


def test_sentences_share_a_window_up_to_its_size(kiwi: Kiwi) -> None:
    """Neighbouring sentences are joined as long as they fit."""
    found = windows(kiwi, passage(" ".join(SENTENCES * 2)), target_chars=110)
    assert " ".join(found) == " ".join(SENTENCES * 2)
    assert 1 < len(found) < 6
    assert all(len(window) <= 110 for window in found)


def test_short_text_has_none(kiwi: Kiwi) -> None:
    """A text about as long as a window would only be embedded twice."""
    assert windows(kiwi, passage(SENTENCES[0]), target_chars=100) == []


def test_a_question_is_a_window_by_itself(kiwi: Kiwi) -> None:
    """The question of a question-and-answer row stands alone, however short."""
    row = passage("환불은 언제 되나요?\n사흘 안에 됩니다.", title="환불은 언제 되나요?")
    assert windows(kiwi, row, target_chars=100) == ["환불은 언제 되나요?"]
