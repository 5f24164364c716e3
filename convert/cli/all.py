"""`futfut-convert all`: from a fine-tuned checkpoint to levels that Ollama has."""

from contextlib import ExitStack
from pathlib import Path

import click
from msgspec.structs import replace
from rich.console import Console

from convert.cli.console import (
    accept_failed_option,
    examples,
    home_option,
    ollama_option,
    threads_option,
)
from convert.cli.converting import type_option
from convert.cli.measuring import text_option, tokens_option
from convert.errors import NothingPassedError, NotRegisteredError
from convert.pipeline.means import Means
from convert.pipeline.order import Order, place_order
from convert.pipeline.plan import plan, require_room
from convert.pipeline.plan_table import table as plan_table
from convert.pipeline.run import Result, run
from convert.pipeline.survey import registered, room_left, survey
from convert.progress import progress_on
from convert.to_gguf.weights import OutputType
from convert.verify.table import conclusion, table
from convert.verify.windows import Sample
from modelfiles.catalog import load
from modelfiles.ollama import Ollama, Registry


@click.command(
    "all",
    epilog=examples(
        "A fine-tune on the hub, or in a folder, whole or a LoRA adapter:",
        "  futfut-convert all small --levels q4_k_m,q5_k_m,q8_0",
        "  futfut-convert all small --from you/zephyr-futsal@v2 --name small-v2",
        "  futfut-convert all big --from ~/tuned/futsal-lora --base meta-llama/Meta-Llama-3-8B-Instruct",
        "Then: futfut-convert use small-q4_k_m",
    ),
)
@click.argument("model")
@click.option("--levels", metavar="LEVEL,...", help="What to make.  [default: the model's in models.toml]")
@click.option(
    "--from",
    "source",
    metavar="FOLDER|OWNER/NAME[@REVISION]",
    help="The checkpoint or adapter.  [default: the model's in models.toml]",
)
@click.option("--base", metavar="FOLDER|OWNER/NAME[@REVISION]", help="What an adapter is merged into.")
@click.option("--name", help="What the results are called.  [default: MODEL]")
@type_option("f16")
@click.option(
    "--imatrix",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An importance matrix of this model, by llama.cpp's llama-imatrix.",
)
@text_option
@tokens_option
@threads_option
@click.option("--dry-run", is_flag=True, help="Print the plan, and do nothing.")
@click.option("--no-register", is_flag=True, help="Stop before Ollama, which then needn't run.")
@accept_failed_option
@ollama_option
@home_option
def command(
    *,
    model: str,
    levels: str | None,
    source: str | None,
    base: str | None,
    name: str | None,
    output: OutputType,
    imatrix: Path | None,
    text: Path,
    tokens: int,
    threads: int | None,
    dry_run: bool,
    no_register: bool,
    accept_failed: bool,
    url: str,
    home: Path,
) -> None:
    """Make levels of a fine-tuned MODEL: fetch, convert, quantize, measure, register.

    MODEL is one of models.toml: its template, parameters and thresholds are taken. The plan is printed first.
    Stopped at any moment, the same command goes on where it was. Snapshots are kept in HOME/checkpoints,
    model files in HOME/models, the report in HOME/reports. A level that fails verification isn't registered.
    What answers now stays so; `futfut-convert use` changes that.
    """
    catalog = load()
    order = place_order(catalog, model, name=name, source=source, base=base, levels=levels, output=output)
    console = Console()
    progress = progress_on(console)
    means = Means(
        home=home,
        text=text,
        sample=Sample(tokens),
        imatrix=imatrix,
        threads=threads,
        accept_failed=accept_failed,
    )
    with ExitStack() as stack:
        registry = None
        if not (no_register or dry_run):
            ollama = stack.enter_context(Ollama(url))
            ollama.wait(0)  # that it is away should be told before hours of work, not behind them
            registry = Registry(ollama, catalog, home, progress, accept_failed=accept_failed)
        task = survey(order, means, registers=not no_register, progress=progress)
        if registry is not None:
            task = replace(task, registered=registered(task, registry))
        planned, free = plan(task), room_left(order, means)
        console.print(plan_table(planned, free))
        require_room(planned, home, free)
        if dry_run:
            return
        result = run(order, means, catalog, registry, progress=progress)
    _sum_up(console, order, result)
    if result.refused:
        raise NotRegisteredError(result.refused)
    if registry is not None and not result.registered:
        raise NothingPassedError(order.name)


def _sum_up(console: Console, order: Order, result: Result) -> None:
    console.print(table(result.report))
    lines = [*conclusion(result.report), *map(str, result.written)]
    if result.registered:
        best = result.report.best
        named = f"{order.name}-{best.level}" if best else ""
        take = named if named in result.registered else result.registered[-1]
        lines += [f"Registered: {', '.join(result.registered)}", f"Next: futfut-convert use {take}"]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
