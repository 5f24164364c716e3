"""SentencePiece vocabularies: from a trained model, or from the merges that it was turned into.

llama.cpp joins the two neighbours whose joint piece has the best score, over and over:
so does SentencePiece's BPE.
"""

import re
from itertools import pairwise
from typing import Any

from gguf import TokenType

from convert.checkpoint.vocabulary.files import MODEL, TOKENIZER, TokenizerFiles
from convert.checkpoint.vocabulary.tokens import Slots, Vocabulary

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def from_model(files: TokenizerFiles, size: int) -> Vocabulary:
    """The vocabulary of tokenizer.model with the tokens added to it, for a model of `size` ids.

    Raises:
        ValueError: it can't be read, or doesn't fit the model.
    """
    from sentencepiece import SentencePieceProcessor  # noqa: PLC0415  loaded where it is needed

    processor = SentencePieceProcessor()
    try:
        processor.LoadFromFile(str(files.model))
    except (OSError, RuntimeError) as error:
        # Whoever has a good tokenizer.json needn't fetch what it says again.
        instead = f", or remove it: {TOKENIZER} serves as well" if files.tokenizer else ""
        raise ValueError(f"{MODEL} can't be read: {error}. Fetch it again{instead}.") from error
    numbers = range(processor.vocab_size())
    # BPE's scores are ranks. A unigram model's are probabilities of whole texts: llama.cpp, which goes by one
    # pair after the other, would cut texts otherwise.
    if not all(float(processor.GetScore(number)).is_integer() for number in numbers):
        raise ValueError(
            f"its {MODEL} is a unigram model, and only BPE is carried over. Fine-tune another model."
        )
    slots = Slots(size)
    for number in numbers:
        kind, score = _type(processor, number), processor.GetScore(number)
        slots.put(number, processor.IdToPiece(number), kind, score)
    for token, number in files.added.items():
        slots.add(number, token, TokenType.USER_DEFINED)
    slots.put_added(files.added_in_config())
    # What was saved as tokenizer.json alone, beside a model of before.
    slots.put_further(files.added_in_json())
    return _vocabulary(slots, space_prefix=files.config.get("add_prefix_space"))


def _type(processor: Any, number: int) -> TokenType:  # noqa: ANN401  the library has no types
    if processor.IsUnknown(number):
        return TokenType.UNKNOWN
    if processor.IsControl(number):
        return TokenType.CONTROL
    if processor.IsUnused(number):
        return TokenType.UNUSED
    return TokenType.BYTE if processor.IsByte(number) else TokenType.NORMAL


def from_merges(files: TokenizerFiles, size: int) -> Vocabulary:
    """The vocabulary of a tokenizer.json that a SentencePiece model was turned into, which is gone.

    The better a piece's score was, the earlier its merges stand: their ranks are as good as the scores.
    (llama.cpp's own converter writes -1000 for every piece here, and forgets the embeddings without a token,
    so that its file cuts texts otherwise than the tokenizer does.)

    Raises:
        ValueError: no scores could say the same as its merges, or it doesn't fit the model.
    """
    model = files.tokenizer["model"]
    scores = _scores(model)
    slots = Slots(size)
    for piece, number in model["vocab"].items():
        kind = TokenType.NORMAL
        if piece == model.get("unk_token"):
            kind = TokenType.UNKNOWN
        elif _BYTE.fullmatch(piece):
            kind = TokenType.BYTE
        slots.put(number, piece, kind, scores.get(piece, -float(len(model["merges"]))))
    slots.put_added({**files.added_in_config(), **files.added_in_json()})
    prefix = files.config.get("add_prefix_space")
    if prefix is None and not _prepends_space(files.tokenizer):
        prefix = False
    return _vocabulary(slots, space_prefix=prefix)


def _scores(model: dict[str, Any]) -> dict[str, float]:
    """Each piece's score: minus the rank of the first merge that makes it."""
    made = ["".join(merge.split(" ", 1) if isinstance(merge, str) else merge) for merge in model["merges"]]
    runs = made[:1] + [later for earlier, later in pairwise(made) if later != earlier]
    if len(runs) != len(set(runs)):
        raise ValueError(
            f"the merges in its tokenizer.json weren't made from a SentencePiece model, and can't be told as "
            f"its scores. Put the {MODEL} that it was trained with beside it."
        )
    return {piece: -float(rank) for rank, piece in enumerate(runs)}


def _prepends_space(tokenizer: Any) -> bool:  # noqa: ANN401  any part of a JSON tree
    """Whether any step of a tokenizer puts a space in front of a text."""
    steps = [tokenizer.get("normalizer"), tokenizer.get("pre_tokenizer")]
    while steps:
        step = steps.pop() or {}
        steps += [*step.get("normalizers", ()), *step.get("pretokenizers", ())]
        if step.get("type") == "Prepend":
            return True
        if step.get("type") == "Metaspace":
            return bool(step.get("prepend_scheme") != "never")
    return False


def _vocabulary(slots: Slots, *, space_prefix: bool | None) -> Vocabulary:
    return Vocabulary(
        model="llama",
        pre="default",
        tokens=slots.tokens,
        types=slots.types,
        scores=slots.scores,
        space_prefix=space_prefix,
        left_out=slots.left_out,
    )
