"""Metadata of GGUF files, held to the official reader."""

from pathlib import Path

import gguf
import pytest

from modelfiles.errors import ModelFileError
from modelfiles.gguf_header import read_header
from tests.tiny_model import write_tiny_model


def test_the_official_reader_says_the_same(tmp_path: Path) -> None:
    """Every text and number, and the lists of texts that are asked for."""
    path = write_tiny_model(tmp_path / "tiny.gguf")
    fields = gguf.GGUFReader(path).fields
    official = {key: field.contents() for key, field in fields.items() if not key.startswith("GGUF.")}
    header = read_header(path, lists={"tokenizer.ggml.tokens"})
    wanted = {
        key: value
        for key, value in official.items()
        if not isinstance(value, list) or key == "tokenizer.ggml.tokens"
    }
    assert header == wanted
    assert "tokenizer.ggml.tokens" not in read_header(path)


def test_every_kind_of_value(tmp_path: Path) -> None:
    """All number types, and lists in between that are stepped over."""
    path = tmp_path / "kinds.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("a.u8", 200)
    writer.add_int8("a.i8", -3)
    writer.add_uint16("a.u16", 60000)
    writer.add_int16("a.i16", -300)
    writer.add_int32("a.i32", -70000)
    writer.add_uint64("a.u64", 1 << 40)
    writer.add_int64("a.i64", -(1 << 40))
    writer.add_float64("a.f64", 0.1)
    writer.add_array("a.texts", ["가", "나다"])
    writer.add_array("a.numbers", [1.5, 2.5])
    writer.add_bool("a.truth", True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert read_header(path, lists=["a.texts"]) == {
        "general.architecture": "llama",
        "a.u8": 200,
        "a.i8": -3,
        "a.u16": 60000,
        "a.i16": -300,
        "a.i32": -70000,
        "a.u64": 1 << 40,
        "a.i64": -(1 << 40),
        "a.f64": 0.1,
        "a.texts": ["가", "나다"],
        "a.truth": True,
    }


@pytest.mark.parametrize("size", [0, 3, 10, 30, 200, 2000])
def test_a_file_that_ends_early_is_refused(tmp_path: Path, size: int) -> None:
    """Wherever it ends: an error for people, with the path."""
    path = write_tiny_model(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ModelFileError, match=r"tiny\.gguf can't be read as a GGUF file"):
        read_header(path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [(b"GGUF\x03", b"GGML\x03", "doesn't begin with GGUF"), (b"GGUF\x03", b"GGUF\x09", "version 9")],
)
def test_another_format_is_refused(tmp_path: Path, old: bytes, new: bytes, reason: str) -> None:
    """Not read as if it were one that is known."""
    path = write_tiny_model(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(ModelFileError, match=reason):
        read_header(path)
