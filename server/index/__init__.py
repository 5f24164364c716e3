"""Passages, their terms and vectors → an index that answers both kinds of question in one call."""

from server.index.build import Progress, Report, Stage, build, built_from, fingerprint_of
from server.index.edge import EdgeIndex
from server.index.identity import Compatibility
from server.index.opening import open_index

__all__ = [
    "Compatibility",
    "EdgeIndex",
    "Progress",
    "Report",
    "Stage",
    "build",
    "built_from",
    "fingerprint_of",
    "open_index",
]
