"""A program that loads what answering takes, one after the other, and has none of our code.

Its arguments are the encoder's folder, the model's file and the length of its context.
"""

import os
import sys
from pathlib import Path

from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from kiwipiepy import Kiwi
from llama_cpp import Llama

_DIMENSIONS = 384


def load(encoder: Path, model: Path, num_ctx: int) -> None:
    """Load all three, and use Kiwi and the encoder once: their first use costs more than all that follow."""
    kiwi = Kiwi()
    kiwi.tokenize("풋살은 다섯 명이 해요.")
    TextEmbedding.add_custom_model(
        model="bench/encoder",
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="bench/encoder"),
        dim=_DIMENSIONS,
        model_file="model.onnx",
    )
    embedding = TextEmbedding(
        model_name="bench/encoder", specific_model_path=str(encoder), providers=["CPUExecutionProvider"]
    )
    list(embedding.embed(["query: 풋살"]))
    Llama(str(model), n_ctx=num_ctx, verbose=False)


if __name__ == "__main__":
    load(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    os._exit(0)  # freeing it all again is no part of a start
