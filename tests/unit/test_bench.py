"""The benchmarks: a small measurement through the code that takes the large ones, and how it is reported."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.settings import Settings
from tests.bench import conversion, ingest, search
from tests.bench.errors import ModelFileMissingError
from tests.bench.home import check_models
from tests.bench.run import MEASUREMENTS, main
from tests.bench.scale import QUICK
from tests.bench.synthetic import drawn, write_document
from tests.bench.table import Row, duration, render
from tests.bench.timing import Contender, medians

TINY = replace(QUICK, search_sizes=(60,), questions=3, cell_seconds=60, ingest_rounds=1, ingest_passages=3)


@pytest.fixture(scope="module")
def searched() -> list[Row]:
    """What a search of sixty passages gives."""
    return list(search.measure(TINY, Settings()))


def test_a_search_is_measured_against_both(searched: list[Row]) -> None:
    """Each size has a row against rank-bm25 and one against local mode, with times of all three."""
    assert [row.against for row in searched] == ["rank-bm25 alone", "qdrant-client, local mode"]
    assert {row.size for row in searched} == {"60 passages"}
    assert all(row.ours > 0 and row.other is not None and row.other > 0 for row in searched)


def test_what_takes_too_long_is_left_out_with_its_reason() -> None:
    """Local mode that isn't loaded in time has no figure, and the row says why; the others have theirs."""
    against_bm25, against_local = search.measure(replace(TINY, cell_seconds=0), Settings())

    assert against_bm25.other is not None
    assert against_local.other is against_local.ratio is None
    assert "not measured: 0 passages after 0 s of loading" in render([against_local])


def test_missing_models_are_told_with_their_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the model files, what needs them ends in one line that says how to get them."""
    monkeypatch.setenv("FUTFUT_HOME", str(tmp_path))
    for name in set(MEASUREMENTS) - {"search", "convert"}:
        result = CliRunner().invoke(main, [name, "--quick"])
        assert result.exit_code == 1, name
        assert result.output.splitlines()[-1].endswith("Get it with: make models"), name


def test_the_table_can_be_written_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--markdown` writes what is printed, under a heading."""

    def measure(*_: object) -> Iterator[Row]:
        yield Row("search", "1,000 passages", 0.002, "rank-bm25 alone", 0.004)

    monkeypatch.setattr("tests.bench.run.MEASUREMENTS", {"search": measure})
    result = CliRunner().invoke(main, ["search", "--markdown", str(tmp_path / "table.md")])

    assert result.exit_code == 0
    assert result.stderr == "==> Measuring search\n"
    assert "| search      | 1,000 passages | 2 ms   | rank-bm25 alone | 4 ms  | 0.50  |" in result.stdout
    written = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert written == f"# FutFut's benchmarks\n\n{result.stdout}"


def test_a_table_is_markdown_with_even_columns() -> None:
    """Every line is as long as the others, and what isn't there is a dash."""
    lines = render([Row("a", "1", 0.5), Row("longer", "2", 0.001, "other", 2.0, "note")]).splitlines()

    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["a", "1", "500 ms", "", "—", "—", ""]
    assert [cell.strip() for cell in lines[3].split("|")[4:-1]] == ["other", "2 s", "0.0005", "note"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0000123, "12.3 µs"),
        (0.0023, "2.3 ms"),
        (0.2414, "241 ms"),
        (0.99999, "1000 ms"),
        (1234.5, "1234 s"),
    ],
)
def test_durations_have_three_digits_in_their_unit(seconds: float, text: str) -> None:
    """Never an exponent, never more digits than a measurement is good for."""
    assert duration(seconds) == text


def test_contenders_go_by_turns() -> None:
    """The order is reversed from round to round, and something may be done after each, untimed."""
    called: list[str] = []

    def contender(name: str) -> Contender:
        return lambda number: called.append(f"{name}{number}")

    medians(2, {"a": contender("a"), "b": contender("b")}, afterwards=lambda: called.append("-"))
    assert called == ["a0", "-", "b0", "-", "b1", "-", "a1", "-"]


def test_a_contender_that_has_used_its_time_is_called_no_more() -> None:
    """It is called at least once, so that there is a figure."""
    called: list[int] = []
    assert medians(3, {"slow": called.append}, seconds=0)["slow"] > 0
    assert called == [0]


def test_synthetic_passages_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """Two runs measure the same texts, and another seed gives others."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_document(tmp_path / name / "0.md", passages=3, seed=seed)
    first, again, other = ((tmp_path / name / "0.md").read_text(encoding="utf-8") for name in "abc")

    assert first == again != other
    assert first.count("## ") == 3
    assert len({tuple(chosen) for chosen in drawn(1_000, 800, seed=1)}) == 1_000


@pytest.mark.model
def test_a_build_is_measured_against_the_encoder() -> None:
    """The real encoder on three passages: terms are a part of it, and so is the encoder."""
    settings = Settings()
    try:
        check_models(settings, model=False)
    except ModelFileMissingError as missing:
        pytest.skip(str(missing))
    whole, rest, terms = ingest.measure(TINY, settings)

    assert whole.size == "3 passages"
    assert 0 < terms.ours < rest.ours < whole.ours
    assert rest.other == terms.other == pytest.approx(whole.ours - rest.ours)


def test_a_conversion_without_a_reference_says_so() -> None:
    """Where no reference is named, ours is measured alone, and the row says why."""
    (row,) = conversion.measure(replace(TINY, convert_weights=2e6), Settings())

    assert row.ours > 0
    assert row.other is None
    assert "no --reference" in row.note
