"""`futfut-convert use`: choose the model that answers."""

from pathlib import Path

import click
from rich.console import Console

from convert.cli.console import accept_failed_option, examples, home_option, ollama_option, wait_option
from convert.cli.register import fetch_missing
from convert.progress import progress_on
from modelfiles.catalog import load
from modelfiles.ollama import Live, Ollama, Outcome, Registry, Swap


@click.command(
    "use",
    epilog=examples(
        "NAME is a model (big), a model at a level (big-q5_k_m), or one of your own by its Modelfile:",
        "  futfut-convert use mini",
        "  futfut-convert use big-q5_k_m",
        "  futfut-convert use --rollback",
        "  futfut-convert use                 shows what is live",
    ),
)
@click.argument("name", required=False)
@click.option("--rollback", is_flag=True, help="Return to the model that was live before.")
@accept_failed_option
@ollama_option
@wait_option
@home_option
def command(
    *, name: str | None, rollback: bool, accept_failed: bool, url: str, seconds: float, home: Path
) -> None:
    """Make a model the one that answers, without a break; without NAME, show which one it is.

    The new model is fetched and registered if need be, loaded beside the live one if there is room, and
    tried; only then it takes over. Answers that have begun are finished by the old model, which then leaves
    memory. If anything fails, the old one stays. Every try is a line in HOME/audit/models.jsonl.
    """
    if name is not None and rollback:
        raise click.UsageError("Give a NAME or --rollback, not both.")
    with Ollama(url) as ollama:
        ollama.wait(seconds)
        registry = Registry(ollama, load(), home, progress_on(Console()), accept_failed=accept_failed)
        swap = Swap(registry, asked_by="futfut-convert")
        if rollback:
            _tell(swap.rollback())
        elif name is not None:
            fetch_missing(registry, name)
            _tell(swap.use(name))
        else:
            click.echo(_described(swap.live()))


def _tell(outcome: Outcome) -> None:
    if outcome.switched:
        click.echo("seconds: " + ", ".join(f"{step} {taken:.1f}" for step, taken in outcome.seconds.items()))
    click.echo(_described(outcome.live))


def _described(live: Live | None) -> str:
    if live is None:
        return "No model is live. Choose one: futfut-convert use mini"
    lines = [
        f"live      {live.name}",
        f"digest    {live.digest}",
        f"context   {live.context_tokens or 'as Ollama decides'}",
        f"since     {live.since.astimezone():%Y-%m-%d %H:%M:%S %Z}",
        f"previous  {live.previous or 'none'}",
    ]
    return "\n".join(lines)
