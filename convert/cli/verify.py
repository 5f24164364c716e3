"""`futfut-convert verify`: what each level of a model costs."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from convert.cli.console import examples, home_option, threads_option
from convert.cli.measuring import text_option, tokens_option
from convert.errors import LevelMissingError, NothingToVerifyError
from convert.progress import progress_on
from convert.quantize.levels import LEVELS
from convert.verify.figures import Figures
from convert.verify.levels import levels_of, most_exact
from convert.verify.publish import publish
from convert.verify.report import Report, read_report
from convert.verify.table import conclusion, table
from convert.verify.text import read_text
from convert.verify.verify import verify
from convert.verify.windows import Sample
from modelfiles.catalog import Catalog, Quality, load
from modelfiles.compose import modelfile_for, system_prompt
from modelfiles.find import find_modelfile
from modelfiles.grammar import Modelfile, decode, parse


@click.command(
    "verify",
    epilog=examples(
        "A model of models.toml, a fine-tune by the name it was given, or model files of your own:",
        "  futfut-convert verify mini",
        "  futfut-convert verify small-v2",
        "  futfut-convert verify big --tokens 512 --threads 8",
        "  futfut-convert verify tuned-q4_k_m.gguf tuned-q8_0.gguf --against tuned-f16.gguf",
    ),
)
@click.argument("names", nargs=-1, required=True, metavar="MODEL|FILE...")
@click.option(
    "--against",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file that the levels are measured against.  [default: the largest]",
)
@text_option
@tokens_option
@threads_option
@click.option("--force", is_flag=True, help="Measure again, though nothing has changed.")
@home_option
def command(  # click gives each option its argument
    *,
    names: tuple[str, ...],
    against: Path | None,
    text: Path,
    tokens: int,
    threads: int | None,
    force: bool,
    home: Path,
) -> None:
    """Measure what each level of a model loses against the most exact one, and judge it.

    All levels of MODEL in HOME/models are measured, or the FILEs. Over the same Korean text: perplexity, KL
    divergence, and how often both think the same token the likeliest. Then each is run: speed, memory, and
    questions to be answered in Korean. Thresholds are in models.toml; what fails isn't registered.

    The report is written to HOME/reports as JSON, PNG and SVG. What was measured before isn't measured again.
    """
    catalog = load()
    model, files, modelfiles = _chosen(catalog, names, home / "models")
    reference = against or most_exact(files)
    if all(path == reference for path in files.values()):
        raise NothingToVerifyError(model, reference.parent, [reference])
    earlier = read_report(home / "reports" / f"{model}.json")
    console = Console()
    progress = progress_on(console)
    report = verify(
        reference,
        files,
        modelfiles,
        read_text(text),
        _thresholds(catalog, model, earlier),
        figures=Figures(home / "reports", reuse=not force),
        progress=progress,
        sample=Sample(tokens),
        threads=threads,
    )
    written = publish(report, files, home / "reports", model, progress=progress)
    console.print(table(report))
    for line in [*conclusion(report), *map(str, written)]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _thresholds(catalog: Catalog, model: str, earlier: Report | None) -> Quality:
    """A model's own; a fine-tune of another name is held to what `all` has held it to."""
    if model in catalog.models:
        return catalog.quality_of(model)
    return earlier.thresholds if earlier is not None else catalog.quality


def _chosen(
    catalog: Catalog, names: Sequence[str], models_dir: Path
) -> tuple[str, dict[str, Path], dict[str, Modelfile]]:
    """What the report is called, the files by level, and what they are asked by."""
    if len(names) == 1 and not names[0].endswith(".gguf"):
        model = names[0]
        files = levels_of(catalog, model, models_dir, LEVELS)
        if not files:
            raise NothingToVerifyError(model, models_dir, ())
        if model in catalog.models:
            return model, files, {level: modelfile_for(catalog, model) for level in files}
        # Of its own name: `all` has written its Modelfiles, though none for the level that all are made from.
        own = {level: find_modelfile(f"{model}-{level}", models_dir) for level in files}
        written = {level: parse(decode(path.read_bytes())) for level, path in own.items() if path}
        return model, files, written or {"": Modelfile(base="", system=system_prompt())}
    files = {path.stem: path for path in map(Path, names)}
    for path in files.values():
        if not path.is_file():
            raise LevelMissingError(path)
    return (
        min(files),
        files,
        {level: Modelfile(base=str(path), system=system_prompt()) for level, path in files.items()},
    )
