"""How much memory this process may fill: the machine's, or less if its container or service has a limit."""

import os
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def memory_bytes(groups: Path = _GROUPS, mount: Path = _MOUNT) -> int:
    """The least of the machine's memory and all limits that hold for this process.

    Args:
        groups: the process's control groups, as man 7 cgroups describes the file.
        mount: where the tree of control groups is; that of version 1's memory controller is in `memory/`.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(groups, mount)])


def _limits(groups: Path, mount: Path) -> Iterator[int]:
    for line in groups.read_text().splitlines() if groups.is_file() else ():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            yield from _limits_above(mount, group, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits_above(mount / "memory", group, "memory.limit_in_bytes")


def _limits_above(root: Path, group: str, file: str) -> Iterator[int]:
    """A group's limits and those of the groups around it, which hold for it, too.

    In a container the name may be the host's, which isn't there: then the root is the container's own group.
    """
    folder = root / group.lstrip("/")
    for each in (folder, *folder.parents):
        if each.is_relative_to(root) and (limit := each / file).is_file():
            said = limit.read_text().strip()
            if said != "max":
                yield int(said)
