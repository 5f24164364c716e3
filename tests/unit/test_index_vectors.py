"""The cache of vectors, and the lock of those who build."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from server.errors import IndexBusyError, IndexDamagedError
from server.index.lock import only_builder
from server.index.vectors import VectorCache, text_key


def cache(folder: Path, encoder: str = "e1") -> VectorCache:
    return VectorCache(folder / "sub" / "vectors.sqlite", encoder=encoder)


def test_vectors_come_back_in_order(tmp_path: Path) -> None:
    """Vectors are returned for their keys, in any order and number, as the float32 that they were."""
    rng = np.random.default_rng(0)
    stored = {
        text_key(f"글 {i}"): tuple(rng.standard_normal(4, dtype=np.float32).tolist()) for i in range(1200)
    }
    with cache(tmp_path) as vectors:
        vectors.put(stored.items())
        keys = list(reversed(stored)) + list(stored)
        assert vectors.get(keys) == [stored[key] for key in keys]
        assert vectors.known() == set(stored)
        assert vectors.get([]) == []


def test_unknown_key(tmp_path: Path) -> None:
    """A key without a vector is an error, not a gap."""
    with cache(tmp_path) as vectors, pytest.raises(KeyError):
        vectors.get([text_key("처음 보는 글")])


def test_put_is_all_or_nothing(tmp_path: Path) -> None:
    """If one vector of a batch can't be had, none of the batch is kept, and the cache goes on working."""

    def broken() -> object:
        yield text_key("a"), (1.0,)
        raise RuntimeError("encoder")

    with cache(tmp_path) as vectors:
        with pytest.raises(RuntimeError, match="encoder"):
            vectors.put(broken())  # type: ignore[arg-type]
        assert vectors.known() == set()
        vectors.put([(text_key("a"), (1.0,))])
        assert vectors.get([text_key("a")]) == [(1.0,)]


def test_encoders_are_kept_apart_until_pruned(tmp_path: Path) -> None:
    """Another encoder's vectors aren't seen, and go when this one's are pruned."""
    keys = [text_key(name) for name in "abc"]
    with cache(tmp_path, "e1") as vectors:
        vectors.put((key, (1.0,)) for key in keys)
    with cache(tmp_path, "e2") as vectors:
        assert vectors.known() == set()
        vectors.put((key, (2.0,)) for key in keys)
        vectors.keep_only(keys[:2])
        assert vectors.known() == set(keys[:2])
        assert vectors.get(keys[:2]) == [(2.0,), (2.0,)]
    with cache(tmp_path, "e1") as vectors:
        assert vectors.known() == set()


def test_every_put_survives_a_kill(tmp_path: Path) -> None:
    """What was put is there after SIGKILL, without any closing."""
    script = (
        "import os, signal, sys, pathlib\n"
        "from server.index.vectors import VectorCache, text_key\n"
        "vectors = VectorCache(pathlib.Path(sys.argv[1]), encoder='e')\n"
        "vectors.put([(text_key('a'), (0.5, -1.0))])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "vectors.sqlite"
    assert subprocess.run([sys.executable, "-c", script, path], check=False).returncode == -9
    with VectorCache(path, encoder="e") as vectors:
        assert vectors.get([text_key("a")]) == [(0.5, -1.0)]


def test_damaged_file(tmp_path: Path) -> None:
    """A file that isn't a database is refused by its name, with the way out."""
    path = tmp_path / "vectors.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at" * 20)
    with pytest.raises(IndexDamagedError, match=r"vectors\.sqlite.*Delete it"):
        VectorCache(path, encoder="e")


def test_closed_after_use(tmp_path: Path) -> None:
    """Leaving the context closes the file."""
    with cache(tmp_path) as vectors:
        pass
    with pytest.raises(IndexDamagedError, match="closed"):
        vectors.known()


def test_lock_admits_one(tmp_path: Path) -> None:
    """A second builder is told at once which file is held; after the first has gone it may build."""
    path = tmp_path / "index" / "lock"
    with only_builder(path), pytest.raises(IndexBusyError, match="lock"), only_builder(path):
        pass
    with only_builder(path):
        pass


def test_lock_dies_with_its_process(tmp_path: Path) -> None:
    """A killed builder leaves no lock behind."""
    script = (
        "import os, signal, sys, pathlib\n"
        "from server.index.lock import only_builder\n"
        "with only_builder(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    signal.pause()\n"
    )
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(IndexBusyError), only_builder(path):
            pass
        holder.kill()
        holder.wait()
        with only_builder(path):
            pass
