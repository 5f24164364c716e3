"""Write a LoRA adapter as GGUF, for a Modelfile's ADAPTER or llama.cpp's --lora.

Keys and names are those that llama.cpp's loader (src/llama-adapter.cpp) asks for, the values those of its own
convert_lora_to_gguf.py, but for rsLoRA and alpha patterns, which that leaves out.
"""

from collections.abc import Iterator
from pathlib import Path

import gguf
import msgspec
import numpy as np

from convert.architectures import ARCHITECTURES, PlannedTensor
from convert.checkpoint.adapter import Adapter
from convert.checkpoint.card import read_card
from convert.checkpoint.merge import TIED_OUTPUT, require_fit
from convert.checkpoint.open import Checkpoint
from convert.checkpoint.planned import planned_tensors
from convert.checkpoint.tensor import FloatArray, StoredType, Tensor
from convert.errors import AdapterError
from convert.staging import require_space
from convert.to_gguf.weights import OutputType, blocks
from modelfiles.progress import Progress

_TYPES: dict[OutputType, gguf.GGMLQuantizationType] = {
    "f16": gguf.GGMLQuantizationType.F16,
    "bf16": gguf.GGMLQuantizationType.BF16,
    "f32": gguf.GGMLQuantizationType.F32,
}


def convert_adapter(
    adapter: Adapter, base: Checkpoint, out: Path, *, output: OutputType = "f32", progress: Progress
) -> None:
    """Write an adapter on `base` to `out` as GGUF, its numbers as `output`, one factor after the other.

    The caller gives a path that nobody reads yet: after an error, half a file may lie there.

    Raises:
        AdapterError: it isn't one of this base, or its model card can't be read.
        NotANumberError, WeightRangeError: a weight can't be stored.
        DiskSpaceError: there isn't room for the file.
        OSError: a file can't be read or written.
    """
    require_fit(base, adapter)
    architecture = ARCHITECTURES[base.architecture]
    planned = planned_tensors(base)
    if adapter.updates.keys() - {plan.name for plan in planned}:
        # All others fit; the base's output only repeats its embeddings, and isn't in its file.
        raise AdapterError(adapter.folder, [TIED_OUTPUT])
    factors = list(_factors(adapter, planned))
    writer = gguf.GGUFWriter(out, architecture.gguf)
    kind = _TYPES[output]
    _, number_bytes = gguf.GGML_QUANT_SIZES[kind]
    for _, plan in factors:
        size = plan.shape[0] * plan.shape[1] * number_bytes
        writer.add_tensor_info(plan.gguf, plan.shape, np.dtype(np.float32), size, kind)
    total = sum(info.nbytes for info in writer.tensors[0].values())
    _add_keys(writer, adapter)
    require_space(out.parent, total)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    try:
        with progress.bar(f"converting the adapter to {output}", total) as advance:
            for tensor, plan in factors:
                numbers = np.concatenate(list(blocks(tensor, plan, output)))
                writer.write_tensor_data(numbers)
                advance(numbers.nbytes)
    finally:
        writer.close()


def _add_keys(writer: gguf.GGUFWriter, adapter: Adapter) -> None:
    parameters = writer.get_total_parameter_count()[0]
    try:
        metadata = read_card(adapter.folder, parameters)
    except ValueError as error:
        raise AdapterError(adapter.folder, [str(error)]) from error
    metadata.name = metadata.name or adapter.folder.name
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    metadata.set_gguf_meta_model(writer)
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, adapter.alpha)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _factors(adapter: Adapter, planned: list[PlannedTensor]) -> Iterator[tuple[Tensor, PlannedTensor]]:
    """A and B of each update in the model's order, B's rows to be permuted as those of the weight itself.

    llama.cpp takes alpha/rank, with one alpha for the whole file, as the scale of each update. So rsLoRA's
    alpha/√rank has been turned into an alpha that much larger, and where an update's alpha isn't the file's,
    its B makes up for that.
    """
    for plan in planned:
        if (update := adapter.updates.get(plan.name)) is None:
            continue
        b = update.b if update.alpha == adapter.alpha else _Scaled(update.b, update.alpha / adapter.alpha)
        permuted = plan.permuted_heads
        yield update.a, PlannedTensor(plan.name, f"{plan.gguf}.lora_a", update.a.shape, permuted_heads=None)
        yield b, PlannedTensor(plan.name, f"{plan.gguf}.lora_b", update.b.shape, permuted_heads=permuted)


class _Scaled(msgspec.Struct, frozen=True):
    """A tensor times a number."""

    tensor: Tensor
    factor: float

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's."""
        return self.tensor.shape

    @property
    def stored_as(self) -> StoredType:
        """What the tensor is stored in; the product has more bits than that."""
        return self.tensor.stored_as

    def rows(self, start: int, stop: int) -> FloatArray:
        """Rows `start` to `stop` (not included) of the product."""
        return self.tensor.rows(start, stop) * np.float32(self.factor)
