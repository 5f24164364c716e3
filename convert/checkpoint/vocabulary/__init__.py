"""A checkpoint's vocabulary, in the words of GGUF."""

from convert.checkpoint.vocabulary.byte_level import from_tokenizer
from convert.checkpoint.vocabulary.files import MODEL, TOKENIZER, TokenizerFiles, is_tiktoken
from convert.checkpoint.vocabulary.sentencepiece import from_merges, from_model
from convert.checkpoint.vocabulary.tokens import Vocabulary


def read_vocabulary(files: TokenizerFiles, size: int) -> Vocabulary:
    """The vocabulary of a model with `size` ids, whichever kind it is of.

    Raises:
        ValueError: it can't be carried over; says what to do.
    """
    if files.model is not None:
        if not is_tiktoken(files.model):
            return from_model(files, size)
        if not files.tokenizer:
            raise ValueError(
                f"its {MODEL} is tiktoken's, which isn't read. Put the {TOKENIZER} that transformers has for "
                f"the same model beside it."
            )
    model = files.tokenizer.get("model", {})
    if model.get("type") != "BPE":
        raise ValueError(
            f"its tokenizer.json is of the kind {model.get('type')}, and only BPE is carried over. Put the "
            f"tokenizer.model that it was trained with beside it, if there is one."
        )
    return from_merges(files, size) if model.get("byte_fallback") else from_tokenizer(files, size)


__all__ = ["Vocabulary", "read_vocabulary"]
