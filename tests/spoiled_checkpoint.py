"""Ways to spoil a checkpoint, and what is then said of it."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convert.checkpoint.open import open_checkpoint
from convert.errors import CheckpointError


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit a JSON file in place."""
    content = json.loads(path.read_bytes())
    edit(content)
    path.write_text(json.dumps(content))


def change_header(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit what a safetensors file says of its tensors, and leave their bytes as they are."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    edit(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def refusal(folder: Path) -> str:
    """The message with which a folder is refused."""
    with pytest.raises(CheckpointError) as refused:
        open_checkpoint(folder)
    return str(refused.value)
