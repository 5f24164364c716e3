"""Write an encoder's folder in one step: all of it, tried out, or nothing."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# ONNX Runtime reports its use to its maker unless it is told not to, which it reads when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnx
import onnxruntime

from convert.encoder.bert import BertConfig
from convert.encoder.xlmr_tokenizer import SPECIAL_TOKENS
from convert.errors import EncoderSourceError
from modelfiles.encoder import ENCODER_MODEL, ENCODER_TOKENIZER, EncoderManifest, write_encoder_manifest


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """What goes into the folder: hyperparameters, graph, the tokenizer's JSON; and what it was built from."""

    source: Path
    config: BertConfig
    model: onnx.ModelProto
    tokenizer: str


def publish_encoder(
    out: Path, files: EncoderFiles, describe: Callable[[Path, Path], EncoderManifest]
) -> None:
    """Write the folder beside `out`, run its graph once, then put it in `out`'s place.

    A build that is interrupted leaves `out` as it was; what it leaves beside it is removed by the next one.

    Args:
        out: the folder to make or to replace.
        files: its contents.
        describe: makes the manifest from the written model and tokenizer files.

    Raises:
        OSError: the folder can't be written.
        EncoderSourceError: the graph's numbers aren't finite, so the source's aren't sound.
    """
    building, retired = (out.with_name(f".{out.name}.{state}") for state in ("building", "retired"))
    for left_over in (building, retired):
        shutil.rmtree(left_over, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        _write(building, files)
        _try_out(building / ENCODER_MODEL, files.source)
        write_encoder_manifest(building, describe(building / ENCODER_MODEL, building / ENCODER_TOKENIZER))
        # A folder that isn't empty can't be renamed over. Between these two lines there is no encoder, whole
        # or half; a build that is killed just there has to be run again.
        if out.exists():
            out.rename(retired)
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    shutil.rmtree(retired, ignore_errors=True)


def _write(folder: Path, files: EncoderFiles) -> None:
    config = files.config
    onnx.save(files.model, folder / ENCODER_MODEL)
    (folder / ENCODER_TOKENIZER).write_text(files.tokenizer, encoding="utf-8")
    # The three that fastembed looks for: the pad token, the longest input, the special tokens.
    _write_json(
        folder / "config.json",
        {
            "model_type": "bert",
            "hidden_size": config.hidden_size,
            "num_hidden_layers": config.num_hidden_layers,
            "num_attention_heads": config.num_attention_heads,
            "intermediate_size": config.intermediate_size,
            "max_position_embeddings": config.max_position_embeddings,
            "vocab_size": config.vocab_size,
        },
    )
    _write_json(
        folder / "tokenizer_config.json",
        {
            **SPECIAL_TOKENS,
            "model_max_length": config.max_position_embeddings,
            "tokenizer_class": "XLMRobertaTokenizer",
        },
    )
    _write_json(folder / "special_tokens_map.json", SPECIAL_TOKENS)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _try_out(model: Path, source: Path) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    ids = np.zeros((2, 3), np.int64)
    mask = np.array([[1, 1, 1], [1, 0, 0]], np.int64)
    (hidden,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
    if not np.isfinite(hidden).all():
        raise EncoderSourceError(source, ["its weights give numbers that aren't finite"])
