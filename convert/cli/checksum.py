"""`futfut-convert checksum`: hash files again."""

from pathlib import Path

import click
from rich.console import Console

from convert.cli.console import examples, home_option
from convert.cli.fetch import FIRST_RUN, require_built
from convert.errors import NotFetchedError
from convert.fetching.pinned import check_again
from convert.progress import progress_on
from modelfiles import file_hash
from modelfiles.catalog import Artifact, Built, load
from modelfiles.progress import Progress


@click.command("checksum", epilog=examples("Example:", "  futfut-convert checksum mini"))
@click.argument("names", nargs=-1, metavar="[NAME]...")
@home_option
def command(names: tuple[str, ...], home: Path) -> None:
    """Hash fetched files again, as after a doubtful copy; those of a first run if no NAME is given.

    Of a file that was built on this machine nothing is pinned: its sha256 is shown, to compare with a copy's.
    """
    catalog = load()
    progress = progress_on(Console())
    for name in names or FIRST_RUN:
        _check(name, catalog.file(name), home / "models", progress)


def _check(name: str, file: Artifact | Built, models_dir: Path, progress: Progress) -> None:
    if isinstance(file, Built):
        path = require_built(name, file, models_dir, progress=progress)
        sha256 = file_hash.compute(path, progress)
        file_hash.remember(path, sha256)
        progress.say(f"{file.file}: sha256 {sha256}")
        return
    if not (path := models_dir / file.file).is_file():
        raise NotFetchedError(name, path)
    check_again(file, models_dir, progress=progress)
    progress.say(f"{file.file}: every byte is right")
