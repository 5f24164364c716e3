"""`futfut doctor`: what is installed, fetched, indexed and usable, and what to run next."""

import sys
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import anyio
import click

from modelfiles.errors import FutFutError
from server.analyzer import load_kiwi
from server.cli.console import home_option, listed_examples, settings_with
from server.dense import FastembedEmbedder
from server.generate import LlamaCppGenerator
from server.resources import check_context, modelfile_path, open_live_models, open_search
from server.settings import Settings


@click.command("doctor")
@home_option
def command(home: Path | None) -> None:
    """Check every part for real and say what to run next. Exits with 1 if something is missing."""
    settings = settings_with(home=home)
    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("packages", _packages),
        ("encoder", _encoder),
        ("index", _index),
        ("model", _model),
    )
    failed = False
    for name, check in checks:
        try:
            click.echo(f"  ok   {name:<10} {check(settings)}")
        except FutFutError as error:
            failed = True
            click.echo(f"  --   {name:<10} {error}")
    click.echo(
        "Something is missing; the lines above say what to run." if failed else "All well: futfut serve"
    )
    sys.exit(failed)


def _packages(_: Settings) -> str:
    names = ("litestar", "kiwipiepy", "fastembed", "qdrant-edge-py", "llama-cpp-python", "ollama")
    return ", ".join([f"Python {sys.version.split()[0]}", *(f"{name} {version(name)}" for name in names)])


def _encoder(settings: Settings) -> str:
    embedder = FastembedEmbedder(settings.models_dir / settings.encoder, threads=settings.threads)
    return f"{settings.encoder}: {len(embedder.embed_query('풋살'))} numbers a text"


def _index(settings: Settings) -> str:
    async def probe() -> str:
        async with open_search(settings, load_kiwi()) as search:
            manifest = await search.probe()
        built = f"{manifest.passages} passages of {manifest.documents} documents, built {manifest.created}"
        return f"{built}. {listed_examples(manifest.examples)}" if manifest.examples else built

    return anyio.run(probe)


def _model(settings: Settings) -> str:
    return _embedded(settings) if settings.ollama_url is None else _in_ollama(settings, settings.ollama_url)


def _in_ollama(settings: Settings, url: str) -> str:
    with closing(open_live_models(settings, url)) as models:
        model = models.current(fresh=True)
        check_context(model, settings)
        return f"{model.name}: live in Ollama at {url}, {model.context_tokens} tokens of context"


def _embedded(settings: Settings) -> str:
    path = modelfile_path(settings)
    generator = LlamaCppGenerator.load(path, settings.models_dir, threads=settings.threads)
    try:
        check_context(generator, settings)
        return f"{generator.name}: loads, {generator.context_tokens} tokens of context"
    finally:
        generator.close()
