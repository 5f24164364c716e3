"""The tokenizers of tiny checkpoints: kept in tests/data/tiny_tokenizers/, with the settings of each kind."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

TokenizerKind = Literal["llama3", "qwen2", "sentencepiece", "sentencepiece-json"]

_TOKENIZERS = Path(__file__).parent / "data" / "tiny_tokenizers"

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}{{ '<|im_start|>assistant\n' }}"
)
SPECIAL_IDS: dict[TokenizerKind, dict[str, int]] = {
    "llama3": {"bos_token_id": 521, "eos_token_id": 525},
    "qwen2": {"bos_token_id": 520, "eos_token_id": 522},
    "sentencepiece": {"bos_token_id": 1, "eos_token_id": 2},
    "sentencepiece-json": {"bos_token_id": 1, "eos_token_id": 2},
}
_SENTENCEPIECE_CONFIG: dict[str, Any] = {
    "tokenizer_class": "LlamaTokenizer",
    "add_bos_token": True,
    "add_eos_token": False,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "</s>",
    "legacy": True,
    "chat_template": CHATML,
}
_TOKENIZER_CONFIGS: dict[TokenizerKind, dict[str, Any]] = {
    "llama3": {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|begin_of_text|>",
        "eos_token": "<|eot_id|>",
        "chat_template": CHATML,
    },
    "qwen2": {
        "tokenizer_class": "Qwen2Tokenizer",
        "add_bos_token": False,
        "add_prefix_space": False,
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "chat_template": CHATML,
    },
    "sentencepiece": _SENTENCEPIECE_CONFIG,
    "sentencepiece-json": _SENTENCEPIECE_CONFIG,
}


def write_tokenizer(folder: Path, kind: TokenizerKind, further: Mapping[str, Any]) -> int:
    """Write a tokenizer's files, its settings with `further` ones; returns the number of its tokens."""
    file = f"{kind.removesuffix('-json')}.json"
    tokenizer = json.loads((_TOKENIZERS / file).read_bytes())
    added = tokenizer["added_tokens"]
    decoder = {str(token["id"]): {key: token[key] for key in token if key != "id"} for token in added}
    config = {"added_tokens_decoder": decoder, **_TOKENIZER_CONFIGS[kind], **further}
    given = {key: value for key, value in config.items() if key != "chat_template" or value is not None}
    text = json.dumps(given, ensure_ascii=False, indent=2)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")
    shutil.copyfile(_TOKENIZERS / file, folder / "tokenizer.json")
    if kind == "sentencepiece":
        shutil.copyfile(_TOKENIZERS / "sentencepiece.model", folder / "tokenizer.model")
    return len({*tokenizer["model"]["vocab"].values(), *(token["id"] for token in added)})
