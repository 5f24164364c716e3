"""A model in llama.cpp that gives the logits of whole windows of text."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from llama_cpp import llama_cpp as native
from numpy.typing import NDArray

from convert.verify.divergence import Logits
from convert.verify.native_log import ModelFailedError
from convert.verify.windows import Sample


class Scorer:
    """A loaded model with a context of one window; to be used in a `with`, which frees it."""

    def __init__(self, model: Path, sample: Sample, threads: int) -> None:
        """Load it.

        Raises:
            ModelFailedError: llama.cpp refuses the file, or there isn't memory for it.
        """
        self._path = model
        self._sample = sample
        loading = native.llama_model_default_params()
        loading.n_gpu_layers = 0  # as the embedded engine; the reference seldom fits on a GPU
        self._model = native.llama_model_load_from_file(bytes(model), loading)
        if not self._model:
            raise ModelFailedError(self._path)
        parameters = native.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = sample.window
        parameters.n_ubatch = min(parameters.n_ubatch, sample.window)
        parameters.n_threads = parameters.n_threads_batch = threads
        self._context = native.llama_init_from_model(self._model, parameters)
        if not self._context:
            native.llama_model_free(self._model)
            raise ModelFailedError(self._path)
        self._batch = native.llama_batch_init(sample.window, 0, 1)
        self._vocabulary = native.llama_model_get_vocab(self._model)
        self.vocabulary_size: int = native.llama_vocab_n_tokens(self._vocabulary)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free it; nothing may be called afterwards."""
        native.llama_batch_free(self._batch)
        native.llama_free(self._context)
        native.llama_model_free(self._model)

    def tokens(self, text: str) -> list[int]:
        """The text's tokens; what looks like markup in it is text."""
        data = text.encode()
        room = len(data) + 2  # no token is of less than a byte; BOS and EOS may be added
        found = (native.llama_token * room)()
        count = native.llama_tokenize(self._vocabulary, data, len(data), found, room, True, False)
        if count < 0:
            raise ModelFailedError(self._path)
        return list(found[:count])

    def logits(self, window: NDArray[np.int32]) -> Logits:
        """What the model predicts after each scored position of a window.

        Returns:
            Logits of shape [sample.scored, vocabulary]: llama.cpp's own memory, until the next call.

        Raises:
            ModelFailedError: llama.cpp can't.
        """
        tokens = window.copy()
        if native.llama_vocab_get_add_bos(self._vocabulary):
            # As every text that the model has seen begins; the token is too far ahead to be scored.
            tokens[0] = native.llama_vocab_bos(self._vocabulary)
        batch, first = self._batch, self._sample.first
        batch.n_tokens = len(tokens)
        for position, token in enumerate(tokens.tolist()):
            batch.token[position] = token
            batch.pos[position] = position
            batch.n_seq_id[position] = 1
            batch.seq_id[position][0] = 0
            batch.logits[position] = first <= position < first + self._sample.scored
        native.llama_memory_clear(native.llama_get_memory(self._context), True)
        if native.llama_decode(self._context, batch) != 0:
            raise ModelFailedError(self._path)
        return np.ctypeslib.as_array(
            native.llama_get_logits(self._context), shape=(self._sample.scored, self.vocabulary_size)
        )
