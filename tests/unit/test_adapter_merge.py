"""An adapter merged into its base."""

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
from gguf import GGUFReader
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convert.checkpoint.adapter import Adapter, open_adapter
from convert.checkpoint.digest import input_digest
from convert.checkpoint.low_rank import LowRank
from convert.checkpoint.merge import merged
from convert.checkpoint.open import Checkpoint, open_checkpoint
from convert.checkpoint.planned import planned_tensors
from convert.checkpoint.tensor import StoredType, Tensor
from convert.checkpoint.tokenizer import Tokenizer
from convert.checkpoint.vocabulary import Vocabulary
from convert.checkpoint.vocabulary.special import SpecialTokens
from convert.errors import AdapterError
from convert.to_gguf.adapter import convert_adapter
from convert.to_gguf.convert import convert
from modelfiles.progress import Unseen
from tests.adapter_cases import SCALE_CASES, write_case, write_scale_case
from tests.recording_progress import RecordingProgress
from tests.tiny_adapter import TinyAdapter, write_adapter, write_config
from tests.tiny_checkpoint import CASES as CHECKPOINTS
from tests.tiny_checkpoint import TinyCheckpoint, write_tiny_checkpoint
from tests.tiny_tokenizer import write_tokenizer

NO_TOKENIZER = Tokenizer(Vocabulary("gpt2", "default", [], []), SpecialTokens({}, {}), None)
Matrix = NDArray[np.float32]
SCALES = json.loads((Path(__file__).parents[1] / "data" / "peft_scales.json").read_bytes())


@dataclass(frozen=True)
class Held:
    """A tensor in memory."""

    numbers: Matrix
    stored_as: StoredType = "F32"

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""
        return self.numbers.shape

    def rows(self, start: int, stop: int) -> Matrix:
        """The same numbers, no copy of them."""
        return self.numbers[start:stop]


def matrix(draw: st.DrawFn, rows: int, columns: int) -> Matrix:
    seed = draw(st.integers(0, 2**32 - 1))
    size = draw(st.sampled_from([1e-3, 1.0, 1e3]))
    return np.random.default_rng(seed).normal(scale=size, size=(rows, columns)).astype(np.float32)


@st.composite
def updates(draw: st.DrawFn) -> tuple[Matrix, Matrix, Matrix, float]:
    rows, columns, rank = (draw(st.integers(1, most)) for most in (40, 40, 9))
    alpha = draw(st.floats(0.125, 256))
    return matrix(draw, rows, columns), matrix(draw, rank, columns), matrix(draw, rows, rank), alpha


@given(updates(), st.data())
def test_the_sum(update: tuple[Matrix, Matrix, Matrix, float], data: st.DataObject) -> None:
    """Any rows of the merged weight are those of base + alpha/rank·B·A, to float32's rounding."""
    base, a, b, alpha = update
    stop = data.draw(st.integers(0, len(base)))
    start = data.draw(st.integers(0, stop))
    scale = alpha / len(a)
    exact = base.astype(np.float64) + scale * b.astype(np.float64) @ a.astype(np.float64)
    magnitudes = np.abs(base) + scale * np.abs(b).astype(np.float64) @ np.abs(a).astype(np.float64)
    found = weight(base, a, b, alpha).rows(start, stop)
    assert found.dtype == np.float32
    assert found.shape == (stop - start, base.shape[1])
    # One rounding for each product and each sum, of at most half a unit in the last place.
    error = np.abs(found - exact[start:stop])
    assert (error <= (len(a) + 3) * 2.0**-24 * magnitudes[start:stop] + 1e-40).all()


def weight(base: Matrix, a: Matrix, b: Matrix, alpha: float) -> Tensor:
    """One weight of a merged checkpoint."""
    update = LowRank(Held(a), Held(b), alpha)
    whole = Checkpoint(Path("base"), "LlamaForCausalLM", {}, {"w": Held(base, "BF16")}, NO_TOKENIZER)
    tensor = merged(whole, Adapter(Path("lora"), alpha, {"w": update}, None, None)).tensors["w"]
    assert (tensor.shape, tensor.stored_as) == (base.shape, "BF16")
    return tensor


