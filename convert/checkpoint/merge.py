"""An adapter merged into its base: a checkpoint whose weights are computed while they are read.

The sum is formed in float32, a few rows at a time, and rounded once, by whoever writes it: closer to the
trained weights than a merge that was saved in the base's own 16 bits.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from convert.checkpoint.adapter import SAVE_AGAIN, Adapter
from convert.checkpoint.adapter_config import MERGE_THERE
from convert.checkpoint.listing import listed
from convert.checkpoint.low_rank import LowRank
from convert.checkpoint.open import Checkpoint
from convert.checkpoint.tensor import FloatArray, StoredType, Tensor
from convert.checkpoint.tokenizer import Tokenizer, read_tokenizer
from convert.checkpoint.vocabulary.files import ChatTemplate, has_tokenizer, read_chat_template
from convert.errors import AdapterError

_OUTPUT = "lm_head.weight"
TIED_OUTPUT = (
    f"it adapts {_OUTPUT}, which its base doesn't have: its embeddings serve as output. {MERGE_THERE}"
)


def merged(base: Checkpoint, adapter: Adapter) -> Checkpoint:
    """The base with the adapter's updates added, each computed only when rows of it are read.

    The tokenizer and the chat template are those that were saved with the adapter, if any were.

    Raises:
        AdapterError: the adapter isn't one of this base, and lists every weight that doesn't fit; or its
            tokenizer isn't.
    """
    require_fit(base, adapter)
    summed = {name: _Sum(base.tensors[name], update) for name, update in adapter.updates.items()}
    tensors: Mapping[str, Tensor] = {**base.tensors, **summed}
    return replace(base, tensors=tensors, tokenizer=_tokenizer(base, adapter))


def _tokenizer(base: Checkpoint, adapter: Adapter) -> Tokenizer:
    """The tokenizer beside the adapter, or its chat template alone, or else the base's."""
    folder = adapter.folder
    try:
        if not has_tokenizer(folder):
            template = read_chat_template(folder)
            return base.tokenizer if template is None else _with_template(base.tokenizer, template, folder)
        own = read_tokenizer(folder, base.config, len(base.tokenizer.vocabulary.tokens))
    except ValueError as error:
        problem = f"the tokenizer beside it can't be used with {base.folder}: {error}"
        raise AdapterError(folder, [problem]) from error
    template = own.chat_template or base.tokenizer.chat_template
    return replace(own, chat_template=template, notes=(f"The tokenizer is that of {folder}.", *own.notes))


def _with_template(tokenizer: Tokenizer, template: ChatTemplate, folder: Path) -> Tokenizer:
    notes = (f"The chat template is that of {folder}.", *tokenizer.notes)
    return replace(tokenizer, chat_template=template, notes=notes)


def require_fit(base: Checkpoint, adapter: Adapter) -> None:
    """Make sure that all that the adapter updates is there in the base, in the same shape.

    Raises:
        AdapterError: lists every weight that doesn't fit.
    """
    missing = [name for name in adapter.updates if name not in base.tensors]
    misshaped: dict[str, list[str]] = {}
    for name, update in adapter.updates.items():
        if name in base.tensors and base.tensors[name].shape != update.shape:
            shapes = f"{list(base.tensors[name].shape)} in the base, but {list(update.shape)} here"
            misshaped.setdefault(shapes, []).append(name)
    if missing == [_OUTPUT] and base.config.get("tie_word_embeddings"):
        raise AdapterError(adapter.folder, [TIED_OUTPUT])
    problems = [f"the base has no {listed(missing)}"] if missing else []
    problems += [f"{listed(names)} is {shapes}" for shapes, names in misshaped.items()]
    if problems:
        trained_on = adapter.base_repository or "see its model card"
        problems.append(f"use the base that it was trained on ({trained_on}), not {base.folder}")
        raise AdapterError(adapter.folder, problems)
    # Lists of targets are copied from one kind of model to another: what the base doesn't have isn't missed.
    held = [f".{name}" for name in base.tensors]
    lost = [
        target
        for target in adapter.without_weights
        if any(name.endswith(f".{target}.weight") for name in held)
    ]
    if lost:
        problem = f"its config adapts {listed(lost)}, but no weights are there for it: {SAVE_AGAIN}"
        raise AdapterError(adapter.folder, [problem])


class _Sum(msgspec.Struct, frozen=True):
    """A weight with its update added."""

    base: Tensor
    update: LowRank

    @property
    def shape(self) -> tuple[int, ...]:
        """The base's."""
        return self.base.shape

    @property
    def stored_as(self) -> StoredType:
        """What the base is stored in; the sum has more bits than that."""
        return self.base.stored_as

    def rows(self, start: int, stop: int) -> FloatArray:
        """Rows `start` to `stop` (not included) of the sum."""
        return self.base.rows(start, stop) + self.update.rows(start, stop)
