"""By the vocabulary in our GGUF files llama.cpp cuts texts into the tokens that `tokenizers` cuts."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_cpp import Llama
from tokenizers import Tokenizer

from convert.checkpoint.open import open_checkpoint
from convert.to_gguf.convert import convert
from modelfiles.progress import Unseen
from tests.tiny_checkpoint import TinyCheckpoint, write_tiny_checkpoint
from tests.tiny_tokenizer import TokenizerKind

KINDS: dict[TokenizerKind, TinyCheckpoint] = {
    "llama3": TinyCheckpoint("LlamaForCausalLM", "llama3"),
    "qwen2": TinyCheckpoint("Qwen2ForCausalLM", "qwen2"),
    "sentencepiece": TinyCheckpoint("MistralForCausalLM", "sentencepiece"),
    "sentencepiece-json": TinyCheckpoint("MistralForCausalLM", "sentencepiece-json"),
}
TEXTS = [
    "풋살은 다섯 명이 뛰어요. 언제든지 물어보세요! 풋풋~!",
    "골키퍼는 공을 4초까지 손에 들 수 있나요?",
    "비오는날에도경기하나요ㅋㅋㅋㅠㅠ",
    "뷁 쀍 똠방각하",
    "⚽🔥👨‍👩‍👧‍👦 이모지도 🇰🇷",
    "def kick(ball: Ball) -> None:\n    return ball.go(10, 'm')\t# 10m\n\n\n",
    "1234567890 80,000원 3.14",
    "   앞뒤 빈칸   ",
    "A futsal match: it's 2 × 20 minutes, isn't it? WE'LL SEE",
    "漢字 かな ελληνικά العربية ไทย",
    "\x00\x07 � ﻿",
    "줄\r\n바꿈\n\n 과\t탭",
    "~!@#$%^&*()_+{}|:\"<>?`-=[]\\;',./",
    "풋풋이가 답해요 풋풋이",
    "▁이미▁있는▁밑줄",
]
# What texts are made of at random: pieces that overlap, so that which of them is joined first matters.
PARTS = [
    *"풋살은을는가 \n\t '2.~▁⚽é한<|>",
    *("은 골", "골에서", "경기장은", "구장은", "키퍼", "니다", "  ", "'s", "10", "풋풋이"),
]
CORPUS = Path(__file__).parents[2] / "corpus"


class BothWays:
    """One vocabulary in two libraries."""

    def __init__(self, folder: Path, gguf: Path) -> None:
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._llama = Llama(str(gguf), vocab_only=True, verbose=False)

    def differ(self, text: str, *, whole: bool = False) -> str:
        """How the two cut a text, if they do otherwise; `whole` with what is put around it."""
        expected = self.tokenizer.encode(text, add_special_tokens=whole)
        found = self._llama.tokenize(text.encode(), add_bos=whole, special=True)
        if found == expected.ids:
            return ""
        return f"{text!r}: {found} by llama.cpp, {expected.ids} by tokenizers ({expected.tokens})"


@pytest.fixture(scope="module", params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BothWays:
    """Each tokenizer kind, converted."""
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("tokens") / request.param, KINDS[request.param])
    gguf = folder.with_suffix(".gguf")
    convert(open_checkpoint(folder), gguf, progress=Unseen())
    return BothWays(folder, gguf)


def test_texts(both: BothWays) -> None:
    """Korean, emoji, code, spaces, unknown scripts and bytes are cut alike."""
    assert [different for text in TEXTS if (different := both.differ(text))] == []


def test_corpus(both: BothWays) -> None:
    """So is every line of our own corpus."""
    lines = {line for file in CORPUS.rglob("*.md") for line in file.read_text(encoding="utf-8").splitlines()}
    assert [different for line in lines if line and (different := both.differ(line))] == []


def test_special_tokens(both: BothWays) -> None:
    """Markup within a text is found alike, whatever stands around it; what is put before a text, too."""
    added = [token.content for token in both.tokenizer.get_added_tokens_decoder().values()]
    texts = [f"공{token}{token} 을 {token}\n차요" for token in added]
    assert [different for text in texts if (different := both.differ(text, whole=True))] == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from(PARTS), min_size=1, max_size=24))
def test_any_text(both: BothWays, parts: list[str]) -> None:
    """So is whatever else can be typed."""
    assert both.differ(unicodedata.normalize("NFC", "".join(parts))) == ""
