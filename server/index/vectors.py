"""Vectors that have been computed before, in one SQLite file beside the index."""

import hashlib
import sqlite3
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from server.errors import IndexDamagedError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    encoder TEXT NOT NULL,
    text_sha256 BLOB NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (encoder, text_sha256)
) WITHOUT ROWID
"""
_VARIABLES = 500  # well under what any SQLite takes in one statement


def text_key(text: str) -> bytes:
    """What a text's vector is kept under: SHA-256 of its UTF-8."""
    return hashlib.sha256(text.encode()).digest()


class VectorCache:
    """Vectors of one encoder by the SHA-256 of their text, as float32 in the machine's byte order.

    Every `put` is committed, so a build that is killed goes on where it stopped. It outlives generations and
    serves both kinds of index.
    """

    def __init__(self, path: Path, *, encoder: str) -> None:
        """Open the file, or make it.

        Args:
            path: the SQLite file; its folder is made if need be.
            encoder: fingerprint of the encoder whose vectors are read and written.

        Raises:
            IndexDamagedError: the file isn't a database, or can't be written; so do all methods.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._encoder = encoder
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            with self._translated():
                # With a write-ahead log, a commit survives the death of the process without waiting for the
                # disk; losing the last of them with the machine's power only means computing them again.
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = NORMAL")
                self._database.execute(_SCHEMA)
        except IndexDamagedError:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def known(self) -> set[bytes]:
        """Keys of all texts whose vectors are here."""
        with self._translated():
            rows = self._database.execute(
                "SELECT text_sha256 FROM vectors WHERE encoder = ?", [self._encoder]
            )
            return {key for (key,) in rows}

    def get(self, keys: Sequence[bytes]) -> list[tuple[float, ...]]:
        """Vectors in the order of their keys.

        Raises:
            KeyError: a vector isn't here.
        """
        found: dict[bytes, bytes] = {}
        for start in range(0, len(keys), _VARIABLES):
            some = keys[start : start + _VARIABLES]
            marks = ",".join("?" * len(some))
            select = f"SELECT text_sha256, vector FROM vectors WHERE encoder = ? AND text_sha256 IN ({marks})"  # noqa: S608 - only question marks are put in
            with self._translated():
                found.update(self._database.execute(select, [self._encoder, *some]))
        return [tuple(array("f", found[key])) for key in keys]

    def put(self, vectors: Iterable[tuple[bytes, Sequence[float]]]) -> None:
        """Keep vectors under the keys of their texts, all of them or none."""
        rows = [(self._encoder, key, array("f", vector).tobytes()) for key, vector in vectors]
        with self._transaction():
            self._database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def keep_only(self, keys: Collection[bytes]) -> None:
        """Forget all other vectors, and those of all other encoders."""
        others = self.known().difference(keys)
        with self._transaction():
            self._database.execute("DELETE FROM vectors WHERE encoder != ?", [self._encoder])
            self._database.executemany(
                "DELETE FROM vectors WHERE encoder = ? AND text_sha256 = ?",
                [(self._encoder, key) for key in others],
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated(), self._database:
            self._database.execute("BEGIN")
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise IndexDamagedError(str(self._path), f"its vectors can't be kept ({error})") from error
