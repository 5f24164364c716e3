"""A tokenizer's files as Hugging Face's libraries save them, read but not yet made sense of."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

MODEL = "tokenizer.model"
TOKENIZER = "tokenizer.json"
CONFIG = "tokenizer_config.json"
ADDED = "added_tokens.json"

# A token in base64 and its rank, a line each (https://github.com/openai/tiktoken, `load_tiktoken_bpe`).
_TIKTOKEN = re.compile(rb"[A-Za-z0-9+/]+=* \d+\r?\n")

ChatTemplate = str | list[dict[str, str]]


class AddedToken(msgspec.Struct, frozen=True):
    """A token that was added to a trained vocabulary. `special` ones stand for no text."""

    content: str
    special: bool = False

    @property
    def is_control(self) -> bool:
        """Whether it is markup, by its own word or by its looks: some models don't mark theirs."""
        text = self.content
        return (
            self.special
            or text in {"<pad>", "<mask>", "<2mass>", "[@BOS@]"}
            or (text.startswith("<|") and text.endswith("|>"))
            or (text.startswith("<｜") and text.endswith("｜>"))
            or (text.startswith("<unused") and text.endswith(">"))
        )


class TokenizerFiles(msgspec.Struct, frozen=True):
    """What is in a folder. `model` is the SentencePiece model's path, None if there is none.

    `tokenizer` is tokenizer.json, empty if there is none; `added` is added_tokens.json, ids by token;
    `chat_template` is one template, or several by name.
    """

    folder: Path
    model: Path | None
    tokenizer: Mapping[str, Any]
    config: Mapping[str, Any]
    added: Mapping[str, int]
    chat_template: ChatTemplate | None

    def added_in_json(self) -> dict[int, AddedToken]:
        """The added tokens of tokenizer.json, by id."""
        return {
            token["id"]: msgspec.convert(token, AddedToken)
            for token in self.tokenizer.get("added_tokens", ())
        }

    def added_in_config(self) -> dict[int, AddedToken]:
        """The added tokens of tokenizer_config.json, by id."""
        found = self.config.get("added_tokens_decoder", {})
        return {int(number): msgspec.convert(token, AddedToken) for number, token in found.items()}


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a whole vocabulary, and not only settings of one."""
    return any((folder / name).is_file() for name in (MODEL, TOKENIZER))


def is_tiktoken(model: Path) -> bool:
    """Whether a tokenizer.model is tiktoken's, as Meta's own files of Llama 3 are, and not SentencePiece's.

    Raises:
        OSError: it can't be read.
    """
    with model.open("rb") as file:
        return _TIKTOKEN.match(file.read(1000)) is not None


def read_tokenizer_files(folder: Path) -> TokenizerFiles:
    """Read a folder's tokenizer files, those that are there.

    Raises:
        ValueError: one isn't what its name says.
        OSError: one can't be read.
    """
    config = _object(folder / CONFIG)
    model = folder / MODEL
    return TokenizerFiles(
        folder=folder,
        model=model if model.is_file() else None,
        tokenizer=_object(folder / TOKENIZER),
        config=config,
        added=_object(folder / ADDED),
        chat_template=read_chat_template(folder),
    )


def read_chat_template(folder: Path) -> ChatTemplate | None:
    """The template in tokenizer_config.json or in a file of its own, and those beside it for other ends.

    Raises:
        ValueError: it isn't what it should be.
        OSError: a file can't be read.
    """
    found = _object(folder / CONFIG).get("chat_template") or _chat_template_file(folder)
    try:
        template: ChatTemplate | None = msgspec.convert(found, ChatTemplate | None)
    except msgspec.ValidationError as error:
        raise ValueError(f"its chat template can't be read: {error}. Mend or remove it.") from error
    return template


def _chat_template_file(folder: Path) -> Any:  # noqa: ANN401  whatever JSON holds
    if (path := folder / "chat_template.jinja").is_file():
        template = path.read_text(encoding="utf-8")
        if further := sorted((folder / "additional_chat_templates").glob("*.jinja")):
            named = {"default": template, **{file.stem: file.read_text(encoding="utf-8") for file in further}}
            return [{"name": name, "template": text} for name, text in named.items()]
        return template
    return _object(folder / "chat_template.json").get("chat_template")


def _object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path.name} can't be read: {error}. Fetch it again.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no object. Fetch it again.")  # noqa: TRY004  content, not a type
    return found
