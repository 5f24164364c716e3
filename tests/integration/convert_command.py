"""`futfut-convert` as a person runs it, in this process."""

import sys

import pytest

from convert.cli import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run it with these arguments; its exit code."""
    monkeypatch.setattr(sys, "argv", ["futfut-convert", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)
