"""`futfut index`: bring the index up to date with a folder of documents."""

from pathlib import Path

import click

from server.analyzer import load_kiwi
from server.cli.console import (
    build_progress,
    corpus_option,
    errors_console,
    home_option,
    listed_examples,
    settings_with,
)
from server.documents import Chunker, Sizes
from server.domain import Examples, Skipped
from server.encoder import encoder_manifest
from server.index import Report, build, built_from, fingerprint_of, open_index
from server.lexical import Terms, terms_fingerprint
from server.protocols import Index
from server.settings import Settings


@click.command("index")
@corpus_option
@home_option
def command(corpus: Path | None, home: Path | None) -> None:
    """Index a folder of .txt, .md, .csv, .json and .jsonl files.

    The new index is built beside the live one and takes its place in one step: a running server goes on
    answering and takes it up by itself. Only what has changed is computed again, and a run that was killed
    goes on where it stopped. Files that can't be read are named and left out.

    Content that is only an example is indexed, too, and named at the end until it is replaced: rows whose
    remark (비고) says 예시입니다, and Markdown with `example: true` in its front matter.

    Example: futfut index --corpus ~/documents
    """
    settings = settings_with(corpus=corpus, home=home)
    manifest = encoder_manifest(settings.models_dir / settings.encoder)
    sizes = Sizes(manifest.max_tokens)
    index = open_index(settings, compatible_with=None)
    try:
        fingerprint = fingerprint_of(
            settings.corpus,
            chunker=sizes.fingerprint,
            terms=terms_fingerprint(),
            encoder=manifest.fingerprint,
        )
        if (live := built_from(fingerprint, index)) is not None:
            _name(live.skipped)
            click.echo(f"Nothing has changed: {live.passages} passages of {live.documents} documents.")
            _warn(live.examples)
            return
        report = _build(settings, index, sizes)
    finally:
        index.close()
    _name(report.skipped)
    click.echo(
        f"Indexed {report.passages} passages of {report.documents} documents in {report.seconds:.1f} s "
        f"({report.embedded} vectors computed, {report.reused} known already, "
        f"{len(report.skipped)} files left out)."
    )
    _warn(report.examples)


def _build(settings: Settings, index: Index, sizes: Sizes) -> Report:
    # These take seconds to import and to load, which a corpus that hasn't changed shouldn't cost.
    from server.dense import FastembedEmbedder  # noqa: PLC0415

    embedder = FastembedEmbedder(settings.models_dir / settings.encoder, threads=settings.threads)
    kiwi = load_kiwi()
    with build_progress() as progress:
        return build(
            settings.corpus,
            index,
            folder=settings.index_dir,
            chunker=Chunker(kiwi, embedder.count_tokens, sizes),
            embedder=embedder,
            terms=Terms(kiwi),
            progress=progress,
        )


def _name(skipped: tuple[Skipped, ...]) -> None:
    for file in skipped:
        errors_console().print(f"    left out: {file.source}: {file.reason}", markup=False, highlight=False)


def _warn(examples: tuple[Examples, ...]) -> None:
    if examples:
        click.echo(f"{listed_examples(examples)}. Replace it before players ask.")