@pytest.mark.parametrize("name", SCALE_CASES)
def test_scales_are_those_of_peft(name: str, tmp_path: Path) -> None:
    """Each module's update has the scale that peft itself gives it."""
    _, folder = write_scale_case(name, tmp_path)
    updates = open_adapter(folder).updates
    ours = {weight.removesuffix(".weight"): each.alpha / each.rank for weight, each in updates.items()}
    assert ours == SCALES[name]


def test_only_targets_change(tmp_path: Path) -> None:
    """What the adapter doesn't update is the base's very tensor, and so is all else of the checkpoint."""
    folder, adapter_folder = write_case("ranks-by-layer", tmp_path)
    base, adapter = open_checkpoint(folder), open_adapter(adapter_folder)
    whole = merged(base, adapter)
    assert (whole.folder, whole.architecture, whole.config) == (base.folder, base.architecture, base.config)
    assert list(whole.tensors) == list(base.tensors)
    changed = {name for name, tensor in whole.tensors.items() if tensor is not base.tensors[name]}
    assert changed == set(adapter.updates)
    assert len(changed) == 4


def test_another_base(tmp_path: Path) -> None:
    """Weights that the base doesn't have, or has in another shape, are all named, and the base to take."""
    base = open_checkpoint(write_tiny_checkpoint(tmp_path / "base", CHECKPOINTS["zephyr-bf16"]))
    modules = {
        "model.layers.0.self_attn.q_proj": (64, 64),
        "model.layers.0.self_attn.k_proj": (64, 64),
        "model.layers.1.self_attn.k_proj": (64, 64),
        "model.layers.1.mlp.fc1": (96, 64),
        "model.layers.9.self_attn.q_proj": (64, 64),
    }
    config = {"base_model_name_or_path": "HuggingFaceH4/zephyr-7b-beta"}
    adapter = open_adapter(write_adapter(tmp_path / "lora", TinyAdapter(modules, config=config)))
    with pytest.raises(AdapterError) as caught:
        merged(base, adapter)
    assert caught.value.problems == (
        "the base has no model.layers.{1}.mlp.fc1.weight, model.layers.{9}.self_attn.q_proj.weight",
        "model.layers.{0-1}.self_attn.k_proj.weight is [32, 64] in the base, but [64, 64] here",
        f"use the base that it was trained on (HuggingFaceH4/zephyr-7b-beta), not {base.folder}",
    )


def test_output_of_tied_embeddings(tmp_path: Path) -> None:
    """Where the embeddings serve as output, adapting the output alone is refused for that reason."""
    base = open_checkpoint(write_tiny_checkpoint(tmp_path / "base", CHECKPOINTS["qwen2-tied"]))
    modules = {"lm_head": (base.config["vocab_size"], 64)}
    adapter = open_adapter(write_adapter(tmp_path / "lora", TinyAdapter(modules)))
    with pytest.raises(AdapterError, match="its embeddings serve as output"):
        merged(base, adapter)


def bare_adapter(tmp_path: Path) -> tuple[Path, Path]:
    """A tiny checkpoint and an adapter of it with weights and config alone."""
    return write_case("llama3-lora", tmp_path)


def test_no_tokenizer_of_its_own(tmp_path: Path) -> None:
    """Without tokenizer files beside it, an adapter is merged into a model that speaks as its base."""
    folder, adapter = bare_adapter(tmp_path)
    base = open_checkpoint(folder)
    assert merged(base, open_adapter(adapter)).tokenizer == base.tokenizer


def test_a_tokenizer_of_its_own(tmp_path: Path) -> None:
    """Tokens, ends and the chat template are those that the adapter was trained with."""
    folder, adapter = bare_adapter(tmp_path)
    settings = {"chat_template": "trained with this", "eos_token": "<|end_of_text|>"}
    write_tokenizer(adapter, "llama3", settings)
    edit_tokenizer(adapter, {"id": 526, "content": "<|turn|>", "special": True})
    base = open_checkpoint(folder)
    own = merged(base, open_adapter(adapter)).tokenizer
    assert own.chat_template == "trained with this"
    assert own.vocabulary.tokens[526] == "<|turn|>"
    assert base.tokenizer.vocabulary.tokens[526] != "<|turn|>"
    assert own.special.ids["eos"] == own.vocabulary.tokens.index("<|end_of_text|>")
    assert str(adapter) in own.notes[0]
    progress = RecordingProgress()
    convert(merged(base, open_adapter(adapter)), tmp_path / "out.gguf", progress=progress)
    assert own.notes[0] in progress.lines
    keys = GGUFReader(tmp_path / "out.gguf").fields
    assert keys["tokenizer.chat_template"].contents() == "trained with this"
    assert keys["tokenizer.ggml.tokens"].contents()[526] == "<|turn|>"


