"""A vocabulary without its model: exact token counts for a model that runs in another process."""

import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
from llama_cpp import llama_cpp as native

from server.generate.native_log import reported_errors

# The kinds of the keys that llama.cpp reads (GGUF's own list: docs/gguf.md, "Tokenizer"); JSON lost them.
_ARRAYS = {
    "tokenizer.ggml.tokens": gguf.GGUFValueType.STRING,
    "tokenizer.ggml.merges": gguf.GGUFValueType.STRING,
    "tokenizer.ggml.scores": gguf.GGUFValueType.FLOAT32,
    "tokenizer.ggml.token_type": gguf.GGUFValueType.INT32,
    "tokenizer.ggml.precompiled_charsmap": gguf.GGUFValueType.UINT8,
}
_MARKUP = (  # what llama.cpp looks for in a text before it tokenizes the rest
    native.LLAMA_TOKEN_ATTR_CONTROL | native.LLAMA_TOKEN_ATTR_USER_DEFINED | native.LLAMA_TOKEN_ATTR_UNKNOWN
)
_ARCHITECTURE = "general.architecture"


def write_vocabulary(metadata: Mapping[str, Any], path: Path) -> None:
    """Write the tokenizer of a model as a GGUF file without tensors, in one step: whole or not at all.

    Args:
        metadata: the model's GGUF keys and values, as Ollama's `/api/show` gives them with `verbose`.
        path: the file; its folder is created.

    Raises:
        ValueError: the metadata has no tokenizer.
    """
    if not metadata.get("tokenizer.ggml.tokens") or _ARCHITECTURE not in metadata:
        raise ValueError("it carries no tokenizer (tokenizer.ggml.tokens)")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        writer = gguf.GGUFWriter(unfinished, metadata[_ARCHITECTURE])
        for key, value in metadata.items():
            if key in _ARRAYS and value:
                numbers = float if _ARRAYS[key] is gguf.GGUFValueType.FLOAT32 else int
                items = value if _ARRAYS[key] is gguf.GGUFValueType.STRING else list(map(numbers, value))
                writer.add_key_value(key, items, gguf.GGUFValueType.ARRAY, _ARRAYS[key])
            elif key.startswith("tokenizer.") and isinstance(value, bool):
                writer.add_bool(key, value)
            elif key.startswith("tokenizer.") and isinstance(value, str):
                writer.add_string(key, value)
            elif key.startswith("tokenizer.") and isinstance(value, int):
                writer.add_uint32(key, value)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        unfinished.replace(path)


class Vocabulary:
    """Counts tokens as llama.cpp's server does: the text of a special token is that token, wherever it is.

    For any thread. It is freed with the last reference to it.
    """

    def __init__(self, path: Path) -> None:
        """Load a GGUF file's tokenizer; its tensors, if it has any, are left alone.

        Raises:
            ValueError: llama.cpp refuses the file; the message gives its reason.
        """
        parameters = native.llama_model_default_params()
        parameters.vocab_only = True
        with reported_errors() as reasons:
            native.llama_backend_init()
            model = native.llama_model_load_from_file(str(path).encode(), parameters)
        if not model:
            raise ValueError("; ".join(reasons) or f"llama.cpp can't read {path}")
        weakref.finalize(self, native.llama_model_free, model)
        self._vocabulary = native.llama_model_get_vocab(model)
        self.adds_bos: bool = native.llama_vocab_get_add_bos(self._vocabulary)
        self.bos = self._text(native.llama_vocab_bos(self._vocabulary))
        self.eos = self._text(native.llama_vocab_eos(self._vocabulary))

    def count(self, prompt: str) -> int:
        """How many tokens a rendered prompt takes, with those that the tokenizer itself puts around it."""
        if self.adds_bos and self.bos:
            prompt = prompt.removeprefix(self.bos)
        return len(self.tokens(prompt, add_special=True))

    def tokens(self, text: str, *, add_special: bool = False) -> list[int]:
        """The ids of a text's tokens; `add_special` puts BOS and EOS around it as the tokenizer says."""
        data = text.encode()
        room = 3 * len(data) + 8  # SentencePiece turns a space into a character of three bytes
        buffer = (native.llama_token * room)()
        size = native.llama_tokenize(self._vocabulary, data, len(data), buffer, room, add_special, True)
        return list(buffer[:size])

    def markup(self) -> frozenset[str]:
        """The texts of all special tokens: control, user-defined, unknown."""
        every = range(native.llama_vocab_n_tokens(self._vocabulary))
        attributes = native.llama_vocab_get_attr
        return frozenset(self._text(at) for at in every if attributes(self._vocabulary, at) & _MARKUP)

    def _text(self, token: int) -> str:
        text: bytes = b"" if token < 0 else native.llama_vocab_get_text(self._vocabulary, token)
        return text.decode(errors="replace")
