"""Write tests/data/tiny_tokenizers/: vocabularies of a few hundred tokens, trained on corpus/.

    python tests/golden/make_tiny_tokenizers.py

They are kept as data, so that no version of a trainer decides what the tests compare. The four kinds:

- `llama3.json`, byte-level BPE as Llama 3 has it: a word that is a token is taken whole, merges or not.
- `qwen2.json`, byte-level BPE as Qwen2 has it: digits one by one, texts normalized to NFC.
- `sentencepiece.model`, SentencePiece BPE with bytes to fall back on, as Llama 2 and Mistral have it.
- `sentencepiece.json`, the same in the form of the `tokenizers` library: merges instead of scores.
"""

import json
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer

ROOT = Path(__file__).parents[2]
OUT = ROOT / "tests" / "data" / "tiny_tokenizers"

LLAMA3_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_WORDS = LLAMA3_WORDS.replace(r"\p{N}{1,3}", r"\p{N}")
UNREACHABLE = "Ġfutsal"  # no merges lead to it
MERGED_TOKENS, PIECES = 520, 1000


def corpus() -> list[str]:
    """The lines to train on: those of corpus/, in an order that is always the same."""
    files = sorted((ROOT / "corpus").rglob("*.md"))
    return [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def byte_level(words: str, lines: list[str]) -> Tokenizer:
    """Train byte-level BPE over the words that a regular expression finds."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=MERGED_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def llama3(lines: list[str]) -> Tokenizer:
    """Llama 3's kind, with one token that no merges lead to."""
    trained = json.loads(byte_level(LLAMA3_WORDS, lines).to_str())
    trained["model"]["ignore_merges"] = True
    trained["model"]["vocab"][UNREACHABLE] = len(trained["model"]["vocab"])
    tokenizer = Tokenizer.from_str(json.dumps(trained))
    tokenizer.add_special_tokens(
        ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    )
    tokenizer.add_tokens(
        [AddedToken("풋풋이", normalized=False), AddedToken("<|sign_off|>", normalized=False)]
    )
    begin = ("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single=f"{begin[0]} $A", pair=f"{begin[0]} $A {begin[0]} $B:1", special_tokens=[begin]
            ),
        ]
    )
    return tokenizer


def qwen2(lines: list[str]) -> Tokenizer:
    """Qwen2's kind."""
    tokenizer = byte_level(QWEN2_WORDS, lines)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def sentencepiece_model(lines: list[str], out: Path) -> None:
    """Llama 2's and Mistral's kind, its texts left as they are."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_text("\n".join(lines), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(text),
            model_prefix=str(out.with_suffix("")),
            model_type="bpe",
            vocab_size=PIECES,
            byte_fallback=True,
            character_coverage=0.98,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            split_digits=True,
            num_threads=1,
            minloglevel=2,
        )
    out.with_suffix(".vocab").unlink()


def sentencepiece_json(model: Path) -> Tokenizer:
    """A SentencePiece model in merges: every way to put a piece together of two, best pieces first."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    pieces = [processor.id_to_piece(number) for number in range(processor.vocab_size())]
    ids = {piece: number for number, piece in enumerate(pieces)}
    merges: list[tuple[str, str]] = []
    for piece in sorted(pieces, key=lambda piece: -processor.get_score(ids[piece])):
        if processor.is_byte(ids[piece]) or processor.is_control(ids[piece]):
            continue
        ways = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [(left, right) for left, right in ways if left in ids and right in ids]
        merges += sorted(known, key=lambda way: (ids[way[0]], ids[way[1]]))
    tokenizer = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))  # noqa: S106
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in ("<unk>", "<s>", "</s>")])
    tokenizer.add_tokens([AddedToken("<|user|>", normalized=False), AddedToken("풋풋이", normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", ids["<s>"])]
    )
    return tokenizer


def main() -> None:
    """Train and write all four."""
    lines = corpus()
    OUT.mkdir(parents=True, exist_ok=True)
    sentencepiece_model(lines, OUT / "sentencepiece.model")
    tokenizers = {
        "llama3": llama3(lines),
        "qwen2": qwen2(lines),
        "sentencepiece": sentencepiece_json(OUT / "sentencepiece.model"),
    }
    for name, tokenizer in tokenizers.items():
        (OUT / f"{name}.json").write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
