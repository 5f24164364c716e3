"""`futfut-convert embedder`: the sentence encoder, from its weights."""

from functools import partial
from pathlib import Path
from typing import Literal

import click

from convert.cli.console import examples, home_option
from convert.encoder.build import build_from_checkpoint, build_from_packed
from convert.errors import NotFetchedError
from modelfiles.catalog import load
from modelfiles.encoder import Precision

PACKED_ENCODER = "e5-small"


@click.command(
    "embedder",
    epilog=examples(
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
def command(precision: Literal["int8", "fp32", "both"], source: str, home: Path) -> None:
    """Build the sentence encoder as ONNX. An encoder that is there and fresh is left alone."""
    models_dir = home / "models"
    packed = models_dir / load().file(PACKED_ENCODER).file
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
