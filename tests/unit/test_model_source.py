"""What a model is registered from, and what Ollama is told of it."""

from pathlib import Path

import pytest

from modelfiles.catalog import load
from modelfiles.compose import modelfile_for
from modelfiles.errors import CatalogError, ModelfileError
from modelfiles.ollama.errors import ModelNotHereError, ModelSourceError
from modelfiles.ollama.source import ModelSource, locate
from modelfiles.smoke import hangul_share, markup_of

CATALOG = load()


def own(folder: Path, *lines: str, name: str = "mine") -> Path:
    path = folder / f"{name}.Modelfile"
    path.write_text("\n".join(["FROM ./mine.gguf", *lines, ""]), encoding="utf-8")
    return path


def source(folder: Path, *lines: str) -> ModelSource:
    return locate(CATALOG, str(own(folder, *lines)), folder / "models")


def test_the_projects_own_models(tmp_path: Path) -> None:
    """By model, or by model and level; the file is in the home that is asked for."""
    big = locate(CATALOG, "big", tmp_path)
    assert (big.name, big.file) == ("big-q4_k_m", tmp_path / "big-q4_k_m.gguf")
    assert big.modelfile == modelfile_for(CATALOG, "big")
    assert locate(CATALOG, "mini-q8_0", tmp_path).name == "mini-q8_0"


def test_ones_own_model(tmp_path: Path) -> None:
    """It is called as its Modelfile; its file lies in models/, or where the Modelfile says."""
    path = own(tmp_path)
    assert locate(CATALOG, str(path), tmp_path / "models").file == tmp_path / "models" / "mine.gguf"
    (tmp_path / "mine.gguf").touch()
    beside = locate(CATALOG, str(path), tmp_path / "models")
    assert (beside.name, beside.file.resolve()) == ("mine", tmp_path / "mine.gguf")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.gguf").touch()
    assert locate(CATALOG, str(path), tmp_path / "models").file == tmp_path / "models" / "mine.gguf"


def test_a_modelfile_of_ones_own_among_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lies in modelfiles/ is found by its stem."""
    monkeypatch.setattr("modelfiles.find.FOLDER", tmp_path)
    own(tmp_path, name="evening")
    assert locate(CATALOG, "evening", tmp_path / "models").name == "evening"
    with pytest.raises(CatalogError):
        locate(CATALOG, f"../{tmp_path.name}/evening", tmp_path / "models")


def test_a_missing_file_says_how_to_have_it(tmp_path: Path) -> None:
    """Fetched, built, or where one's own Modelfile says."""
    for name, how in (
        ("mini", "futfut-convert fetch mini-q4_k_m"),
        ("big", "from the checkpoint Dongwookss/big_fut_final@main"),
        (str(own(tmp_path)), "Its Modelfile says"),
    ):
        with pytest.raises(ModelNotHereError, match=how):
            locate(CATALOG, name, tmp_path / "models").require_files()


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    """An unknown name with the known ones; a Modelfile that isn't there, or is none, or holds too much."""
    with pytest.raises(CatalogError, match="It knows: big, small, mini, mid, big-f16"):
        locate(CATALOG, "mega", tmp_path)
    with pytest.raises(ModelSourceError, match=r"none can't be registered: .*No such file"):
        locate(CATALOG, str(tmp_path / "none.Modelfile"), tmp_path)
    (tmp_path / "bad.Modelfile").write_text("FORM x\n")
    with pytest.raises(ModelfileError):
        locate(CATALOG, str(tmp_path / "bad.Modelfile"), tmp_path)
    with pytest.raises(ModelSourceError, match="DRAFT or several FROM"):
        source(tmp_path, "FROM ./other.gguf")


def test_the_request_is_typed_as_ollama_types_it(tmp_path: Path) -> None:
    """Numbers as numbers, every stop, the last of the others; what isn't said isn't sent."""
    lines = (
        "SYSTEM 짧게",
        "PARAMETER stop a",
        "PARAMETER stop b",
        "PARAMETER top_k 1",
        "PARAMETER top_k 2",
        "PARAMETER min_p 0.5",
        "PARAMETER use_mmap False",
        "ADAPTER ./lora.gguf",
        "LICENSE MIT",
        "MESSAGE user 안녕",
    )
    mine = source(tmp_path, *lines)
    hashes = {mine.file: "0" * 64, mine.adapters[0]: "1" * 64}
    assert mine.request(hashes) == {
        "files": {"mine.gguf": "sha256:" + "0" * 64},
        "adapters": {"lora.gguf": "sha256:" + "1" * 64},
        "system": "짧게",
        "parameters": {"stop": ["a", "b"], "top_k": 2, "min_p": 0.5, "use_mmap": False},
        "license": ("MIT",),
        "messages": [{"role": "user", "content": "안녕"}],
    }


@pytest.mark.parametrize("line", ["PARAMETER num_ctx 4k", "PARAMETER min_p x", "PARAMETER use_mmap maybe"])
def test_a_value_that_does_not_fit_is_refused(tmp_path: Path, line: str) -> None:
    """Ollama itself would take it, and fail when the model is loaded."""
    with pytest.raises(ModelSourceError, match="can't be"):
        source(tmp_path, line).parameters()


def test_an_unknown_parameter_is_refused(tmp_path: Path) -> None:
    """A misspelt one would do nothing, silently."""
    with pytest.raises(ModelSourceError, match="Ollama knows no PARAMETER num_ctxt"):
        source(tmp_path, "PARAMETER num_ctxt 4096").parameters()


def test_the_markup_of_each_family() -> None:
    """Stops, and what the template puts around messages."""
    assert markup_of(modelfile_for(CATALOG, "mini")) == {"<|im_start|>", "<|im_end|>", "<|endoftext|>"}
    assert markup_of(modelfile_for(CATALOG, "small")) >= {"</s>", "<|assistant|>", "<|user|>"}
    assert markup_of(modelfile_for(CATALOG, "big")) >= {"<|eot_id|>", "<|start_header_id|>"}


@pytest.mark.parametrize(
    ("text", "share"),
    [("풋살", 1.0), ("4초", 1.0), ("Fut 살은", 0.4), ("", 0.0), ("12!", 0.0), ("ㅋㅋ", 1.0)],
)
def test_hangul_share(text: str, share: float) -> None:
    """Of the letters only: digits and marks are no language."""
    assert hangul_share(text) == share


def test_a_model_beside_the_model_files(tmp_path: Path) -> None:
    """One that the catalogue doesn't know is found by its name where model files are."""
    own(tmp_path, name="mine-q6_k")
    found = locate(CATALOG, "mine-q6_k", tmp_path)
    assert (found.name, found.file) == ("mine-q6_k", tmp_path / "mine.gguf")
