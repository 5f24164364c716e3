"""Byte-level BPE vocabularies (GPT-2's kind), and which of llama.cpp's ways to find words is theirs."""

from collections.abc import Mapping
from typing import Any

import msgspec
from gguf import TokenType

from convert.checkpoint.vocabulary.files import TokenizerFiles
from convert.checkpoint.vocabulary.tokens import Slots, Vocabulary


class WordFinder(msgspec.Struct, frozen=True):
    """One of the ways in which llama.cpp cuts a text into words, which merges never join.

    `whole_words` says that a word which is a token is taken whole, whatever the merges say: `ignore_merges`.
    """

    pre: str
    regex: str
    whole_words: bool


_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
WORD_FINDERS = (
    WordFinder("llama-bpe", _LLAMA3, whole_words=True),
    WordFinder("qwen2", _QWEN2, whole_words=False),
)
# Settings of BPE that llama.cpp doesn't have.
_WITHOUT = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")


def from_tokenizer(files: TokenizerFiles, size: int) -> Vocabulary:
    """The vocabulary of a byte-level tokenizer.json, for a model of `size` ids.

    Raises:
        ValueError: llama.cpp would cut texts otherwise than it does, or it doesn't fit the model.
    """
    model = files.tokenizer["model"]
    if used := [name for name in _WITHOUT if model.get(name)]:
        raise ValueError(f"its tokenizer.json uses {', '.join(used)}, which llama.cpp doesn't know.")
    slots = Slots(size)
    for token, number in model["vocab"].items():
        slots.put(number, token, TokenType.NORMAL)
    slots.put_added({**files.added_in_config(), **files.added_in_json()})
    return Vocabulary(
        model="gpt2",
        pre=word_finder(files.tokenizer).pre,
        tokens=slots.tokens,
        types=slots.types,
        merges=[_merge(merge) for merge in model["merges"]],
        space_prefix=files.config.get("add_prefix_space"),
        left_out=slots.left_out,
    )


def word_finder(tokenizer: Mapping[str, Any]) -> WordFinder:
    """Which of llama.cpp's ways to find words a tokenizer.json uses.

    Raises:
        ValueError: none of those that are known here.
    """
    steps = tokenizer.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    regexes = [step.get("pattern", {}).get("Regex") for step in steps if step.get("type") == "Split"]
    # NFC leaves Korean as people type it alone; llama.cpp has no step for it.
    normalizer = (tokenizer.get("normalizer") or {}).get("type")
    whole_words = bool(tokenizer["model"].get("ignore_merges"))
    for finder in WORD_FINDERS:
        # Llama 3's first tokenizer.json left the flag out: llama.cpp takes all of that kind for whole words.
        fits = finder.whole_words or not whole_words
        if regexes == [finder.regex] and normalizer in {None, "NFC"} and fits:
            return finder
    known = ", ".join(finder.pre for finder in WORD_FINDERS)
    raise ValueError(
        f"its tokenizer.json finds words in a way that isn't known here "
        f"({regexes or 'no regular expression'}, normalizer {normalizer}); known are those of {known}. "
        f"Fine-tune from a model with one of those."
    )


def _merge(merge: str | list[str]) -> str:
    """Two tokens with a space between; a space within one as byte-level texts have it."""
    if isinstance(merge, str):
        return merge
    return " ".join(part.replace(" ", "Ġ") for part in merge)
