"""Many tensors named in few words: the layers of one kind as ranges of numbers."""

import re
from collections.abc import Iterable

_LAYER = re.compile(r"(?<=\.layers\.)\d+(?=\.)")


def listed(names: Iterable[str]) -> str:
    """Name every tensor, those that differ in their layer's number alone only once.

    >>> listed(["model.layers.0.a", "model.layers.1.a", "model.layers.3.a", "lm_head.weight"])
    'lm_head.weight, model.layers.{0-1,3}.a'
    """
    layers: dict[str, list[int]] = {}
    for name in names:
        found = _LAYER.search(name)
        layers.setdefault(_LAYER.sub("{}", name, count=1), []).extend([int(found[0])] if found else [])
    return ", ".join(
        kind.replace("{}", f"{{{_ranges(sorted(numbers))}}}") if numbers else kind
        for kind, numbers in sorted(layers.items())
    )


def _ranges(numbers: list[int]) -> str:
    """Numbers in ascending order, runs of them as first-last."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
