"""The commands as a person types them: processes of their own, the real encoder, the real model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.model

FUTFUT = [sys.executable, "-c", "from server.cli import main; main()"]
MODELS = Path(os.environ.get("FUTFUT_HOME", ".futfut")).resolve() / "models"
SIGN_OFF = "언제든지 물어보세요! 풋풋~!"
EXAMPLES = "Still only an example: venues.csv (1 rows)"
FAQ = """질문,답변
환불은 언제 되나요?,취소하고 사흘 안에 됩니다.
주차할 수 있나요?,열 대까지 할 수 있습니다.
샤워실이 있나요?,지하에 있습니다.
"""
VENUES = "구장명,주소,비고\n예시 가람 풋살장,가람시 예시로 1,실제 구장이 아닌 예시입니다.\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the real models and the index of a small corpus."""
    if not MODELS.is_dir():
        pytest.skip(f"{MODELS} isn't there: run `make models`")
    folder = tmp_path_factory.mktemp("home")
    (folder / "models").symlink_to(MODELS)
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "faq.csv").write_text(FAQ, encoding="cp949")
    (corpus / "venues.csv").write_text(VENUES, encoding="utf-8")
    (corpus / "사진.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    indexed = futfut(folder, "index", "--corpus", str(corpus))
    assert indexed.returncode == 0, indexed.stderr
    assert "4 passages of 2 documents" in indexed.stdout
    assert EXAMPLES in indexed.stdout
    assert "사진.jpg" in indexed.stderr
    return folder


def futfut(home: Path, *words: str, typed: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*FUTFUT, *words, "--home", str(home)],
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_index_again(home: Path) -> None:
    """With the same files nothing is done, and it says so."""
    again = futfut(home, "index", "--corpus", str(home / "corpus"))
    assert "Nothing has changed: 4 passages of 2 documents." in again.stdout
    assert EXAMPLES in again.stdout


def test_search_prints_what_the_endpoint_answers(home: Path) -> None:
    """`--json` is one object with the passages, best first, each with its rank in both legs."""
    found = futfut(home, "search", "환불 언제 돼?", "--json", "--limit", "1")
    (passage,) = json.loads(found.stdout)["passages"]
    assert passage["text"] == "환불은 언제 되나요?\n취소하고 사흘 안에 됩니다."
    assert (passage["source"], passage["locator"]) == ("faq.csv", "row:1")
    assert (passage["lexical_rank"], passage["dense_rank"]) == (1, 1)


def test_a_question_is_answered(home: Path) -> None:
    """The answer goes to standard output with the sign-off at its end, its sources to standard error."""
    asked = futfut(home, "ask", "환불은 언제 돼?")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.rstrip().endswith(SIGN_OFF)
    assert asked.stdout.count(SIGN_OFF) == 1
    assert "faq.csv" in asked.stderr


def test_a_conversation(home: Path) -> None:
    """Each question is answered; a question that can't be is said to be so, and the conversation goes on."""
    typed = f"주차 돼?\n{'아주 긴 질문 ' * 1500}\n환불은 언제 돼?\n끝\n"
    talked = futfut(home, "ask", typed=typed)
    assert talked.returncode == 0, talked.stderr
    assert talked.stdout.count(SIGN_OFF) == 2
    assert "Ask it in fewer words" in " ".join(talked.stderr.split())


def test_doctor(home: Path, tmp_path: Path) -> None:
    """All is well where all is there; else it says what to run, and exits with 1."""
    well = futfut(home, "doctor")
    assert well.returncode == 0
    assert EXAMPLES in well.stdout
    (tmp_path / "models").symlink_to(MODELS)
    unwell = futfut(tmp_path, "doctor")
    assert unwell.returncode == 1
    assert "futfut index --corpus" in unwell.stdout
