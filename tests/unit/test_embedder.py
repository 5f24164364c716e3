"""Building an encoder's folder."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from convert.encoder.build import build_from_checkpoint, build_from_packed
from convert.errors import EncoderSourceError
from modelfiles.encoder import Precision, file_sha256, read_encoder_manifest
from tests.tiny_encoder import random_tensors, write_checkpoint, write_packed

FILES = {
    "config.json",
    "encoder.json",
    "model.onnx",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A tiny packed file."""
    write_packed(tmp_path / "tiny.bin", random_tensors())
    return tmp_path / "tiny.bin"


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Each file's inode and time of change: equal only if nothing was written."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_folder_holds_all_that_the_service_reads(
    tmp_path: Path, packed: Path, precision: Precision
) -> None:
    """Graph, tokenizer, what fastembed looks for, and a manifest that is true of them."""
    out = build_from_packed(packed, tmp_path / "models" / "tiny", precision=precision)

    assert {path.name for path in out.iterdir()} == FILES
    assert [path.name for path in out.parent.iterdir()] == ["tiny"]
    manifest = read_encoder_manifest(out)
    assert (manifest.name, manifest.precision) == ("multilingual-e5-small", precision)
    assert (manifest.dimensions, manifest.max_tokens, manifest.pooling) == (32, 24, "mean")
    assert (manifest.query_prefix, manifest.passage_prefix) == ("query: ", "passage: ")
    assert manifest.source_sha256 == file_sha256(packed)
    assert manifest.model_sha256 == file_sha256(out / "model.onnx")
    assert manifest.tokenizer_sha256 == file_sha256(out / "tokenizer.json")


def test_the_same_source_gives_the_same_bytes(tmp_path: Path, packed: Path) -> None:
    """Two builds of one source have one fingerprint, so that either may serve the other's index."""
    first, second = (build_from_packed(packed, tmp_path / name, precision="int8") for name in ("a", "b"))

    assert read_encoder_manifest(first) == read_encoder_manifest(second)


def test_precision_and_weights_change_the_fingerprint(tmp_path: Path) -> None:
    """Whatever gives other numbers has another fingerprint."""
    fingerprints = set()
    for seed in (1, 2):
        source = write_checkpoint(tmp_path / "source", random_tensors(seed))
        for precision in ("fp32", "int8"):
            out = build_from_checkpoint(source, tmp_path / "out", precision=precision)
            fingerprints.add(read_encoder_manifest(out).fingerprint)

    assert len(fingerprints) == 4


def test_what_is_fresh_is_not_built_again(tmp_path: Path, packed: Path) -> None:
    """The same source in the same precision costs a check, no write."""
    out = build_from_packed(packed, tmp_path / "out", precision="int8")
    before = snapshot(out)

    build_from_packed(packed, out, precision="int8")

    assert snapshot(out) == before


@pytest.mark.parametrize("damaged", ["model.onnx", "tokenizer.json", "encoder.json"])
def test_what_is_damaged_is_built_again(tmp_path: Path, packed: Path, damaged: str) -> None:
    """A file that isn't what the manifest says, or a manifest that can't be read, is replaced."""
    out = build_from_packed(packed, tmp_path / "out", precision="int8")
    whole = file_sha256(out / damaged)
    (out / damaged).write_bytes((out / damaged).read_bytes()[:-20])

    build_from_packed(packed, out, precision="int8")

    assert file_sha256(out / damaged) == whole


@pytest.mark.parametrize("fails_at", [0, 1, 2, 3])
def test_an_interrupted_build_leaves_what_was_there(tmp_path: Path, packed: Path, fails_at: int) -> None:
    """Whichever step is broken off, the old folder stays whole and nothing is left beside it."""
    out = build_from_packed(packed, tmp_path / "models" / "out", precision="int8")
    before = snapshot(out)

    def interrupt(_step: str, done: int, _total: int) -> None:
        if done == fails_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_from_packed(packed, out, precision="fp32", progress=interrupt)

    assert snapshot(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_disk_that_fills_up_leaves_what_was_there(
    tmp_path: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure in the middle of writing leaves the old folder and no half of the new one."""
    out = build_from_packed(packed, tmp_path / "models" / "out", precision="int8")
    before = snapshot(out)

    def full(_folder: Path, _manifest: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("convert.encoder.folder.write_encoder_manifest", full)
    with pytest.raises(OSError, match="No space left"):
        build_from_packed(packed, out, precision="fp32")

    assert snapshot(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_what_a_killed_build_left_is_swept_away(tmp_path: Path, packed: Path) -> None:
    """A killed build can't clean up after itself; the next one does."""
    (tmp_path / "models" / ".out.building").mkdir(parents=True)
    (tmp_path / "models" / ".out.building" / "model.onnx").write_bytes(b"half")

    out = build_from_packed(packed, tmp_path / "models" / "out", precision="int8")

    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_weights_that_give_no_numbers_are_not_published(tmp_path: Path) -> None:
    """An encoder that computes NaN never takes the place of one that works."""
    tensors = random_tensors()
    tensors["encoder.layer.1.output.LayerNorm.weight"][3] = np.nan
    source = write_checkpoint(tmp_path / "source", tensors)

    with pytest.raises(EncoderSourceError, match="finite"):
        build_from_checkpoint(source, tmp_path / "out", precision="fp32")

    assert not (tmp_path / "out").exists()


def test_progress_counts_up_to_its_total(tmp_path: Path, packed: Path) -> None:
    """Each step is told once, in order, and the end is told too."""
    told: list[tuple[int, int]] = []

    build_from_packed(
        packed, tmp_path / "out", precision="int8", progress=lambda _, done, total: told.append((done, total))
    )

    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_unknown_field_in_the_manifest_is_refused(tmp_path: Path, packed: Path) -> None:
    """A manifest of another form is an error, not a guess."""
    out = build_from_packed(packed, tmp_path / "out", precision="int8")
    (out / "encoder.json").write_text('{"name": "x", "colour": "red"}')

    with pytest.raises(msgspec.ValidationError):
        read_encoder_manifest(out)
