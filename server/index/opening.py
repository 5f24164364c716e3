"""Which index the settings ask for."""

from typing import TYPE_CHECKING

from server.index.edge import EdgeIndex
from server.index.identity import Compatibility
from server.settings import Settings

if TYPE_CHECKING:
    from server.index.remote import QdrantIndex


def open_index(settings: Settings, *, compatible_with: Compatibility | None) -> "EdgeIndex | QdrantIndex":
    """The index on the Qdrant server if there is one in the settings, else the embedded one.

    Nothing is opened or sent yet, but both have a `close`.
    """
    if settings.qdrant_url is None:
        return EdgeIndex(settings.index_dir, compatible_with=compatible_with)
    # The client takes over a second to import, which the embedded index shouldn't cost.
    from server.index.remote import QdrantIndex  # noqa: PLC0415

    key = settings.qdrant_api_key
    return QdrantIndex.connect(
        settings.qdrant_url,
        api_key=None if key is None else key.get_secret_value(),
        timeout=settings.qdrant_timeout,
        compatible_with=compatible_with,
    )
