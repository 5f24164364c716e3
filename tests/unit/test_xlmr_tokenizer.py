"""The tokenizer that is made from the packed vocabulary."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from convert.encoder.packed import read_packed
from convert.encoder.xlmr_tokenizer import build_tokenizer
from convert.errors import EncoderSourceError
from tests.tiny_encoder import BOS, EOS, PIECES, UNK, random_tensors, write_packed


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    """Built from the tiny vocabulary."""
    path = tmp_path / "tiny.bin"
    write_packed(path, random_tensors())
    return build_tokenizer(read_packed(path).vocabulary, path)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("풋살 예약", ["▁풋살", "▁", "예약"]),
        ("풋살   예약", ["▁풋살", "▁", "예약"]),
        ("풋살\u3000예약", ["▁풋살", "▁", "예약"]),
        ("풋살\t\x01예약 ", ["▁풋살", "▁", "예약", "▁"]),
        (" 한", ["▁한"]),
        ("\u1112\u1161\u11ab", ["▁한"]),
        ("①시", ["▁", "1", "시"]),
        ("㎏", ["▁", "k", "g"]),
        ("1～0~", ["▁", "1", "～", "0", "~"]),
        ("a🔥🔥b", ["▁", "a", "<unk>", "b"]),
    ],
)
def test_text_is_normalized_as_sentencepiece_does(tokenizer: Tokenizer, text: str, pieces: list[str]) -> None:
    """NFKC, tidy spaces, the fullwidth tilde kept, Hangul composed, unknown characters in a row one token."""
    encoded = tokenizer.encode(text)

    assert [PIECES[index] for index in encoded.ids] == ["<s>", *pieces, "</s>"]
    assert UNK not in encoded.ids or "🔥" in text


def test_special_tokens_stand_around_the_text(tokenizer: Tokenizer) -> None:
    """A text begins with <s> and ends with </s>, and is neither cut nor padded."""
    ids = tokenizer.encode("a " * 600).ids

    assert (ids[0], ids[-1], len(ids)) == (BOS, EOS, 1203)


def test_a_vocabulary_that_normalizes_in_another_way_is_refused(tmp_path: Path) -> None:
    """A replacement that these rules wouldn't make is named by its code point, not silently left out."""
    path = tmp_path / "tiny.bin"
    write_packed(path, random_tensors(), replacements={"①": "1", "～": "~", "가": "나"})

    with pytest.raises(EncoderSourceError, match=r"U\+FF5E, U\+AC00"):
        build_tokenizer(read_packed(path).vocabulary, path)
