"""Which model answers: derived from Ollama alone, by the digest that the alias shares with a name."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from modelfiles.catalog import Catalog
from modelfiles.errors import CatalogError
from modelfiles.grammar import Modelfile
from modelfiles.ollama.client import Ollama
from modelfiles.ollama.wire import ALIAS, Tag

PREVIOUS = "futfut:previous"
# Where the previous model waits while it and the live one change places.
RETURNING = "futfut:returning"
# A name with this tag hasn't passed the gate.
UNCHECKED = ":unchecked"


class Live(msgspec.Struct, frozen=True):
    """The model that answers.

    `name` is its name in Ollama, or the first twelve digits of its digest if it has none any more beside the
    alias. `model` and `level` are known of the catalogue's models, `context_tokens` where its Modelfile says
    it. `previous` is the model that a rollback returns to.
    """

    name: str
    digest: str
    model: str | None
    level: str | None
    context_tokens: int | None
    since: datetime
    previous: str | None


def live(ollama: Ollama, catalog: Catalog) -> Live | None:
    """The model that answers; None if none has been chosen yet.

    Raises:
        OllamaError: Ollama can't be asked.
    """
    tags = ollama.tags()
    if (alias := tags.get(ALIAS)) is None:
        return None
    name = name_of(alias.digest, tags, catalog)
    try:
        level = catalog.resolve(name)
    except CatalogError:
        level = None
    return Live(
        name=name,
        digest=alias.digest,
        model=level.model if level else None,
        level=level.level if level else None,
        context_tokens=_context_tokens(ollama.show(ALIAS).parsed()),
        since=alias.modified_at,
        previous=_previous(alias, tags, catalog),
    )


def name_of(digest: str, tags: Mapping[str, Tag], catalog: Catalog) -> str:
    """The name that shares a digest, the catalogue's own before others; else the digest's first digits."""
    names = [
        name
        for name, tag in tags.items()
        if tag.digest == digest and not name.startswith(f"{ALIAS}:") and name != ALIAS
    ]
    known = catalog.levels()
    names.sort(key=lambda name: (name not in known, name.endswith(UNCHECKED), name))
    return names[0] if names else digest[:12]


def way_back(live_digest: str, tags: Mapping[str, Tag]) -> Tag | None:
    """What a rollback would return to; a rollback that was killed may have left it on its way."""
    ways = [tags[name] for name in (RETURNING, PREVIOUS) if name in tags]
    return next((tag for tag in ways if tag.digest != live_digest), None)


def share_a_file(ollama: Ollama, one: str, other: str) -> bool:
    """Whether two models are the same file under different settings: Ollama keeps one runner for both."""
    return ollama.show(one).parsed().base == ollama.show(other).parsed().base


def is_loaded(ollama: Ollama, digest: str) -> bool:
    """Whether a model is in memory, under whatever name."""
    return any(loaded.digest == digest for loaded in ollama.loaded())


def _previous(alias: Tag, tags: Mapping[str, Tag], catalog: Catalog) -> str | None:
    before = way_back(alias.digest, tags)
    return name_of(before.digest, tags, catalog) if before else None


def _context_tokens(modelfile: Modelfile) -> int | None:
    values = modelfile.values("num_ctx")
    return int(values[-1]) if values else None
