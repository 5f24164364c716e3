"""Passages, their terms and vectors → an index that answers both kinds of question in one call."""

from server.index.build import Progress, Report, Stage, build
from server.index.edge import EdgeIndex
from server.index.identity import Compatibility

__all__ = ["Compatibility", "EdgeIndex", "Progress", "Report", "Stage", "build"]
