"""What is said between the process that asks for a quantization and the one that does it."""

import msgspec

# Rows of one tensor are quantized in slabs of about this many bytes; llama.cpp's own default is 8 GiB.
SLAB_BYTES = 256 << 20


class Job(msgspec.Struct, frozen=True):
    """One source, quantized to some levels; several only where nothing is written.

    Attributes:
        source: the GGUF file to read.
        ftypes: llama.cpp's numbers of the levels.
        out: the file to write; None only finds out what would be written.
        imatrix: an importance matrix's file.
        threads: how many to use; 0 for one a core.
        requantize: whether a source that is quantized already may be.
        slab_bytes: how much of a tensor is in memory at a time.
    """

    source: str
    ftypes: tuple[int, ...]
    out: str | None = None
    imatrix: str | None = None
    threads: int = 0
    requantize: bool = False
    slab_bytes: int = SLAB_BYTES


class Line(msgspec.Struct, frozen=True, tag=True):
    """A line of llama.cpp's log, and how many bytes of the output were written by then."""

    text: str
    is_error: bool
    written: int


class Ended(msgspec.Struct, frozen=True, tag=True):
    """One level is through; `succeeded` is llama.cpp's own verdict."""

    succeeded: bool


Message = Line | Ended
