"""`futfut eval`: how often retrieval finds the answer, measured on questions whose answers are known."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, get_args

import click
from anyio import CapacityLimiter
from kiwipiepy import Kiwi
from rich.console import Console
from rich.progress import track

from server.analyzer import load_kiwi
from server.cli.console import build_progress, corpus_option, errors_console, home_option, settings_with
from server.dense import FastembedEmbedder
from server.documents import Chunker, Sizes
from server.evaluate.baseline import Baseline
from server.evaluate.judge import out_of_reach
from server.evaluate.metrics import Outcome, Search, ask
from server.evaluate.questions import Question, Split, load_questions
from server.evaluate.recording import RecordingIndex
from server.evaluate.report import as_json, misses, rows, table, unanswerable_lines
from server.index import EdgeIndex, build
from server.lexical import Terms
from server.protocols import Embedder, Index
from server.retrieve import HybridRetriever
from server.settings import Settings


@click.command("eval")
@click.argument("questions_file", metavar="QUESTIONS.jsonl", type=click.Path(path_type=Path))
@corpus_option
@home_option
@click.option("--split", type=click.Choice(get_args(Split)), help="Ask the questions of one split only.")
@click.option("--json", "json_file", type=click.File("wb", lazy=False), help="Write all figures there, too.")
@click.option("--baseline/--no-baseline", default=True, help="Measure the first version's search as well.")
@click.option("--misses", "show_misses", is_flag=True, help="List what wasn't found in the first 4.")
def command(  # noqa: PLR0913 - one parameter an option
    *,
    questions_file: Path,
    corpus: Path | None,
    home: Path | None,
    split: Split | None,
    json_file: BinaryIO | None,
    baseline: bool,
    show_misses: bool,
) -> None:
    """Measure retrieval on a set of questions, each with what answers it.

    Shows how often an answering passage is the first, among the first 4 and the first 10, and the mean
    reciprocal rank, by what is asked about and by how it is typed; where a question's fact is known, also
    how often one of the first 4 passages says it. Tune on the split dev, give the figures of the split test.

    The index that is served isn't touched: the corpus is indexed apart, with the vectors that are known from
    the last time.

    Example: futfut eval tests/eval/handbook.jsonl --split dev --misses
    """
    settings = settings_with(corpus=corpus, home=home)
    questions = load_questions(questions_file, split)
    embedder = FastembedEmbedder(settings.models_dir / settings.encoder, threads=settings.threads)
    kiwi = load_kiwi()
    # The index is built anew each time, for evaluation is run while the code that makes passages and terms is
    # being changed; only vectors are kept from the last time, since they are what takes long.
    with (
        TemporaryDirectory(prefix="futfut-eval-") as folder,
        closing(EdgeIndex(Path(folder), compatible_with=None)) as edge,
    ):
        index = RecordingIndex(edge)
        _fill(index, settings, embedder, kiwi)
        if lost := out_of_reach(questions, [point.passage for point in index.points]):
            names = ", ".join(question.id for question in lost)
            click.echo(f"No passage is what the answers of these questions point to: {names}", err=True)
        outcomes = _ask(questions, _search(index, settings, embedder, kiwi))
        beside = None
        if baseline:
            beside = _ask(questions, Baseline(index.points, embedder, kiwi).search)

    Console().print(table(rows(outcomes, beside)))
    for line in (*unanswerable_lines(outcomes), *(misses(outcomes) if show_misses else ())):
        click.echo(line)
    if json_file:
        json_file.write(as_json(outcomes, beside))


def _fill(index: Index, settings: Settings, embedder: Embedder, kiwi: Kiwi) -> None:
    with build_progress() as progress:
        build(
            settings.corpus,
            index,
            folder=settings.home / "eval" / settings.corpus.resolve().name,
            chunker=Chunker(kiwi, embedder.count_tokens, Sizes(embedder.max_tokens)),
            embedder=embedder,
            terms=Terms(kiwi),
            progress=progress,
        )


def _search(index: Index, settings: Settings, embedder: Embedder, kiwi: Kiwi) -> Search:
    retriever = HybridRetriever(
        index,
        embedder,
        Terms(kiwi),
        limiter=CapacityLimiter(1),
        candidates=settings.candidates,
        dense_weight=settings.dense_weight,
        lexical_weight=settings.lexical_weight,
        rrf_k=settings.rrf_k,
    )
    return lambda question, limit: retriever.search_blocking(question, limit, {})


def _ask(questions: Sequence[Question], search: Search) -> list[Outcome]:
    asked = track(questions, "Asking questions", console=errors_console(), transient=True)
    return [ask(question, search) for question in asked]
