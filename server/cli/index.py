"""`futfut index`: bring the index up to date with a folder of documents."""

from pathlib import Path

import click

from server.cli.console import build_progress, corpus_option, errors_console, home_option, settings_with
from server.dense import FastembedEmbedder
from server.documents import Chunker
from server.index import build, open_index
from server.lexical import Terms
from server.resources import load_kiwi


@click.command("index")
@corpus_option
@home_option
def command(corpus: Path | None, home: Path | None) -> None:
    """Index a folder of .txt, .md, .csv, .json and .jsonl files.

    The new index is built beside the live one and takes its place in one step: a running server goes on
    answering and takes it up by itself. Only what has changed is computed again, and a run that was killed
    goes on where it stopped. Files that can't be read are named and left out.

    Example: futfut index --corpus ~/documents
    """
    settings = settings_with(corpus=corpus, home=home)
    embedder = FastembedEmbedder(settings.models_dir / settings.encoder, threads=settings.threads)
    kiwi = load_kiwi()
    live = open_index(settings, compatible_with=None)
    try:
        with build_progress() as progress:
            report = build(
                settings.corpus,
                live,
                folder=settings.index_dir,
                chunker=Chunker(kiwi, embedder.count_tokens, max_tokens=embedder.max_tokens),
                embedder=embedder,
                terms=Terms(kiwi),
                progress=progress,
            )
    finally:
        live.close()
    for skipped in report.skipped:
        errors_console().print(
            f"    left out: {skipped.source}: {skipped.reason}", markup=False, highlight=False
        )
    holds = f"{report.passages} passages of {report.documents} documents"
    if report.unchanged:
        click.echo(f"Nothing has changed: {holds}.")
    else:
        click.echo(
            f"Indexed {holds} in {report.seconds:.1f} s "
            f"({report.embedded} vectors computed, {report.reused} known already, {len(report.skipped)} files left out)."
        )
