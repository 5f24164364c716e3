"""The index in this process: Qdrant's own engine, embedded, on a folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from qdrant_edge import EdgeShard

from server.domain import Hit, HybridQuery, Manifest, Point
from server.errors import IndexDamagedError, IndexMissingError
from server.index.generations import Generations
from server.index.identity import Compatibility
from server.index.live import Live
from server.index.points import check_filters
from server.index.shard import count_points, load_shard, search_shard, write_shard


@dataclass(frozen=True, slots=True)
class _Open:
    manifest: Manifest
    shard: EdgeShard


class EdgeIndex:
    """Generations of points in a folder, each a shard of qdrant-edge-py.

    Any number of processes may search the folder while one builds in it: a generation isn't written to once
    it is live. A search takes up a new generation when the pointer was replaced; searches are thread-safe
    and hold no lock.
    """

    def __init__(self, folder: Path, *, compatible_with: Compatibility | None) -> None:
        """Open nothing yet.

        Args:
            folder: where generations are kept; made by the first `publish`.
            compatible_with: what questions are put with; None opens any generation.
        """
        self._folder = folder
        self._generations = Generations(folder)
        self._compatible_with = compatible_with
        self._live = Live(self._generations.version, self._open_newest)

    def manifest(self) -> Manifest | None:
        """What is live on disk now; None before anything has been published.

        Raises:
            IndexDamagedError: the live generation's manifest can't be read.
        """
        return self._generations.live()

    def publish(self, manifest: Manifest, points: Iterable[Point]) -> None:
        """Write a generation beside the live one, check it, then make it the live one by one rename.

        The caller sees to it that no other process publishes meanwhile.

        Raises:
            IndexDamagedError: what was written isn't what the manifest says.
        """
        folder = self._generations.begin(manifest.generation)
        try:
            write_shard(folder, manifest.dimensions, points)
            _open(folder, manifest)
        except BaseException:
            self._generations.abandon(manifest.generation)
            raise
        self._generations.commit(manifest)

    def search(self, query: HybridQuery) -> list[Hit]:
        """Both legs and their fusion on the live generation, best first.

        One planned batch of three queries: the fused one, which prefetches `candidates` of both legs, and
        the two legs by themselves without payload, which say the ranks; the engine scores what the queries
        share once.

        A hit's score is the sum over its legs of `1 / (rank / weight + rrf_k - 1)`, ranks from 1. That is the
        engine's own form of weighted RRF: with weights of 1 its `rrf_k` = 61 is the 60 of Cormack, Clarke and
        Büttcher (2009), and a leg of weight 2 counts its rank 4 as another leg its rank 2. A passage that has
        none of the query's terms is no candidate of the lexical leg.

        Raises:
            IndexMissingError: nothing has been published.
            IndexMismatchError: the live generation was built with another encoder or other terms.
            IndexDamagedError: the live generation can't be opened or searched.
            UnknownFilterError: a filter names a field that can't be filtered on.
        """
        check_filters(query.filters)
        live = self._live.get()
        return search_shard(live.shard, self._generations.shard(live.manifest.generation), query)

    def answering(self) -> Manifest:
        """What searches are answered from: the live generation, or the one before it if that doesn't suit.

        Raises:
            IndexMissingError, IndexMismatchError, IndexDamagedError: as `search`.
        """
        return self._live.get().manifest

    def close(self) -> None:
        """Let go of the open generation; searches under way finish."""
        self._live.forget()

    def _open_newest(self) -> _Open:
        while True:
            manifest = self._generations.live()
            if manifest is None:
                raise IndexMissingError(str(self._folder))
            if self._compatible_with is not None:
                self._compatible_with.check(manifest)
            try:
                return _open(self._generations.shard(manifest.generation), manifest)
            except IndexDamagedError:
                # Two builds since the pointer was read have removed what it named: then there is a newer one.
                if self._generations.current() == manifest.generation:
                    raise


def _open(folder: Path, manifest: Manifest) -> _Open:
    """Open a shard, and count: the engine opens a shard that has lost its segments as an empty one."""
    shard = load_shard(folder)
    found = count_points(shard, folder)
    if found != manifest.passages:
        raise IndexDamagedError(str(folder.parent), f"it holds {found} of {manifest.passages} passages")
    return _Open(manifest, shard)
