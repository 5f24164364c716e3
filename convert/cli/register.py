"""`futfut-convert register`: hand models to Ollama."""

from pathlib import Path

import click
from rich.console import Console

from convert.cli.console import accept_failed_option, examples, home_option, ollama_option, wait_option
from convert.fetching.pinned import fetch
from convert.progress import progress_on
from modelfiles.catalog import Artifact, load
from modelfiles.errors import CatalogError
from modelfiles.ollama import Ollama, Registry


@click.command(
    "register",
    epilog=examples(
        "NAME is a model (big), a model at a level (big-q5_k_m), or one of your own by its Modelfile:",
        "  futfut-convert register mini",
        "  futfut-convert register ~/futsal.Modelfile --force",
        "  futfut-convert register big-q5_k_m --ollama http://gpu-box:11434",
    ),
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--force", is_flag=True, help="Upload, create and try it again, though nothing has changed.")
@accept_failed_option
@ollama_option
@wait_option
@home_option
def command(
    *, names: tuple[str, ...], force: bool, accept_failed: bool, url: str, seconds: float, home: Path
) -> None:
    """Hand models to Ollama, each from its Modelfile, and prove that they are fit.

    What is missing of a model is fetched first. Then its file is uploaded, the model created, and tried: the
    prompts that Ollama makes must be those of the checkpoint's own chat template, and three questions must be
    answered in Korean and come to an end. A model that fails is removed again. What answers now stays so;
    `futfut-convert use` changes that.
    """
    with Ollama(url) as ollama:
        ollama.wait(seconds)
        registry = Registry(ollama, load(), home, progress_on(Console()), accept_failed=accept_failed)
        for name in names:
            fetch_missing(registry, name)
            registry.register(name, force=force)


def fetch_missing(registry: Registry, name: str) -> None:
    """Fetch a model's pinned file, unless Ollama has the model already or the file is here.

    Raises:
        CatalogError, ModelfileError, ModelSourceError: there is no such model.
        FetchError, DiskSpaceError, FetchBusyError: its file can't be had.
        OllamaError: Ollama can't be asked.
    """
    source = registry.locate(name)
    try:
        file = registry.catalog.resolve(name).file
    except CatalogError:
        return  # the operator's own
    if isinstance(file, Artifact) and not source.file.is_file() and registry.current(source) is None:
        fetch(file, registry.models_dir, progress=registry.progress)
