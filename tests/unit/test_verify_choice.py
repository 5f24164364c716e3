"""What is measured: windows of a text, the text itself, and how long it still takes."""

from pathlib import Path

import pytest

from convert.errors import TextTooShortError, VerifyTextError
from convert.verify.lockstep import windows_per_block
from convert.verify.pace import Pace, duration
from convert.verify.questions import QUESTIONS
from convert.verify.text import read_text
from convert.verify.windows import Sample, windows
from modelfiles import smoke


def test_windows_come_from_the_whole_text() -> None:
    """As many as it takes, evenly, each as it stands in the text."""
    chosen = windows(range(100), Sample(tokens=8, window=10))
    assert Sample(tokens=8, window=10).scored == 4
    assert chosen.tolist() == [list(range(10)), list(range(50, 60))]


def test_a_short_text_is_taken_whole() -> None:
    """Fewer windows than asked for, but never fewer than two."""
    assert len(windows(range(35), Sample(tokens=1000, window=10))) == 3
    assert len(windows(range(35), Sample(tokens=1, window=10))) == 2
    with pytest.raises(TextTooShortError, match="has 19 tokens, and it takes 20"):
        windows(range(19), Sample(window=10))


def test_the_default_sample_scores_what_it_says() -> None:
    """At least 2,048 tokens."""
    sample = Sample()
    assert windows(range(10**6), sample).shape[0] * sample.scored >= 2048


def test_a_block_fits_into_memory() -> None:
    """Four windows of Llama 3's vocabulary are half a gigabyte; one window is always taken."""
    assert windows_per_block(Sample(), 128_256) == 4
    assert windows_per_block(Sample(window=8192), 256_000) == 1


def test_text_of_a_folder(tmp_path: Path) -> None:
    """The questions, then plain text in the order of names; what isn't text is left out."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.md").write_text("가\n")
    (tmp_path / "b.CSV").write_bytes("\ufeff나".encode())
    (tmp_path / "c.txt").write_bytes("풋살".encode("cp949"))
    (tmp_path / "picture.png").write_bytes(b"\xff")
    assert read_text(tmp_path) == "\n\n".join([*QUESTIONS, "나", "풋살", "가"])


@pytest.mark.parametrize("name", ["empty", "none.txt", "latin.txt"])
def test_text_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    """A folder without text, no file, and what is neither UTF-8 nor CP949 are told, with what to do."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(VerifyTextError, match=rf"{name}.*--text"):
        read_text(tmp_path / name)


def test_the_questions() -> None:
    """Those of the gate and more, eight at least, each with a passage that it is answered from."""
    assert QUESTIONS[: len(smoke.QUESTIONS)] == smoke.QUESTIONS
    assert len(set(QUESTIONS)) == len(QUESTIONS) >= 8
    assert all(question.startswith("자료 1. ") and "\n\n질문: " in question for question in QUESTIONS)


def test_the_time_that_remains() -> None:
    """Each model at its own pace; one that hasn't run yet at that of the slowest."""
    slow, fast, unknown = Path("slow"), Path("fast"), Path("unknown")
    pace = Pace([slow, fast, unknown])
    pace.measured(slow, 10)
    pace.measured(slow, 20)
    pace.measured(fast, 2)
    assert pace.remaining(windows=4) == 2 * 15 + 3 * 2 + 4 * 15


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (89, "89 s"), (100, "2 min"), (3540, "59 min"), (4800, "1 h 20 min")]
)
def test_durations(seconds: float, said: str) -> None:
    """For people: no more digits than are known."""
    assert duration(seconds) == said
