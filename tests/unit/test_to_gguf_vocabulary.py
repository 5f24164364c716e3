"""Tokenizers that can't be told in GGUF's words are refused, with what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gguf import TokenType
from sentencepiece import SentencePieceTrainer

from convert.checkpoint.open import open_checkpoint
from convert.checkpoint.vocabulary import read_vocabulary
from convert.checkpoint.vocabulary.files import read_tokenizer_files
from convert.checkpoint.vocabulary.special import special_tokens
from convert.errors import CheckpointError
from convert.to_gguf.convert import convert
from tests.recording_progress import RecordingProgress
from tests.tiny_checkpoint import TinyCheckpoint, write_tiny_checkpoint
from tests.tiny_tokenizer import CHATML, TokenizerKind

Edit = Callable[[dict[str, Any]], object]


def written(folder: Path, kind: TokenizerKind, edit: Edit, file: str = "tokenizer.json") -> Path:
    """A checkpoint with one of its tokenizer's files edited."""
    write_tiny_checkpoint(folder, TinyCheckpoint(tokenizer=kind))
    path = folder / file
    content = json.loads(path.read_bytes())
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def change_config(folder: Path, edit: Edit) -> None:
    """Edit a checkpoint's tokenizer_config.json in place."""
    path = folder / "tokenizer_config.json"
    content = json.loads(path.read_bytes())
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def refusal(folder: Path) -> str:
    """The message with which a checkpoint is refused, before it is converted."""
    with pytest.raises(CheckpointError) as refused:
        open_checkpoint(folder)
    return str(refused.value)


OTHER_WORDS = {"type": "Split", "pattern": {"Regex": r"\w+"}, "behavior": "Isolated", "invert": False}


@pytest.mark.parametrize(
    ("kind", "edit", "said"),
    [
        ("llama3", lambda it: it["pre_tokenizer"]["pretokenizers"].__setitem__(0, OTHER_WORDS), r"\\w+"),
        ("llama3", lambda it: it.update(pre_tokenizer=None), "no regular expression"),
        ("llama3", lambda it: it.update(normalizer={"type": "Lowercase"}), "Lowercase"),
        ("qwen2", lambda it: it["model"].update(ignore_merges=True), "qwen2"),
        ("qwen2", lambda it: it["model"].update(end_of_word_suffix="</w>"), "end_of_word_suffix"),
        ("qwen2", lambda it: it["model"].update(type="Unigram"), "Unigram"),
        ("qwen2", lambda it: it["model"]["vocab"].update({"far": 9999}), "vocab_size"),
        (
            "sentencepiece-json",
            lambda it: it["model"]["merges"].append(it["model"]["merges"][0]),
            "tokenizer.model",
        ),
    ],
)
def test_refused(kind: TokenizerKind, edit: Edit, said: str, tmp_path: Path) -> None:
    """What llama.cpp would cut otherwise, or has no embedding, is refused by its name."""
    assert said in refusal(written(tmp_path / "model", kind, edit))


def test_broken_files(tmp_path: Path) -> None:
    """Files that can't be read are named: the tokenizer's, the model card, the sampling."""
    folder = write_tiny_checkpoint(tmp_path / "model", TinyCheckpoint(tokenizer="sentencepiece"))
    for name, content in {
        "tokenizer.model": "no model",
        "tokenizer_config.json": "{",
        "README.md": "---\nlicense: [\n---\n",
        "generation_config.json": "{",
    }.items():
        before = (folder / name).read_bytes() if (folder / name).exists() else None
        (folder / name).write_text(content)
        assert name in refusal(folder)
        if before is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(before)


def test_unigram(tmp_path: Path) -> None:
    """A SentencePiece model whose scores are probabilities is refused: llama.cpp would join by them."""
    folder = write_tiny_checkpoint(tmp_path / "model", TinyCheckpoint(tokenizer="sentencepiece"))
    SentencePieceTrainer.train(
        sentence_iterator=iter(["가나다라 마바사 가나", "나다 가나다 라마바", "바사 가나 다라"]),
        model_prefix=str(folder / "tokenizer"),
        model_type="unigram",
        vocab_size=16,
        minloglevel=2,
    )
    assert "unigram" in refusal(folder)


def test_types(tmp_path: Path) -> None:
    """Markup is control, by its word or its looks; other added tokens are the user's; the rest is unused."""
    folder = write_tiny_checkpoint(tmp_path / "model", TinyCheckpoint(tokenizer="llama3"))
    vocabulary = read_vocabulary(read_tokenizer_files(folder), 530)
    kinds = dict(zip(vocabulary.tokens, vocabulary.types, strict=True))
    assert kinds["<|eot_id|>"] == kinds["<|sign_off|>"] == TokenType.CONTROL
    assert kinds["풋풋이"] == TokenType.USER_DEFINED
    assert kinds["Ġfutsal"] == TokenType.NORMAL
    assert kinds["[PAD529]"] == TokenType.UNUSED


