"""The compose files as data, the way the compose tool reads them."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BASE = ROOT / "compose.yaml"
OVERRIDES = tuple(sorted(ROOT.glob("compose.*.yaml")))
FILES = (BASE, *OVERRIDES)
EXAMPLE = ROOT / ".env.example"


class _Loader(yaml.SafeLoader):
    """YAML with the compose specification's two merge tags, whose values are left as they are."""


def _untagged(loader: _Loader, node: yaml.Node) -> object:
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


for tag in ("!reset", "!override"):
    _Loader.add_constructor(tag, _untagged)


def read(path: Path) -> dict[str, Any]:
    """One file, its anchors and merge keys resolved."""
    content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    assert isinstance(content, dict)
    return content


def services(path: Path = BASE) -> dict[str, dict[str, Any]]:
    """The services of one file."""
    found: dict[str, dict[str, Any]] = read(path)["services"]
    return found


def variables() -> set[str]:
    """Every variable that an operator can set: `${NAME…}` in any file, and what is passed on as it is."""
    named = {
        name
        for path in FILES
        for name in re.findall(r"(?<!\$)\$\{([A-Z_]+)", path.read_text(encoding="utf-8"))
    }
    passed = {
        name
        for path in FILES
        for service in services(path).values()
        if service
        for name, value in service.get("environment", {}).items()
        if value is None
    }
    return named | passed
