"""What the commands share: their options, and how their examples are shown."""

from pathlib import Path

import click


def examples(*lines: str) -> str:
    """An epilog whose lines stay as they are."""
    return "\b\n" + "\n".join(lines)  # \b is click's mark for that


home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".futfut"),
    envvar="FUTFUT_HOME",
    show_default=True,
    show_envvar=True,
    help="The folder whose models/ the files go to.",
)

ollama_option = click.option(
    "--ollama",
    "url",
    default="http://127.0.0.1:11434",
    envvar="FUTFUT_OLLAMA_URL",
    show_default=True,
    show_envvar=True,
    help="Where Ollama answers.",
)

wait_option = click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="How long to wait for an Ollama that is still starting.",
)

accept_failed_option = click.option(
    "--accept-failed", is_flag=True, help="Register also what failed `futfut-convert verify`."
)

threads_option = click.option(
    "--threads", type=click.IntRange(min=1), help="Threads to compute on.  [default: all cores]"
)
