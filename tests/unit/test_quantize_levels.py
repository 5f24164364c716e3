"""The levels, held to llama.cpp's own numbers, and the names of their files."""

from pathlib import Path

import pytest
from llama_cpp import llama_cpp as native

from convert.errors import NoQuantizeSourceError, UnknownLevelError
from convert.quantize.files import file_at_level, full_precision_file
from convert.quantize.levels import LEVELS, require_known

# A mark of the loader's; experts only; read but not made.
LEFT_OUT = {"guessed", "mxfp4_moe", "nvfp4"}


def test_every_level_has_llama_cpps_number() -> None:
    """And none that llama.cpp can make is missing."""
    theirs = {
        name.removeprefix("LLAMA_FTYPE_").removeprefix("MOSTLY_").removeprefix("ALL_").lower(): value
        for name, value in vars(native).items()
        if name.startswith("LLAMA_FTYPE_")
    }
    assert theirs.keys() >= LEFT_OUT
    assert {name: level.ftype for name, level in LEVELS.items()} == {
        name: value for name, value in theirs.items() if name not in LEFT_OUT
    }


def test_an_unknown_level_lists_the_known() -> None:
    """All that are unknown are named at once."""
    require_known(LEVELS)
    with pytest.raises(UnknownLevelError, match=r"'q4', 'q9_k'\. llama\.cpp has: f32, bf16, .*q4_k_m"):
        require_known(["q4", "q8_0", "q9_k"])


def test_the_most_exact_file_is_taken(tmp_path: Path) -> None:
    """f32 before bf16 before f16; with none of them the error says how to make one."""
    with pytest.raises(NoQuantizeSourceError, match="Make one with: futfut-convert gguf small"):
        full_precision_file("small", tmp_path)
    (tmp_path / "small-q8_0.gguf").touch()
    for level in ("f16", "bf16", "f32"):
        file = tmp_path / f"small-{level}.gguf"
        file.touch()
        assert full_precision_file("small", tmp_path) == file


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("small-f16.gguf", "small-q4_k_m.gguf"),
        ("small-tuned-iq4_xs.gguf", "small-tuned-q4_k_m.gguf"),
        ("futsal.gguf", "futsal-q4_k_m.gguf"),
        ("futsal-v2.gguf", "futsal-v2-q4_k_m.gguf"),
        ("-f16.gguf", "-f16-q4_k_m.gguf"),
        ("f16.gguf", "f16-q4_k_m.gguf"),
    ],
)
def test_a_level_lies_beside_its_source(source: str, target: str) -> None:
    """Only a level at the end of the name is replaced."""
    assert file_at_level(Path("models", source), "q4_k_m") == Path("models", target)
