"""Options of the commands that convert."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from convert.to_gguf.weights import OutputType

# A checkpoint's or an adapter's.
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

_Command = TypeVar("_Command", bound=Callable[..., Any] | click.Command)


def type_option(default: OutputType) -> Callable[[_Command], _Command]:
    """Which type of numbers the file gets."""
    return click.option(
        "--type",
        "output",
        type=click.Choice(get_args(OutputType)),
        default=default,
        show_default=True,
        help="Of numbers in the file.",
    )
