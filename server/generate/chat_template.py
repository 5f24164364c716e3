"""Messages to tokens, by the chat template that the model's file carries."""

import re
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from llama_cpp import Llama
from llama_cpp import llama_cpp as native
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from server.domain import Message
from server.errors import GenerationError

_SLOT = re.compile("\ue000(\\d+)\ue001")


class ChatTemplate:
    """Renders a conversation as the model was trained to read it: by the Jinja `tokenizer.chat_template`.

    What people and documents write can't act as markup: the template is rendered around slots, and only its
    own text is read for special tokens. `<|im_end|>` inside a message is so many ordinary characters.
    """

    def __init__(self, llama: Llama) -> None:
        """Read the template from the model's metadata.

        Raises:
            ValueError: the file carries none.
        """
        template = llama.metadata.get("tokenizer.chat_template")
        if not template:
            raise ValueError("the file carries no chat template (tokenizer.chat_template)")
        vocabulary = native.llama_model_get_vocab(llama.model)
        self._llama = llama
        self._bos = llama.token_bos() if native.llama_vocab_get_add_bos(vocabulary) else None
        self._format = Jinja2ChatFormatter(
            template=template,
            bos_token=_text_of(vocabulary, llama.token_bos()),
            eos_token=_text_of(vocabulary, llama.token_eos()),
        )
        self._line_end = llama.tokenize(b"\n", add_bos=False)

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """The token ids that the model is given, up to where its answer starts.

        Raises:
            GenerationError: the template refuses the messages, such as two turns of the same role.
        """
        slots: list[Any] = [
            {"role": message.role, "content": f"\ue000{position}\ue001"}
            for position, message in enumerate(messages)
        ]
        try:
            rendered = self._format(messages=slots).prompt
        except (TemplateError, ValueError) as error:
            raise GenerationError(f"the model's chat template refuses the conversation ({error})") from error
        tokens: list[int] = []
        for position, part in enumerate(_SLOT.split(rendered)):
            if position % 2:
                tokens += self._plain(messages[int(part)].content)
            elif part:
                tokens += self._llama.tokenize(part.encode(), add_bos=False, special=True)
        if self._bos is not None and tokens[:1] != [self._bos]:
            tokens.insert(0, self._bos)
        return tokens

    def _plain(self, text: str) -> list[int]:
        """Tokens of text that holds no markup, as they are after a line end, where templates put a message.

        On its own, a SentencePiece model would read it with a space in front.
        """
        tokens = self._llama.tokenize(b"\n" + text.strip().encode(), add_bos=False, special=False)
        return tokens[len(self._line_end) :]


def _text_of(vocabulary: native.llama_vocab_p, token: int) -> str:
    if token < 0:
        return ""
    text: bytes = native.llama_vocab_get_text(vocabulary, token)
    return text.decode()
