"""All steps as one: each finds what is done already, so that a run which was stopped goes on where it was."""

from pathlib import Path

import msgspec

from convert.pipeline.checkpoints import bring_weights
from convert.pipeline.means import Means
from convert.pipeline.modelfiles import provide_modelfiles
from convert.pipeline.order import Order
from convert.quantize.quantize import quantize
from convert.to_gguf.make import make_gguf
from convert.verify.figures import Figures
from convert.verify.publish import publish
from convert.verify.report import Report
from convert.verify.text import read_text
from convert.verify.verify import verify
from modelfiles.catalog import Catalog
from modelfiles.errors import FutFutError
from modelfiles.ollama import Registry
from modelfiles.progress import Progress


class Result(msgspec.Struct, frozen=True):
    """What a run came to.

    Attributes:
        report: what verification found.
        written: the report's files.
        registered: the names under which Ollama has levels now.
        refused: what Ollama, or its gate, had against a level, by name.
    """

    report: Report
    written: tuple[Path, ...]
    registered: tuple[str, ...]
    refused: dict[str, str]


def run(
    order: Order, means: Means, catalog: Catalog, registry: Registry | None, *, progress: Progress
) -> Result:
    """Fetch, convert, quantize, verify, write Modelfiles and register.

    Args:
        order: what is to be made.
        means: how.
        catalog: of the models.
        registry: where what passes is registered; None to leave it.
        progress: told each step.

    Raises:
        FutFutError: a step can't be done; what is done stays done, and the same order goes on from there.
    """
    text = read_text(means.text)  # a wrong path should be told before hours of work, not behind them
    means.models_dir.mkdir(parents=True, exist_ok=True)
    progress.say(f"[1/5] {order.place}" + (f" on {order.base}" if order.base else ""))
    weights = bring_weights(order.place, order.base, means.home, progress=progress)
    progress.say("[2/5] to GGUF")
    source = make_gguf(
        order.name,
        weights.checkpoint,
        means.models_dir,
        adapter=weights.adapter,
        output=order.output,
        origin=weights.origin,
        progress=progress,
    )
    progress.say(f"[3/5] levels: {', '.join(order.quantized) or 'none besides'}")
    files = {order.output: source} | quantize(
        source,
        {level: means.models_dir / order.file(level) for level in order.quantized},
        imatrix=means.imatrix,
        threads=means.threads,
        progress=progress,
    )
    modelfiles = provide_modelfiles(order, catalog, means.models_dir, progress=progress)
    progress.say("[4/5] what each level costs")
    reports = means.home / "reports"
    report = verify(
        source,
        files,
        modelfiles,
        text,
        catalog.quality_of(order.model),
        figures=Figures(reports),
        progress=progress,
        sample=means.sample,
        threads=means.threads,
    )
    written = publish(report, files, reports, order.name, progress=progress)
    if registry is None:
        return Result(report, written, (), {})
    progress.say("[5/5] to Ollama")
    chosen = [level for level in order.levels if means.accept_failed or report.row(level).passed]
    registered, refused = _register(registry, [f"{order.name}-{level}" for level in chosen])
    return Result(report, written, registered, refused)


def _register(registry: Registry, names: list[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """One level that is refused doesn't keep the others from being registered."""
    refused: dict[str, str] = {}
    for name in names:
        try:
            registry.register(name)
        except FutFutError as error:
            refused[name] = str(error)
            registry.progress.say(str(error))
    return tuple(name for name in names if name not in refused), refused
