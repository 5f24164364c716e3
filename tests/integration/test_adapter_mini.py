"""A fine-tune's way on real weights: the mini model as a checkpoint, an adapter merged and laid over."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from llama_cpp import Llama
from numpy.typing import NDArray
from tokenizers import Tokenizer

from convert.to_gguf.make import make_gguf
from convert.to_gguf.make_adapter import make_adapter
from modelfiles.progress import Unseen
from tests.mini_checkpoint import write_mini_adapter, write_mini_checkpoint

pytestmark = pytest.mark.model

SOURCE = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
CORPUS = Path(__file__).parents[2] / "corpus"
ODDITIES = (
    "<|im_start|>user\n안녕 🙂 ㅋㅋㅋ\n\n  def f(x):\n\treturn 1234 \r\n<|im_end|>\n",
    " 1,234원  ＡＢＣ ㄱㄴㄷ 🇰🇷 👨‍👩‍👧 \u200b\ufeff 뷁",
    "",
)
TOKENS = 96


@dataclass(frozen=True)
class Made:
    """The mini model as it was, and what was made of it."""

    source: Path
    checkpoint: Path
    merged: Path
    adapter: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    source = Path(os.environ.get("FUTFUT_HOME", ".futfut")) / "models" / SOURCE
    if not source.is_file():
        pytest.skip(f"{source} isn't there: run `make models`")
    scratch = tmp_path_factory.mktemp("mini")
    checkpoint = write_mini_checkpoint(source, scratch / "mini")
    lora = write_mini_adapter(scratch / "lora", checkpoint)
    yield Made(
        source,
        checkpoint,
        make_gguf("mini", checkpoint, scratch, adapter=lora, progress=Unseen()),
        make_adapter(lora, checkpoint, scratch / "lora.gguf", progress=Unseen()),
    )
    shutil.rmtree(scratch)  # 2.5 GB, which pytest would keep for three runs


def texts() -> list[str]:
    return [*ODDITIES, *(path.read_text("utf-8") for path in sorted(CORPUS.rglob("*.md")))]


def log_probabilities(model: Path, tokens: list[int], adapter: Path | None = None) -> NDArray[np.float32]:
    """What comes after each of `tokens`, `(tokens, vocabulary)`."""
    lora = None if adapter is None else str(adapter)
    llama = Llama(str(model), lora_path=lora, n_ctx=TOKENS, logits_all=True, verbose=False)
    llama.eval(tokens)
    logits = np.array(llama.scores[: len(tokens)])
    llama.close()
    logits -= logits.max(axis=1, keepdims=True)
    found: NDArray[np.float32] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return found


def test_tokens(made: Made) -> None:
    """Original, checkpoint and what was made of it cut texts into the same tokens."""
    tokenizer = Tokenizer.from_file(str(made.checkpoint / "tokenizer.json"))
    before, after = (Llama(str(path), vocab_only=True, verbose=False) for path in (made.source, made.merged))
    assert len(texts()) > len(ODDITIES)
    for text in texts():
        expected = before.tokenize(text.encode(), add_bos=False, special=True)
        assert tokenizer.encode(text, add_special_tokens=False).ids == expected
        assert after.tokenize(text.encode(), add_bos=False, special=True) == expected


def test_merged_and_laid_over(made: Made) -> None:
    """The merged model predicts as the original with the adapter laid over it, unlike the original alone.

    Its weights are those of the original to 16 bits; what differs is that llama.cpp rounds what it multiplies
    with 4-bit weights to 8 bits.
    """
    text = max(texts(), key=len)
    tokens = Llama(str(made.source), vocab_only=True, verbose=False).tokenize(text.encode())[:TOKENS]
    alone = log_probabilities(made.source, tokens)
    merged = log_probabilities(made.merged, tokens)
    laid_over = log_probabilities(made.source, tokens, made.adapter)

    def divergence(other: NDArray[np.float32]) -> float:
        return float((np.exp(merged) * (merged - other)).sum(axis=1).mean())

    agreement = (merged.argmax(axis=1) == laid_over.argmax(axis=1)).mean()
    assert agreement > 0.93
    assert divergence(laid_over) < 0.01
    assert divergence(alone) > 5 * divergence(laid_over)