def test_a_tokenizer_without_a_template(tmp_path: Path) -> None:
    """A tokenizer that was saved without a chat template doesn't take the base's away."""
    folder, adapter = bare_adapter(tmp_path)
    write_tokenizer(adapter, "llama3", {"chat_template": None})
    base = open_checkpoint(folder)
    assert merged(base, open_adapter(adapter)).tokenizer.chat_template == base.tokenizer.chat_template


@pytest.mark.parametrize("file", ["tokenizer_config.json", "chat_template.jinja"])
def test_a_template_alone(file: str, tmp_path: Path) -> None:
    """A chat template beside the adapter counts without a tokenizer, too."""
    folder, adapter = bare_adapter(tmp_path)
    text = "alone" if file.endswith("jinja") else json.dumps({"chat_template": "alone"})
    (adapter / file).write_text(text)
    base = open_checkpoint(folder)
    own = merged(base, open_adapter(adapter)).tokenizer
    assert own.chat_template == "alone"
    assert own.notes == (f"The chat template is that of {adapter}.",)
    assert own.vocabulary == base.tokenizer.vocabulary


def test_a_tokenizer_that_doesnt_fit(tmp_path: Path) -> None:
    """Tokens that the base has no embedding for, and that a conversation needs, are refused."""
    folder, adapter = bare_adapter(tmp_path)
    write_tokenizer(adapter, "llama3", {"eos_token": "<|turn|>"})
    edit_tokenizer(adapter, {"id": 9000, "content": "<|turn|>", "special": True})
    with pytest.raises(AdapterError, match="the tokenizer beside it can't be used with") as caught:
        merged(open_checkpoint(folder), open_adapter(adapter))
    assert "<|turn|> (9000)" in str(caught.value)


def edit_tokenizer(folder: Path, token: dict[str, object]) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_bytes())
    content["added_tokens"].append(token)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"])
def test_digest_sees_the_tokenizer(file: str, tmp_path: Path) -> None:
    """Another tokenizer or chat template beside an adapter gives another digest."""
    _, adapter = bare_adapter(tmp_path)
    before = input_digest(adapter, Unseen())
    (adapter / file).write_text("{}")
    assert input_digest(adapter, Unseen()) != before


@pytest.mark.parametrize(("target", "taken"), [("query_key_value", True), ("down_proj", False)])
def test_targets_without_weights(target: str, taken: bool, tmp_path: Path) -> None:
    """A layer that the config lists is missed only if the base has it: lists are copied between models."""
    folder = write_tiny_checkpoint(tmp_path / "base", CHECKPOINTS["zephyr-bf16"])
    spec = TinyAdapter({"model.layers.0.self_attn.q_proj": (64, 64)})
    adapter = write_adapter(tmp_path / "lora", spec)
    write_config(adapter, target_modules=["q_proj", target])
    base, opened = open_checkpoint(folder), open_adapter(adapter)
    if taken:
        assert merged(base, opened).tensors.keys() == base.tensors.keys()
    else:
        with pytest.raises(AdapterError, match="its config adapts down_proj, but no weights are there"):
            merged(base, opened)


def test_an_adapted_output_of_tied_embeddings(tmp_path: Path) -> None:
    """Where an output that repeats the embeddings was saved, an adapted one no longer repeats them."""
    spec = TinyCheckpoint(config={"tie_word_embeddings": True})
    folder = write_tiny_checkpoint(tmp_path / "base", spec)
    base = open_checkpoint(folder)
    same = {**base.tensors, "lm_head.weight": base.tensors["model.embed_tokens.weight"]}
    base = msgspec.structs.replace(base, tensors=same)
    assert planned_tensors(base)[-1].name == "model.norm.weight"
    modules = {"lm_head": (base.config["vocab_size"], 64)}
    adapter = open_adapter(write_adapter(tmp_path / "lora", TinyAdapter(modules)))
    assert planned_tensors(merged(base, adapter))[-1].name == "lm_head.weight"
    with pytest.raises(AdapterError, match="its embeddings serve as output"):
        convert_adapter(adapter, base, tmp_path / "adapter.gguf", progress=Unseen())
