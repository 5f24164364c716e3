"""The benchmarks' command line: takes the measurements and prints one table."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from modelfiles.errors import FutFutError
from server.settings import Settings
from tests.bench import chat, conversion, ingest, question, reindex, search, start
from tests.bench.scale import FULL, QUICK, Scale
from tests.bench.table import Row, render

MEASUREMENTS: Mapping[str, Callable[[Scale, Settings], Iterator[Row]]] = {
    "question": question.measure,
    "search": search.measure,
    "ingest": ingest.measure,
    "reindex": reindex.measure,
    "start": start.measure,
    "chat": chat.measure,
    "convert": conversion.measure,
}


def report(names: Sequence[str], scale: Scale, settings: Settings) -> str:
    """What the figures were taken on, and their table; each measurement is said on stderr when it begins.

    Raises:
        FutFutError: one of them can't be taken.
    """
    load, *_ = os.getloadavg()
    machine = (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}; load average before the run: {load:.1f}."
    )
    rows: list[Row] = []
    for name in names:
        click.echo(f"==> Measuring {name}", err=True)
        rows += MEASUREMENTS[name](scale, settings)
    return f"{machine}\n\n{render(rows)}\n"


@click.command()
@click.argument("names", nargs=-1, metavar="[MEASUREMENT]...", type=click.Choice(list(MEASUREMENTS)))
@click.option("--quick", is_flag=True, help="Small sizes: about a minute instead of ten.")
@click.option(
    "--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write the table there, too."
)
@click.option(
    "--reference",
    nargs=2,
    type=click.Path(exists=True, path_type=Path),
    metavar="PYTHON LLAMA_CPP",
    help="For convert: an interpreter with torch and transformers, and llama.cpp's tree.",
)
def main(
    names: Sequence[str], quick: bool, markdown: Path | None, reference: tuple[Path, Path] | None
) -> None:
    """Measure FutFut's speed as ratios: question, search, ingest, reindex, start, chat, convert, or all."""
    scale = replace(QUICK if quick else FULL, reference=reference)
    try:
        text = report(names or list(MEASUREMENTS), scale, Settings())
    except FutFutError as error:
        raise click.ClickException(str(error)) from error
    click.echo(text, nl=False)
    if markdown is not None:
        markdown.write_text(f"# FutFut's benchmarks\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
