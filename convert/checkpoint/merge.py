"""An adapter merged into its base: a checkpoint whose weights are computed while they are read.

The sum is formed in float32, a few rows at a time, and rounded once, by whoever writes it: closer to the
trained weights than a merge that was saved in the base's own 16 bits.
"""

from collections.abc import Mapping

import msgspec

from convert.checkpoint.adapter import Adapter
from convert.checkpoint.adapter_config import MERGE_THERE
from convert.checkpoint.listing import listed
from convert.checkpoint.low_rank import LowRank
from convert.checkpoint.open import Checkpoint
from convert.checkpoint.tensor import FloatArray, StoredType, Tensor
from convert.errors import AdapterError

_OUTPUT = "lm_head.weight"


def merged(base: Checkpoint, adapter: Adapter) -> Checkpoint:
    """The base with the adapter's updates added, each computed only when rows of it are read.

    Raises:
        AdapterError: the adapter isn't one of this base; lists every weight that doesn't fit.
    """
    require_fit(base, adapter)
    summed = {name: _Sum(base.tensors[name], update) for name, update in adapter.updates.items()}
    tensors: Mapping[str, Tensor] = {**base.tensors, **summed}
    return msgspec.structs.replace(base, tensors=tensors)


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
        tied = (
            f"it adapts {_OUTPUT}, which its base doesn't have: its embeddings serve as output. {MERGE_THERE}"
        )
        raise AdapterError(adapter.folder, [tied])
    problems = [f"the base has no {listed(missing)}"] if missing else []
    problems += [f"{listed(names)} is {shapes}" for shapes, names in misshaped.items()]
    if problems:
        trained_on = adapter.base_repository or "see its model card"
        problems.append(f"use the base that it was trained on ({trained_on}), not {base.folder}")
        raise AdapterError(adapter.folder, problems)


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
