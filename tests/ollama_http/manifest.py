"""What a model's name stands for."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)*(:[\w.-]+)?")


@dataclass(frozen=True)
class Manifest:
    """A model's parts. `model` is the file name of the blob that is loaded, not of what was uploaded."""

    model: str
    template: str
    system: str
    parameters: Json
    licenses: Sequence[str]
    messages: Sequence[Json]
    adapters: Sequence[str]

    @property
    def digest(self) -> str:
        """The same for the same parts, whatever the name."""
        return sha256(json.dumps(vars(self), sort_keys=True).encode())


def now() -> str:
    """The time as Ollama writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Entry:
    """A manifest under a name, with its tag and in the case it was first written in."""

    name: str
    manifest: Manifest
    modified_at: str = field(default_factory=now)


def full_name(name: str) -> str:
    """The name with its tag, which is `latest` where none is given."""
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def quoted(text: str) -> str:
    """As Go's `%q` prints it."""
    return json.dumps(text, ensure_ascii=False)


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()
