"""Every error that making model files raises on purpose, each saying what to do about it."""

from convert.errors.adapter import AdapterError
from convert.errors.checkpoint import CheckpointError, NotANumberError, WeightRangeError
from convert.errors.encoder import EncoderSourceError
from convert.errors.fetching import (
    ChecksumError,
    DiskSpaceError,
    FetchBusyError,
    FetchError,
    HubUnreachableError,
    NotBuiltError,
    NotFetchedError,
    SnapshotError,
    SourceError,
    WhereFromError,
)
from convert.errors.quantize import (
    AlreadyQuantizedError,
    DiskFullError,
    ImatrixError,
    ImatrixNeededError,
    NoQuantizeSourceError,
    QuantizeError,
    SameLevelError,
    UnknownLevelError,
    UnusableSourceError,
    WorkerKilledError,
)

__all__ = [
    "AdapterError",
    "AlreadyQuantizedError",
    "CheckpointError",
    "ChecksumError",
    "DiskFullError",
    "DiskSpaceError",
    "EncoderSourceError",
    "FetchBusyError",
    "FetchError",
    "HubUnreachableError",
    "ImatrixError",
    "ImatrixNeededError",
    "NoQuantizeSourceError",
    "NotANumberError",
    "NotBuiltError",
    "NotFetchedError",
    "QuantizeError",
    "SameLevelError",
    "SnapshotError",
    "SourceError",
    "UnknownLevelError",
    "UnusableSourceError",
    "WeightRangeError",
    "WhereFromError",
    "WorkerKilledError",
]
