"""Question sets are read as they are written, and whatever is wrong with one is said by its line."""

from pathlib import Path

import pytest

from server.errors import QuestionError
from server.evaluate.questions import Answer, Question, load_questions

GOOD = (
    '{"id": "a-1", "question": "공 몇 호야?", "kind": "rules", "style": "casual",'
    ' "answers": [{"source": "ball.md", "heading": "공"}, {"source": "faq.csv", "row": 3}]}'
)
UNANSWERED = '{"id": "a-2", "question": "내일 비 와?", "kind": "none", "style": "casual", "answers": []}'


def written(folder: Path, *lines: str) -> Path:
    """Write a question set."""
    path = folder / "set.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def answered_by(answer: str) -> str:
    """Write one question with one answer."""
    return f'{{"id": "a-1", "question": "뭐야?", "kind": "rules", "style": "plain", "answers": [{answer}]}}'


def test_questions_are_read_in_order(tmp_path: Path) -> None:
    """Each line is a question with its answers; blank lines don't count."""
    assert load_questions(written(tmp_path, GOOD, "", UNANSWERED, "")) == (
        Question(
            id="a-1",
            question="공 몇 호야?",
            kind="rules",
            style="casual",
            answers=(Answer("ball.md", heading="공"), Answer("faq.csv", row=3)),
        ),
        Question(id="a-2", question="내일 비 와?", kind="none", style="casual", answers=()),
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"id": "a-1"}', "missing required field `question`"),
        (GOOD.replace('"kind"', '"sort"'), "unknown field `sort`"),
        (GOOD.replace("3", '"3"'), "Expected `int | null`"),
        (GOOD, "the id a-1 is line 1's already"),
        (answered_by('{"source": "a.md"}'), "exactly one of row, heading and contains"),
        (answered_by('{"source": "a.md", "row": 1, "heading": "공"}'), "exactly one of row"),
        (answered_by('{"source": "a.md", "contains": []}'), "contains is empty"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    """A line that isn't a question of its own stops the reading, by its number and with the reason."""
    path = written(tmp_path, GOOD, "", line)
    with pytest.raises(QuestionError) as raised:
        load_questions(path)
    assert raised.value.line == 3
    assert said in raised.value.reason
    assert str(raised.value).startswith(f"{path}, line 3: ")


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    """Bytes of another encoding are told from JSON, by the line they are on."""
    path = tmp_path / "set.jsonl"
    path.write_bytes(f"{GOOD}\n".encode() + UNANSWERED.encode("cp949"))
    with pytest.raises(QuestionError) as raised:
        load_questions(path)
    assert raised.value.line == 2


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    """Nothing to ask would give figures over nothing."""
    with pytest.raises(QuestionError, match="holds no question"):
        load_questions(written(tmp_path, "", " "))


def test_one_split_is_read(tmp_path: Path) -> None:
    """Only the questions of the split are given, and a split without any is refused."""
    dev = UNANSWERED.replace('"answers"', '"split": "dev", "answers"')
    path = written(tmp_path, GOOD, dev)
    assert [question.id for question in load_questions(path, "dev")] == ["a-2"]
    assert len(load_questions(path)) == 2
    with pytest.raises(QuestionError, match="holds no question of the split test"):
        load_questions(path, "test")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path with nothing behind it is said, not a traceback."""
    with pytest.raises(QuestionError, match="can't be read: No such file"):
        load_questions(tmp_path / "none.jsonl")
