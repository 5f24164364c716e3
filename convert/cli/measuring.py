"""Options of the commands that measure levels."""

from pathlib import Path

import click

from convert.verify.windows import Sample

text_option = click.option(
    "--text",
    type=click.Path(path_type=Path),
    default=Path("corpus"),
    envvar="FUTFUT_CORPUS",
    show_default=True,
    show_envvar=True,
    metavar="FILE|DIR",
    help="The text that levels are measured on.",
)

tokens_option = click.option(
    "--tokens",
    type=click.IntRange(min=1),
    default=Sample().tokens,
    show_default=True,
    help="How many tokens are scored: four times as many halve the error.",
)
