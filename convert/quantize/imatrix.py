"""An importance matrix: how strongly each column of a weight is used, as llama.cpp measures it.

For each weight the file of `llama-imatrix` has the sum of its inputs' squares, column by column, and how many
inputs there were; quantization wants their mean. The formats: `common/imatrix-loader.cpp` of llama.cpp, both
the GGUF kind (tensors `<weight>.in_sum2` and `<weight>.counts`) and the older .dat kind.
"""

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.errors import ImatrixError

FloatArray = NDArray[np.float32]

_SUMS, _COUNTS = ".in_sum2", ".counts"


class Imatrix(msgspec.Struct, frozen=True):
    """What is known of a model's weights.

    Attributes:
        means: for each weight the mean square of its inputs; float32, a number a column, expert after expert.
        dataset: the text it was measured on, if the file says.
        chunks: how many pieces of text that were; 0 if the file doesn't say.
    """

    means: Mapping[str, FloatArray]
    dataset: str | None
    chunks: int


def read_imatrix(path: Path) -> Imatrix:
    """Read an importance matrix of either kind.

    Raises:
        ImatrixError: it is none, is cut off, or holds what no measurement gives.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        is_gguf = file.read(4) == b"GGUF"
    try:
        matrix = _from_gguf(path) if is_gguf else _from_dat(path.read_bytes())
    except (ValueError, IndexError, KeyError) as error:
        raise ImatrixError(path, [f"it can't be read ({error})"]) from error
    problems = [] if matrix.means else ["it is empty"]
    problems += [
        f"{name} has a value that is no finite number"
        for name, means in matrix.means.items()
        if not np.isfinite(means).all()
    ]
    if problems:
        raise ImatrixError(path, problems)
    return matrix


def _from_gguf(path: Path) -> Imatrix:
    import gguf  # noqa: PLC0415  # takes as long as all of a worker's start, which seldom needs it

    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    datasets = reader.get_field("imatrix.datasets")
    chunks = reader.get_field("imatrix.chunk_count")
    if datasets is None or chunks is None:
        raise ValueError("it is a GGUF file of another kind")
    weights = sorted({name.removesuffix(_SUMS).removesuffix(_COUNTS) for name in tensors})
    return Imatrix(
        {name: _means(tensors[name + _SUMS], tensors[name + _COUNTS]) for name in weights},
        next(iter(datasets.contents()), None),
        int(chunks.contents()),
    )


def _means(sums: FloatArray, counts: FloatArray) -> FloatArray:
    """Means of an array [experts, columns]; an expert that was never asked counts each column alike."""
    by_expert = sums.reshape(counts.size, -1)
    inputs = np.rint(counts.reshape(-1, 1))
    # A copy in any case: what is read is a view into the file.
    means = np.ones_like(by_expert)
    np.divide(by_expert, inputs, out=means, where=inputs > 0)
    return means.reshape(-1)


def _from_dat(data: bytes) -> Imatrix:
    file = BytesIO(data)
    means = dict(_dat_entry(file) for _ in range(_int32(file)))
    if len(data) == file.tell():
        return Imatrix(means, None, 0)  # what follows was added to the format later
    chunks = _int32(file)
    dataset = _exactly(file, _int32(file)).decode(errors="replace")
    return Imatrix(means, dataset or None, chunks)


def _dat_entry(file: BinaryIO) -> tuple[str, FloatArray]:
    name = _exactly(file, _int32(file)).decode()
    calls, columns = _int32(file), _int32(file)
    sums = np.frombuffer(_exactly(file, 4 * columns), "<f4").astype(np.float32)
    return name, sums / np.float32(calls) if calls > 0 else sums


def _int32(file: BinaryIO) -> int:
    return int.from_bytes(_exactly(file, 4), "little", signed=True)


def _exactly(file: BinaryIO, size: int) -> bytes:
    if size < 0 or len(data := file.read(size)) < size:
        raise ValueError("it is no importance matrix, or cut off")
    return data


def misfits(matrix: Imatrix, columns: Mapping[str, int]) -> Iterator[str]:
    """What keeps a matrix from belonging to a model, in words.

    Args:
        matrix: the importance matrix.
        columns: the weights that are to be quantized, and how many numbers a matrix has of each.
    """
    missing = [name for name in columns if name not in matrix.means and not _may_be_missing(name)]
    if missing:
        yield f"it knows nothing of {len(missing)} of the model's weights, such as {missing[0]}"
    for name, wanted in columns.items():
        found = len(matrix.means.get(name, ()))
        if found and found != wanted and name != "token_embd.weight":
            yield f"it has {found} columns of {name}, and the model {wanted}"


def _may_be_missing(name: str) -> bool:
    """What llama-imatrix doesn't measure: a table that is looked up, and the output unless it is asked to."""
    return name.endswith("token_embd.weight") or name == "output.weight"