@pytest.mark.parametrize(
    ("single", "config", "expected"),
    [
        (["<s>", "A"], {}, {"bos": True}),
        (["<s>", "A", "</s>"], {}, {"bos": True, "eos": True}),
        (["A", "</s>"], {}, {"eos": True}),
        (["A"], {}, {}),
        (["<unk>", "A"], {}, {"bos": False}),
        (["A"], {"add_bos_token": True}, {"bos": True}),
        (["<s>", "A"], {"add_bos_token": False}, {"bos": True}),
    ],
)
def test_around_a_text(
    single: list[str], config: dict[str, bool], expected: dict[str, bool], tmp_path: Path
) -> None:
    """What tokenizer.json puts around a text is told; settings count where it says nothing."""
    parts = [{"Sequence": {"id": "A"}} if part == "A" else {"SpecialToken": {"id": part}} for part in single]
    step = {"type": "TemplateProcessing", "single": parts, "pair": [], "special_tokens": {}}
    folder = written(tmp_path / "model", "sentencepiece-json", lambda it: it.update(post_processor=step))
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps({"bos_token": "<s>", "eos_token": {"content": "</s>"}, **config}))
    assert special_tokens(read_tokenizer_files(folder), {}, 1000).added == expected


def test_prefix_space(tmp_path: Path) -> None:
    """A tokenizer.json without a step that puts a space in front says so, and llama.cpp puts none."""
    folder = written(
        tmp_path / "model",
        "sentencepiece-json",
        lambda it: it.update(normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
    )
    assert read_vocabulary(read_tokenizer_files(folder), 1005).space_prefix is False


def test_several_chat_templates(tmp_path: Path) -> None:
    """Templates in files of their own are all carried over, by name."""
    folder = written(
        tmp_path / "model", "llama3", lambda it: it.pop("chat_template"), file="tokenizer_config.json"
    )
    (folder / "chat_template.jinja").write_text(CHATML)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tools.jinja").write_text("tools")
    assert read_tokenizer_files(folder).chat_template == [
        {"name": "default", "template": CHATML},
        {"name": "tools", "template": "tools"},
    ]


TIKTOKEN = "IQ== 0\nIg== 1\nIw== 2\n"


def test_tiktoken_beside_a_tokenizer_json(tmp_path: Path) -> None:
    """Meta's own tokenizer.model, which is no SentencePiece model, is passed over for tokenizer.json."""
    folder = write_tiny_checkpoint(tmp_path / "model")
    before = open_checkpoint(folder).tokenizer
    (folder / "tokenizer.model").write_text(TIKTOKEN)
    assert open_checkpoint(folder).tokenizer == before


def test_tiktoken_alone(tmp_path: Path) -> None:
    """Alone it is refused, and nobody is sent to fetch it again."""
    folder = write_tiny_checkpoint(tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_text(TIKTOKEN)
    message = refusal(folder)
    assert "tiktoken's" in message
    assert "Fetch it again" not in message


def test_tokens_of_tokenizer_json_alone(tmp_path: Path) -> None:
    """A token that only tokenizer.json has goes where tokenizer.model has none, and nowhere else."""
    folder = written(
        tmp_path / "model",
        "sentencepiece",
        lambda it: it["added_tokens"].extend(
            [
                {"id": 1002, "content": "<|im_start|>", "special": True},
                {"id": 1003, "content": "풋살이", "special": False},
                {"id": 5, "content": "<|taken|>", "special": True},
            ]
        ),
    )
    vocabulary = open_checkpoint(folder).tokenizer.vocabulary
    assert vocabulary.tokens[1002:1004] == ["<|im_start|>", "풋살이"]
    assert vocabulary.types[1002:1004] == [TokenType.CONTROL, TokenType.USER_DEFINED]
    assert "<|taken|>" not in vocabulary.tokens


FAR = {"id": 9000, "content": "[PAD]", "special": True}


@pytest.mark.parametrize("kind", ["llama3", "sentencepiece", "sentencepiece-json"])
def test_padding_without_an_embedding(kind: TokenizerKind, tmp_path: Path) -> None:
    """A token for padding that the embeddings were never resized for is left out, and that is said."""
    folder = written(tmp_path / "model", kind, lambda it: it["added_tokens"].append(FAR))
    change_config(folder, lambda it: it.update({"pad_token": "[PAD]"}))
    progress = RecordingProgress()
    convert(open_checkpoint(folder), tmp_path / "out.gguf", progress=progress)
    (line,) = progress.lines
    assert "[PAD] (9000)" in line


@pytest.mark.parametrize(
    "settings",
    [
        {"eos_token": "[PAD]"},
        {"chat_template": "{{ '[PAD]' }}"},
        {"chat_template": [{"name": "default", "template": "{{ '[PAD]' }}"}]},
        {"pad_token": {"content": "[PAD]"}, "chat_template": "{{ pad_token }}"},
    ],
)
def test_a_needed_token_without_an_embedding(settings: dict[str, Any], tmp_path: Path) -> None:
    """One that ends an answer, or that the chat template writes, can't be left out."""
    folder = written(tmp_path / "model", "llama3", lambda it: it["added_tokens"].append(FAR))
    change_config(folder, lambda it: it.update(settings))
    message = refusal(folder)
    assert "[PAD] (9000)" in message
    assert "resize_token_embeddings" in message
