"""A checkpoint is opened whole or not at all: each refusal is provoked by a file that deserves it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert.checkpoint.digest import input_digest
from convert.checkpoint.listing import listed
from convert.checkpoint.open import open_checkpoint
from convert.checkpoint.planned import planned_tensors
from convert.checkpoint.safetensors import read_header
from convert.checkpoint.tensor import StoredTensor
from convert.pipeline.weights import weights_of
from modelfiles.progress import Unseen
from tests.spoiled_checkpoint import change, change_header, refusal
from tests.tiny_checkpoint import CASES, TinyCheckpoint, write_safetensors, write_tiny_checkpoint

TENSORS_OF_LLAMA = 21  # nine in each of two layers, embeddings, norm, output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Llama in one file."""
    return write_tiny_checkpoint(tmp_path / "model")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """A Llama in three files."""
    return write_tiny_checkpoint(tmp_path / "model", TinyCheckpoint(shards=3))


@pytest.mark.parametrize("name", CASES)
def test_every_kind_opens(name: str, tmp_path: Path) -> None:
    """Every architecture, in one file or in several, has all of its tensors."""
    checkpoint = open_checkpoint(write_tiny_checkpoint(tmp_path / name, CASES[name]))
    assert checkpoint.architecture == CASES[name].architecture
    assert all(tensor.stored_as == CASES[name].stored_as for tensor in checkpoint.tensors.values())


def test_nothing_there(tmp_path: Path) -> None:
    """A folder that isn't there, and one with nothing in it, are told apart."""
    assert "no such folder" in refusal(tmp_path / "nowhere")
    assert "no config.json" in refusal(tmp_path)


def test_adapter(folder: Path) -> None:
    """A folder with an adapter alone says how to merge it."""
    (folder / "config.json").rename(folder / "adapter_config.json")
    assert "--adapter" in refusal(folder)


@pytest.mark.parametrize("content", ["{", "[]", '"text"'])
def test_broken_config(folder: Path, content: str) -> None:
    """A config.json that is no object of JSON is to be fetched again."""
    (folder / "config.json").write_text(content)
    assert "Fetch it again" in refusal(folder)


def test_unknown_architecture(folder: Path) -> None:
    """An architecture without a table is named, with those that have one."""
    change(folder / "config.json", lambda config: config.update(architectures=["GemmaForCausalLM"]))
    message = refusal(folder)
    assert "GemmaForCausalLM" in message
    assert "MistralForCausalLM" in message


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "awq"])
def test_quantized_by_config(folder: Path, method: str) -> None:
    """A checkpoint that says it is quantized is refused, whatever is in it."""
    quantization = {"quant_method": method, "load_in_4bit": True}
    change(folder / "config.json", lambda config: config.update(quantization_config=quantization))
    message = refusal(folder)
    assert method in message
    assert "full weights" in message


def test_tensors_that_dont_fit(tmp_path: Path) -> None:
    """Missing, extra and mis-shaped tensors are all listed, one group each, in one message."""
    folder = write_tiny_checkpoint(tmp_path / "model", TinyCheckpoint(layers=3, inner=32))
    change(folder / "config.json", lambda config: config.update(num_hidden_layers=2, intermediate_size=16))
    change_header(
        folder / "model.safetensors",
        lambda header: header.update({"score.weight": header.pop("model.norm.weight")}),
    )
    missing, extra, *misshaped = refusal(folder).splitlines()[1:]
    assert "missing: model.norm.weight." in missing
    assert "model.layers.{2}.mlp.up_proj.weight" in extra
    assert "score.weight" in extra
    assert any("model.layers.{0-1}.mlp.gate_proj.weight" in line and "[32, 64]" in line for line in misshaped)
    assert any("model.layers.{0-1}.mlp.down_proj.weight" in line and "[64, 32]" in line for line in misshaped)


def test_computed_tensors(folder: Path) -> None:
    """What is computed from the rest is left aside."""
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    index = {"weight_map": dict.fromkeys(read_header(folder / "model.safetensors"), "model.safetensors")}
    index["weight_map"][name] = "old.safetensors"
    write_safetensors(folder / "old.safetensors", {name: bytes(32)}, {name: (8,)}, "F32")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert len(open_checkpoint(folder).tensors) == TENSORS_OF_LLAMA


def test_tied_output(folder: Path) -> None:
    """Where the embeddings serve as output, one that repeats them isn't written; another one is."""
    change(folder / "config.json", lambda config: config.update(tie_word_embeddings=True))
    checkpoint = open_checkpoint(folder)
    assert planned_tensors(checkpoint)[-1].name == "lm_head.weight"
    embedding = checkpoint.tensors["model.embed_tokens.weight"]
    assert isinstance(embedding, StoredTensor)
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    size = embedding.shape[0] * embedding.shape[1] * 2
    repeated = content[embedding.offset :][:size]
    # The output is the file's last tensor.
    weights.write_bytes(content[:-size] + repeated)
    assert planned_tensors(open_checkpoint(folder))[-1].name == "model.norm.weight"
    assert len(planned_tensors(open_checkpoint(folder))) == TENSORS_OF_LLAMA - 1
    weights.write_bytes(content[:-size] + repeated[:-1] + b"\x00")
    assert planned_tensors(open_checkpoint(folder))[-1].name == "lm_head.weight"


