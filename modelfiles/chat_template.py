"""A checkpoint's own chat template: how the model was trained to read a conversation.

Rendered as Hugging Face's transformers does (`utils/chat_template_utils.py`): Jinja in a sandbox, with blocks
trimmed, loop controls, and the two functions that templates count on.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import msgspec
from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelfiles.errors import ChatTemplateError
from modelfiles.gguf_header import read_header

_TEMPLATE = "tokenizer.chat_template"
_TOKENS = "tokenizer.ggml.tokens"


class ChatTemplate(msgspec.Struct, frozen=True):
    """A Jinja template, and the texts of the tokens that it may begin and end sequences with."""

    text: str
    bos: str
    eos: str

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The prompt of a conversation, up to where the model's answer starts.

        Args:
            messages: each with `role` and `content`.

        Raises:
            ChatTemplateError: the template is broken, or refuses the conversation.
        """
        try:
            return (
                _environment()
                .from_string(self.text)
                .render(
                    messages=messages,
                    tools=None,
                    documents=None,
                    add_generation_prompt=True,
                    bos_token=self.bos,
                    eos_token=self.eos,
                )
            )
        # Templates run anything from attribute access to arithmetic on what isn't there.
        except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
            raise ChatTemplateError(f"the chat template can't render the conversation: {error}") from error

    def without_bos(self, prompt: str) -> str:
        """A prompt without the token that every sequence begins with: the tokenizer adds that itself."""
        return prompt.removeprefix(self.bos) if self.bos else prompt


def read_chat_template(model: Path) -> ChatTemplate | None:
    """The chat template that a GGUF file carries; None if it carries none.

    Raises:
        ModelFileError: it is no GGUF file that can be read.
        OSError: it can't be opened.
    """
    header = read_header(model, lists={_TOKENS})
    text, tokens = header.get(_TEMPLATE), header.get(_TOKENS, [])
    if not isinstance(text, str) or not text:
        return None

    def token(key: str) -> str:
        position = header.get(key)
        if isinstance(tokens, list) and isinstance(position, int) and position < len(tokens):
            return tokens[position]
        return ""

    return ChatTemplate(text, token("tokenizer.ggml.bos_token_id"), token("tokenizer.ggml.eos_token_id"))


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols"],
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _to_json(value: object, indent: int | None = None) -> str:
    # Jinja's own filter would escape < and > for HTML.
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
