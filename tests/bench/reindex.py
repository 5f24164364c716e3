"""`futfut index` again: with nothing changed, and with one file of many changed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from server.settings import Settings
from tests.bench.home import check_models, with_home
from tests.bench.processes import futfut, run
from tests.bench.scale import Scale
from tests.bench.synthetic import write_document
from tests.bench.table import Row
from tests.bench.timing import medians, timed

_CHANGED = 1_000_000  # added to a file's seed: no file has it at first


def measure(scale: Scale, settings: Settings) -> Iterator[Row]:
    """Two rows, both against the first build of the same corpus; all are whole processes."""
    check_models(settings, model=False)
    files, each = scale.reindex_files, scale.reindex_passages_each
    with TemporaryDirectory() as temporary:
        corpus = Path(temporary) / "corpus"
        ours = with_home(settings, Path(temporary) / "home", corpus=corpus)

        def write(number: int, *, seed: int) -> None:
            write_document(corpus / f"{number:04}.md", passages=each, seed=seed)

        def index_changed(number: int) -> None:
            write(number % files, seed=_CHANGED + number)
            run(futfut("index"), ours)

        for number in range(files):
            write(number, seed=number)
        first = timed(lambda: run(futfut("index"), ours))
        unchanged = medians(scale.reindex_rounds, {"unchanged": lambda _: run(futfut("index"), ours)})
        changed = medians(scale.reindex_rounds, {"changed": index_changed})
    row = Row("", f"{files} files, {files * each} passages", unchanged["unchanged"], "the first build", first)
    yield replace(row, what="index, unchanged")
    yield replace(row, what="index, one file changed", ours=changed["changed"])
