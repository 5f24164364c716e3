"""The embedder, over an encoder tiny enough to compute by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert.encoder.build import build_from_checkpoint
from server.dense import WINDOW, FastembedEmbedder, batches_by_length
from server.errors import EncoderDamagedError, EncoderMissingError
from server.protocols import Embedder
from tests.tiny_encoder import BOS, EOS, PIECES, embedding, random_tensors, write_checkpoint


def ids(*pieces: str) -> list[int]:
    """The ids of pieces, between <s> and </s>."""
    return [BOS, *map(PIECES.index, pieces), EOS]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float32 encoder of random weights."""
    folder = tmp_path_factory.mktemp("encoder")
    source = write_checkpoint(folder / "source", random_tensors())
    return build_from_checkpoint(source, folder / "tiny", precision="fp32")


@pytest.fixture(scope="module")
def embedder(encoder: Path) -> Embedder:
    """It stands for the protocol wherever that is asked for."""
    return FastembedEmbedder(encoder, threads=1)


def test_questions_and_passages_get_their_own_prefix(embedder: Embedder) -> None:
    """A vector is the normalized mean over prefix, text and special tokens; the two kinds differ."""
    question = embedder.embed_query("풋살 예약")
    (passage,) = embedder.embed_passages(["풋살 예약"])

    text = ("▁풋살", "▁", "예약")
    np.testing.assert_allclose(question, embedding(random_tensors(), ids("▁query", ":", *text)), atol=1e-5)
    np.testing.assert_allclose(passage, embedding(random_tensors(), ids("▁passage", ":", *text)), atol=1e-5)
    assert len(question) == embedder.dimensions == 32
    assert {type(value) for value in question} == {float}
    assert np.linalg.norm(passage) == pytest.approx(1, abs=1e-6)


def test_passages_come_in_order_whatever_their_lengths(embedder: Embedder) -> None:
    """Sorting by length and batching within windows is not to be seen from outside."""
    texts = ["가나다 " * (index * 7 % 5) + "풋살예약"[: index % 4 + 1] for index in range(WINDOW + 9)]

    vectors = list(embedder.embed_passages(texts))

    alone = [next(embedder.embed_passages([text])) for text in texts]
    np.testing.assert_allclose(vectors, alone, atol=1e-5)


def test_passages_are_embedded_lazily(embedder: Embedder) -> None:
    """A window that is never reached is never looked at, not even for its length."""
    vectors = embedder.embed_passages(["가"] * WINDOW + ["가나다 " * 50])

    assert len([next(vectors) for _ in range(WINDOW)]) == WINDOW
    with pytest.raises(ValueError, match=f"text {WINDOW + 1} takes 20. tokens"):
        next(vectors)


def test_tokens_are_counted_as_they_reach_the_model(embedder: Embedder) -> None:
    """Prefix and special tokens count, and counting goes on beyond what the encoder reads."""
    assert embedder.count_tokens("풋살 예약") == len(ids("▁passage", ":", "▁풋살", "▁", "예약"))
    assert embedder.max_tokens == 24
    assert embedder.count_tokens("가" * 100) == 4 + 1 + 100


def test_a_text_is_embedded_up_to_the_limit_and_refused_beyond(embedder: Embedder) -> None:
    """The longest text that fits is embedded whole; one token more is an error, never cut."""
    longest = "가" * 19
    assert embedder.count_tokens(longest) == embedder.max_tokens
    (vector,) = embedder.embed_passages([longest])
    expected = embedding(random_tensors(), ids("▁passage", ":", "▁", *longest))
    np.testing.assert_allclose(vector, expected, atol=1e-5)

    with pytest.raises(ValueError, match="takes 25 tokens; the encoder reads 24"):
        list(embedder.embed_passages([longest + "가"]))
    with pytest.raises(ValueError, match="takes 25 tokens"):
        embedder.embed_query(longest + "가")


def test_no_passages_give_no_vectors(embedder: Embedder) -> None:
    """An empty corpus is no special case."""
    assert list(embedder.embed_passages([])) == []


def test_several_encoders_live_in_one_process(tmp_path: Path, encoder: Path, embedder: Embedder) -> None:
    """One encoder loaded twice, and another beside it, each give their own numbers."""
    source = write_checkpoint(tmp_path / "source", random_tensors(seed=5))
    other = FastembedEmbedder(build_from_checkpoint(source, tmp_path / "other", precision="fp32"))
    again = FastembedEmbedder(encoder)

    assert again.embed_query("한") == pytest.approx(embedder.embed_query("한"), abs=1e-6)
    expected = embedding(random_tensors(seed=5), ids("▁query", ":", "▁한"))
    np.testing.assert_allclose(other.embed_query("한"), expected, atol=1e-5)
    assert again.fingerprint == embedder.fingerprint != other.fingerprint


def test_a_missing_encoder_is_told_with_its_remedy(tmp_path: Path) -> None:
    """No folder, an empty one and a file in its place are all simply no encoder."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "nowhere", tmp_path, tmp_path / "file"):
        with pytest.raises(EncoderMissingError, match="futfut-convert embedder"):
            FastembedEmbedder(path)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "encoder.json", "tokenizer_config.json"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_encoder_is_told_from_a_missing_one(tmp_path: Path, name: str, cut: bool) -> None:
    """Cut off or gone, any file but the manifest makes the encoder damaged; the message names the folder."""
    source = write_checkpoint(tmp_path / "source", random_tensors())
    path = build_from_checkpoint(source, tmp_path / "broken", precision="int8")
    if cut:
        (path / name).write_bytes((path / name).read_bytes()[:-9])
    else:
        (path / name).unlink()
    expected = EncoderMissingError if name == "encoder.json" and not cut else EncoderDamagedError

    with pytest.raises(expected, match="broken"):
        FastembedEmbedder(path)


@given(st.lists(st.integers(3, 512), max_size=80), st.integers(1, 2048))
def test_batches_hold_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    """No text is lost or doubled, and only a text that is too long by itself exceeds the budget."""
    batches = batches_by_length(lengths, budget)

    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget
