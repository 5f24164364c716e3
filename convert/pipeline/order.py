"""What `futfut-convert all` is asked for."""

import re

import msgspec

from convert.errors import OrderError
from convert.fetching.where_from import HubRepository, LocalFolder, where_from
from convert.quantize.levels import require_known
from convert.to_gguf.weights import OutputType
from modelfiles.catalog import Artifact, Catalog, level_file

Place = LocalFolder | HubRepository

# What a part of a model's name may be: types/model/name.go of Ollama, `isValidPart`.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """From where to which levels.

    Attributes:
        model: of the catalogue: whose template, parameters and thresholds are taken.
        name: what the results are called, `name-level`.
        place: the checkpoint, or a LoRA adapter.
        base: the checkpoint that the adapter is merged into; None to take the one it names.
        levels: what is registered in the end.
        output: the number type that the checkpoint is converted to, and all levels are made from.
    """

    model: str
    name: str
    place: Place
    base: Place | None
    levels: tuple[str, ...]
    output: OutputType

    @property
    def quantized(self) -> tuple[str, ...]:
        """The levels that are made from the converted checkpoint, which is one itself."""
        return tuple(level for level in self.levels if level != self.output)

    def file(self, level: str) -> str:
        """The name of a level's file."""
        return level_file(self.name, level)


def place_order(  # noqa: PLR0913  # what a person can say
    catalog: Catalog,
    model: str,
    *,
    name: str | None,
    source: str | None,
    base: str | None,
    levels: str | None,
    output: OutputType,
) -> Order:
    """Read what a person asks for.

    Args:
        catalog: of the models.
        model: a model of the catalogue.
        name: what the results are called; the model if None.
        source: a folder or a repository; the catalogue's checkpoint of the model if None.
        base: likewise, for an adapter.
        levels: their names, with commas; those that the catalogue has of the model if None.
        output: the number type to convert to.

    Raises:
        CatalogError: there is no such model.
        OrderError: it can't be done as it is asked for.
        UnknownLevelError: llama.cpp has no such level.
        WhereFromError: `source` or `base` is neither a folder nor a repository.
    """
    spec = catalog.model(model)
    if source is None and spec.checkpoint is None:
        raise OrderError(f"models.toml names no checkpoint of {model}. Say where it is, with --from.")
    if levels is None:
        chosen = tuple(level for level in spec.built if level not in {"f32", "bf16", "f16"})
    else:
        chosen = tuple(dict.fromkeys(level.strip().lower() for level in levels.split(",") if level.strip()))
    if not chosen:
        raise OrderError(f"No level is asked for. Name one: futfut-convert all {model} --levels q4_k_m")
    require_known(chosen)
    called = name or model
    if not _NAME.fullmatch(called):
        raise OrderError(f"No model can be called '{called}'. Take Latin letters, digits, '.', '-' and '_'.")
    if called != model and called in catalog.models:
        raise OrderError(
            f"models.toml has a model '{called}' of its own. Take another --name for a fine-tune of {model}."
        )
    fetched = [level for level in chosen if called == model and isinstance(spec.levels.get(level), Artifact)]
    if fetched:
        raise OrderError(
            f"{model}-{fetched[0]} is a file that is fetched, not made. Give the fine-tune a name of its "
            f"own, like: --name {model}-tuned"
        )
    return Order(
        model=model,
        name=called,
        place=where_from(source)
        if source is not None
        else HubRepository(spec.checkpoint.repository, spec.checkpoint.revision),  # type: ignore[union-attr]
        base=None if base is None else where_from(base),
        levels=chosen,
        output=output,
    )
