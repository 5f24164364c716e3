"""`futfut-convert`: everything that happens to model files before the service reads them."""

import sys
import traceback
from importlib import import_module

import click

from convert.cli.console import examples
from modelfiles.errors import FutFutError

# Each command is a module here, with its click command as `command`.
_COMMANDS = (
    "fetch",
    "checksum",
    "embedder",
    "all",
    "gguf",
    "adapter",
    "quantize",
    "verify",
    "modelfiles",
    "register",
    "use",
)


class _OnDemand(click.Group):
    """Imports a command when it is asked for, so that no command waits for what only another one needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"convert.cli.{cmd_name}").command
        return command


@click.group(
    cls=_OnDemand,
    epilog=examples(
        "A first run needs two commands:",
        "  futfut-convert fetch       the language model and the encoder's weights",
        "  futfut-convert embedder    the encoder, built from those weights",
        "With an Ollama server, a third makes a model the one that answers:",
        "  futfut-convert use mini",
        "A fine-tune of yours, from the hub or a folder:",
        "  futfut-convert all small --from you/zephyr-futsal",
    ),
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Fetch and build the model files that futfut runs on."""


def main() -> None:
    """Run the command line: an error that is meant for people is one message on stderr, and exit code 1."""
    try:
        cli()
    except (FutFutError, OSError) as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        click.echo(f"futfut-convert: {error}", err=True)
        sys.exit(1)
