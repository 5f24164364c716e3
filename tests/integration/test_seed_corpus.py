"""A real corpus as it is: scanned rules on one line, tables with and without a header."""

import csv
import os
import unicodedata
from collections import defaultdict
from pathlib import Path

import pytest
from kiwipiepy import Kiwi

from server.documents import Chunker, Sizes, read_corpus
from server.domain import Document, Passage

FOLDER = Path(
    os.environ.get("FUTFUT_SEED_CORPUS") or Path(__file__).parents[2] / ".." / "shared" / "seed-corpus"
)
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the seed corpus isn't here; FUTFUT_SEED_CORPUS names its folder"
)


@pytest.fixture(scope="module")
def passages(kiwi: Kiwi) -> dict[str, list[Passage]]:
    """All passages by source; nothing may be skipped."""
    chunker = Chunker(kiwi, lambda text: len(text) // 2, Sizes(512))
    found: dict[str, list[Passage]] = defaultdict(list)
    for document in read_corpus(FOLDER):
        assert isinstance(document, Document), document
        found[document.source] += chunker.chunk(document)
    return found


def records(source: str) -> list[list[str]]:
    with (FOLDER / source).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("source", ["풋살구장정보.csv", "FAQ.csv", "adios_qa.csv", "풋살 역사.csv"])
def test_headed_tables_give_a_passage_a_row(passages: dict[str, list[Passage]], source: str) -> None:
    """Every row below the header is one passage that holds all its values, and the header is none."""
    _, *rows = records(source)
    assert [passage.locator for passage in passages[source]] == [f"row:{n}" for n in range(1, len(rows) + 1)]
    for passage, row in zip(passages[source], rows, strict=True):
        assert all(" ".join(value.split()) in passage.text for value in row)


def test_all_venues_are_there(passages: dict[str, list[Passage]]) -> None:
    """The table of venues has 645 lines, its header among them."""
    assert len(passages["풋살구장정보.csv"]) == 644
    assert passages["풋살구장정보.csv"][0].text.startswith("구장명: ")


def test_all_columns_are_there(passages: dict[str, list[Passage]]) -> None:
    """The headless table of columns loses no row, its first least of all, and cuts none."""
    rows = records("goalava.csv")
    assert len(rows) == 121
    assert [passage.text for passage in passages["goalava.csv"]] == [
        "\n".join(" ".join(line.split()) for line in row[0].strip().split("\n")) for row in rows
    ]


def test_the_rules_are_there_to_the_last_character(passages: dict[str, list[Passage]]) -> None:
    """Every character of the rules but its white space stands in one passage, in order, none of them tiny."""
    (source,) = (source for source in passages if source.endswith(".txt"))
    text = unicodedata.normalize("NFC", (FOLDER / source).read_text(encoding="utf-8"))
    assert "".join("".join(p.text.split()) for p in passages[source]) == "".join(text.split())
    assert min(len(passage.text) for passage in passages[source]) >= 100
