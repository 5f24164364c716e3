"""Every error that making model files raises on purpose, each saying what to do about it."""

from convert.errors.adapter import AdapterError
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

__all__ = [
    "AdapterError",
    "ChecksumError",
    "DiskSpaceError",
    "EncoderSourceError",
    "FetchBusyError",
    "FetchError",
    "HubUnreachableError",
    "NotBuiltError",
    "NotFetchedError",
    "SnapshotError",
    "SourceError",
    "WhereFromError",
]
