"""`futfut-convert quantize`: smaller levels of a model."""

from pathlib import Path

import click
from rich.console import Console

from convert.cli.console import examples, home_option, threads_option
from convert.errors import NoQuantizeSourceError
from convert.progress import progress_on
from convert.quantize.files import file_at_level, full_precision_file
from convert.quantize.quantize import quantize
from modelfiles.catalog import load


@click.command(
    "quantize",
    epilog=examples(
        "Which level to take (of an 8-billion model, beside 16 GB at f16):",
        "  q8_0     8.5 GB  as good as f16",
        "  q6_k     6.6 GB  next to no loss",
        "  q5_k_m   5.7 GB  little loss: if there is room for it",
        "  q4_k_m   4.9 GB  the usual choice",
        "  iq4_xs   4.5 GB  a little worse and smaller, slower without a GPU",
        "  q3_k_m   4.0 GB  noticeably worse: only where 4 bits don't fit",
        "  q2_k     3.2 GB  a last resort",
        "Others are listed if you ask for one that isn't there. The smallest need --imatrix.",
        "Examples:",
        "  futfut-convert quantize small",
        "  futfut-convert quantize big --levels q4_k_m,q5_k_m,q8_0",
        "  futfut-convert quantize ~/models/futsal-f16.gguf --levels iq2_m --imatrix ~/models/futsal.imatrix",
    ),
)
@click.argument("model", metavar="MODEL|FILE.gguf")
@click.option(
    "--levels",
    default="q4_k_m",
    show_default=True,
    metavar="LEVEL,...",
    help="What to make; each becomes a file beside the source.",
)
@click.option(
    "--imatrix",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An importance matrix of this model, by llama.cpp's llama-imatrix: better at 4 bits and below.",
)
@threads_option
@click.option(
    "--requantize",
    is_flag=True,
    help="Take a source that is quantized already. The result is worse than the level says.",
)
@home_option
def command(  # noqa: PLR0917 - one parameter an option
    model: str, levels: str, imatrix: Path | None, threads: int | None, requantize: bool, home: Path
) -> None:
    """Quantize a model with llama.cpp: HOME/models/MODEL-f16.gguf (or -bf16, -f32), or a file of yours.

    Each level is checked first, then made beside the source as MODEL-LEVEL.gguf. One that is there and fresh
    is left alone. Ctrl-C leaves nothing half-made; the same command goes on with the levels that are missing.
    """
    source = _source(model, home / "models")
    names = dict.fromkeys(name.strip().lower() for name in levels.split(","))
    quantize(
        source,
        {name: file_at_level(source, name) for name in names},
        imatrix=imatrix,
        threads=threads,
        requantize=requantize,
        progress=progress_on(Console()),
    )


def _source(model: str, models_dir: Path) -> Path:
    if model.endswith(".gguf"):
        return Path(model).expanduser()
    try:
        return full_precision_file(model, models_dir)
    except NoQuantizeSourceError:
        load().model(model)  # a name that nobody knows is another error
        raise
