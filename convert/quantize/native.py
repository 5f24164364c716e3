"""llama.cpp's `llama_model_quantize`: its parameters, from Python's values.

Source: `include/llama.h` and `tools/quantize/quantize.cpp`, whose output this has to equal.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

from llama_cpp import llama_cpp as native

from convert.quantize.imatrix import Imatrix, read_imatrix
from convert.quantize.job import Job
from convert.worker_process import GGML_LOG_LEVEL_ERROR

# Fixed fields of llama_model_kv_override, with room for the final zero.
_TEXT_BYTES = 127

Log = Callable[[str, bool], None]


def quantize_one(job: Job, ftype: int, log: Log) -> bool:
    """Quantize to one level, or only find out what would be written.

    Args:
        job: what to quantize, and how.
        ftype: llama.cpp's number of the level.
        log: told what llama.cpp logs, piece by piece, and whether that is an error.

    Returns:
        Whether llama.cpp says that it went well. What is wrong with the output's disk it doesn't always see.
    """
    parameters = native.llama_model_quantize_default_params()
    parameters.ftype = ftype
    parameters.nthread = job.threads
    parameters.allow_requantize = job.requantize
    parameters.dry_run = job.out is None
    parameters.max_buf_size = job.slab_bytes
    # C keeps only pointers: these names hold what they point to until it is done.
    if job.imatrix is not None:
        matrix = read_imatrix(Path(job.imatrix))
        entries, notes = _entries(matrix), _notes(Path(job.imatrix).name, matrix)
        parameters.imatrix = entries
        parameters.kv_overrides = notes
    callback = native.llama_log_callback(
        lambda level, text, _: log(text.decode(errors="replace"), level == GGML_LOG_LEVEL_ERROR)
    )
    native.llama_log_set(callback, None)
    source, out = os.fsencode(job.source), os.fsencode(job.out or "")
    try:
        status: int = native.llama_model_quantize(source, out, ctypes.byref(parameters))
    finally:
        native.llama_log_set(native.llama_log_callback(), None)  # as before: stderr
    return status == 0


def _entries(matrix: Imatrix) -> "ctypes.Array[native.llama_model_imatrix_data]":
    """The matrix as C has it; the last entry has no name."""
    floats = ctypes.POINTER(ctypes.c_float)
    entries = (native.llama_model_imatrix_data * (len(matrix.means) + 1))()
    for entry, (name, means) in zip(entries, matrix.means.items(), strict=False):
        entry.name = name.encode()
        entry.data = means.ctypes.data_as(floats)
        entry.size = means.size
    return entries


def _notes(file: str, matrix: Imatrix) -> "ctypes.Array[native.llama_model_kv_override]":
    """What the output says of its matrix, as llama-quantize does; the last note has no key."""
    said: dict[str, str | int] = {"file": file}
    if matrix.dataset is not None:
        said["dataset"] = matrix.dataset
    said["entries_count"] = len(matrix.means)
    if matrix.chunks > 0:
        said["chunks_count"] = matrix.chunks
    notes = (native.llama_model_kv_override * (len(said) + 1))()
    for note, (key, value) in zip(notes, said.items(), strict=False):
        note.key = f"quantize.imatrix.{key}".encode()
        if isinstance(value, str):
            note.tag = native.LLAMA_KV_OVERRIDE_TYPE_STR
            note.value.val_str = value.encode()[:_TEXT_BYTES]
        else:
            note.tag = native.LLAMA_KV_OVERRIDE_TYPE_INT
            note.value.val_i64 = value
    return notes
