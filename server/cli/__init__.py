"""`futfut`: the service and its tools on the command line."""

import logging
import sys
from importlib import import_module

import click
from rich.logging import RichHandler

from modelfiles.errors import FutFutError
from server.cli.console import errors_console

EPILOG = """\b
First steps:
  futfut-convert fetch          get the model files
  futfut-convert embedder       build the encoder
  futfut index --corpus corpus  index a folder of documents
  futfut serve                  answer on http://127.0.0.1:8000
  futfut doctor                 see what is there and what to run next

Every option has a FUTFUT_ variable; the README lists them all."""

# Each command is a module here, with its click command as `command`.
_COMMANDS = ("index", "serve", "search", "ask", "eval", "doctor")


class _OnDemand(click.Group):
    """Imports a command when it is asked for, so that no command waits for what only another one needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"server.cli.{cmd_name}").command
        return command


@click.group(cls=_OnDemand, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="futfut")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """풋풋이: a futsal assistant in Korean that answers from your own documents, on your own machine."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=errors_console(), show_time=False, show_path=False)],
    )


def main() -> None:
    """Run a command; an error that a person can mend is one line on stderr and exit code 1."""
    try:
        cli()
    except (FutFutError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"futfut: {error}", err=True)
        sys.exit(1)
