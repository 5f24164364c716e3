"""How much memory there is: the machine's, and what control groups leave of it."""

import os
from pathlib import Path

import pytest

from convert.verify.memory import memory_bytes

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
# What version 1 says where there is no limit.
UNLIMITED = "9223372036854771712"


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/\n", {"memory.max": "1000000"}, 1_000_000),
        ("0::/\n", {"memory.max": "max"}, MACHINE),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "2000000"}, 2_000_000),
        ("0::/a/b\n", {"a/b/memory.max": "1000000", "a/memory.max": "2000000"}, 1_000_000),
        ("0::/\n", {"memory.max": str(MACHINE * 2)}, MACHINE),
        ("5:cpu:/\n4:memory:/docker/12\n", {"memory/memory.limit_in_bytes": "3000000"}, 3_000_000),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": UNLIMITED}, MACHINE),
        ("5:cpu:/\n", {"memory/memory.limit_in_bytes": "3000000"}, MACHINE),
        (None, {}, MACHINE),
    ],
    ids=[
        "container",
        "container without limit",
        "service in a slice with a limit",
        "the lower of two",
        "more than the machine has",
        "version 1, with the host's name",
        "version 1 without limit",
        "version 1 without the memory controller",
        "no control groups",
    ],
)
def test_memory(tmp_path: Path, groups: str | None, limits: dict[str, str], expected: int) -> None:
    """The least of what the machine has and of every limit that holds."""
    if groups is not None:
        (tmp_path / "groups").write_text(groups)
    for name, limit in limits.items():
        file = tmp_path / "mount" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{limit}\n")
    assert memory_bytes(tmp_path / "groups", tmp_path / "mount") == expected
