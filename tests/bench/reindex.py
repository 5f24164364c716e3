"""`futfut index` again: with nothing changed, and with one file of many changed."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from server.settings import Settings
from tests.bench.home import check_models, with_home
from tests.bench.processes import futfut, run
from tests.bench.scale import Scale
from tests.bench.synthetic import write_document
from tests.bench.table import Row


def measure(scale: Scale, settings: Settings) -> Iterator[Row]:
    """Two rows, both against the first build of the same corpus; all are whole processes."""
    check_models(settings, model=False)
    files, each = scale.reindex_files, scale.reindex_passages_each
    times: dict[str, list[float]] = {"first": [], "unchanged": [], "changed": []}
    for number in range(scale.reindex_rounds):
        with TemporaryDirectory() as temporary:
            corpus = Path(temporary) / "corpus"
            ours = with_home(settings, Path(temporary) / "home", corpus=corpus)
            for file in range(files):
                write_document(corpus / f"{file:04}.md", passages=each, seed=file)
            for state, taken in times.items():
                if state == "changed":
                    write_document(corpus / f"{number % files:04}.md", passages=each, seed=files)
                started = perf_counter()
                run(futfut("index"), ours)
                taken.append(perf_counter() - started)
    first, unchanged, changed = (median(taken) for taken in times.values())
    size = f"{files} files, {files * each} passages"
    yield Row("index, unchanged", size, unchanged, "the first build", first)
    yield Row("index, one file changed", size, changed, "the first build", first)
