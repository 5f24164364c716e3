"""The Modelfiles of levels that were made: the project's own where it has one, else one beside the file."""

from dataclasses import replace
from pathlib import Path

from convert.pipeline.order import Order
from modelfiles.catalog import Catalog
from modelfiles.compose import modelfile_of
from modelfiles.find import SUFFIX, find_modelfile
from modelfiles.grammar import Modelfile, decode, parse, render
from modelfiles.progress import Progress


def provide_modelfiles(
    order: Order, catalog: Catalog, models_dir: Path, *, progress: Progress
) -> dict[str, Modelfile]:
    """Make sure that each level has a Modelfile; the one that is there is taken as it is.

    Raises:
        ModelfileError: one that is there can't be parsed.
    """
    return {level: _provide(order, level, catalog, models_dir, progress) for level in order.levels}


def _provide(order: Order, level: str, catalog: Catalog, models_dir: Path, progress: Progress) -> Modelfile:
    name = f"{order.name}-{level}"
    path = find_modelfile(name, models_dir)
    made = modelfile_of(catalog, order.model, f"./{order.file(level)}")
    if path is None:
        path = models_dir / f"{name}{SUFFIX}"
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(render(made).encode())
        unfinished.replace(path)
        progress.say(f"{path.name}: written, as for {order.model}")
    found = parse(decode(path.read_bytes()))
    if replace(found, base=made.base) != made:
        # An operator's edits are wanted; another model's template isn't, and only the operator can tell.
        progress.say(f"{path.name}: kept as it is, which isn't how {order.model} is spoken to")
    return found
