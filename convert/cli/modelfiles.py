"""`futfut-convert modelfiles`: the project's own Modelfiles, from the catalogue."""

import click

from convert.cli.console import examples
from modelfiles.catalog import load
from modelfiles.compose import FOLDER, rendered


@click.command(
    "modelfiles", epilog=examples("Example:", "  futfut-convert modelfiles && git diff modelfiles/")
)
def command() -> None:
    """Render modelfiles/*.Modelfile again, after models.toml or system.txt has changed.

    One is written for each model at each level. Others that lie there, such as your own, are left alone.
    """
    for name, text in rendered(load()).items():
        path = FOLDER / name
        changed = not path.is_file() or path.read_bytes() != text.encode()
        if changed:
            path.write_bytes(text.encode())
        click.echo(f"{name}: {'written' if changed else 'unchanged'}")
