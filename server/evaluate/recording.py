"""An index whose points are at hand as well, for a search that isn't the index's own."""

from collections.abc import Iterable, Iterator

from server.domain import Hit, HybridQuery, Manifest, Point
from server.protocols import Index


class RecordingIndex:
    """Passes everything on to an index, and keeps the points of the last `publish`; implements `Index`."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.points: list[Point] = []

    def manifest(self) -> Manifest | None:
        """What is live now, as the index says."""
        return self._index.manifest()

    def publish(self, manifest: Manifest, points: Iterable[Point]) -> None:
        """Publish in the index, and keep each point as it goes by."""
        self.points = []
        self._index.publish(manifest, self._kept(points))

    def search(self, query: HybridQuery) -> list[Hit]:
        """What the index finds."""
        return self._index.search(query)

    def _kept(self, points: Iterable[Point]) -> Iterator[Point]:
        for point in points:
            self.points.append(point)
            yield point