def test_a_base_of_four_bits(folder: Path) -> None:
    """Whoever comes here by an adapter that names a 4-bit base is told how to name another one."""
    change(folder / "config.json", lambda config: config.update(quantization_config={"quant_method": "bnb"}))
    assert "give the full-precision one with --base OWNER/NAME or a folder" in refusal(folder)
    with pytest.raises(ValueError, match="give the full-precision one with --base OWNER/NAME or a folder"):
        weights_of(json.loads((folder / "config.json").read_bytes()))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("generation_config.json", "[]", "generation_config.json can't be read"),
        ("generation_config.json", '{"temperature": "0.6"}', "$.sampling_temp"),
        ("generation_config.json", '{"repetition_penalty": "1"}', "$.sampling_penalty_repeat"),
        ("README.md", "---\nmodel_name: 8\n---\n", "the head of README.md has a value of another kind"),
        ("README.md", "---\nbase_model: [8]\n---\n", None),
        ("README.md", "---\nlicense: [\n---\n", "the head of its README.md can't be read"),
        ("README.md", "---\ntags: [ko, no]\n---\n", "$.tags[1]"),
        ("tokenizer.json", '{"model": []}', "aren't as transformers writes them"),
        ("tokenizer.json", '{"model": {"type": "BPE", "vocab": []}}', "aren't as transformers writes them"),
        ("tokenizer_config.json", '{"added_tokens_decoder": []}', "aren't as transformers writes them"),
        ("tokenizer_config.json", '{"chat_template": 3}', "its chat template can't be read"),
    ],
)
def test_strange_values(folder: Path, file: str, content: str, said: str | None) -> None:
    """What a repository's files say of tokenizer, names and sampling is checked before any work is done."""
    (folder / file).write_text(content)
    if said is None:
        assert open_checkpoint(folder).folder == folder
    else:
        assert said in refusal(folder)


@pytest.mark.parametrize("architectures", ["LlamaForCausalLM", [], None, {}])
def test_strange_architectures(folder: Path, architectures: object) -> None:
    """So is what it calls its architecture."""
    change(folder / "config.json", lambda config: config.update(architectures=architectures))
    assert "its architecture is none" in refusal(folder)


def test_missing_tokenizer(folder: Path) -> None:
    """Weights without a tokenizer are refused before they are converted."""
    (folder / "tokenizer.json").unlink()
    assert "tokenizer" in refusal(folder)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"attention_bias": True}, "attention_bias"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "yarn"),
        ({"rope_scaling": {"type": "dynamic", "factor": 4.0}}, "dynamic"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "longrope"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, "low_freq_factor"),
        ({"rope_scaling": {"type": "linear"}}, "linear"),
        ({"rope_scaling": "x"}, "'x'"),
        ({"_name_or_path": 3}, "_name_or_path"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ({"auto_map": {"AutoModel": "modeling.py"}}, "code of its own"),
        ({"num_hidden_layers": 0}, "num_hidden_layers"),
        ({"num_key_value_heads": 3}, "3 key heads"),
        ({"vocab_size": "many"}, "vocab_size"),
    ],
)
def test_other_computations(folder: Path, setting: dict[str, Any], said: str) -> None:
    """A setting that would change the computation, and isn't carried over, is refused by its name."""
    change(folder / "config.json", lambda config: config.update(setting))
    assert said in refusal(folder)


def test_problems_come_together(folder: Path) -> None:
    """One message names all that can be known at once."""
    (folder / "tokenizer.json").unlink()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    message = refusal(folder)
    assert "tokenizer" in message
    assert "pickles" in message


@given(st.sets(st.integers(0, 40), min_size=1))
def test_layers_are_listed_as_ranges(layers: set[int]) -> None:
    """The ranges of a list name exactly the layers that went into it."""
    text = listed(f"model.layers.{number}.mlp" for number in layers)
    ranges = text.removeprefix("model.layers.{").removesuffix("}.mlp").split(",")
    bounds = [(int(first), int(last or first)) for first, _, last in (each.partition("-") for each in ranges)]
    assert {number for first, last in bounds for number in range(first, last + 1)} == layers


@pytest.mark.parametrize(
    "file", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]
)
def test_digest_sees_every_input(folder: Path, file: str) -> None:
    """One byte of any input gives another digest; nothing changed gives the same."""
    before = input_digest(folder, Unseen())
    assert input_digest(folder, Unseen()) == before
    path = folder / file
    path.write_bytes(path.read_bytes() + b" ")
    assert input_digest(folder, Unseen()) != before
