"""What Ollama can't tell of a model that was registered: kept in `models/.registered/`, one file a name."""

from pathlib import Path

import msgspec

from modelfiles.chat_template import ChatTemplate

# Raise it whenever the gate asks for more: models that passed an older one go through it again.
GATE = 1


class Record(msgspec.Struct, frozen=True):
    """A model that has passed the gate.

    Ollama rewrites the file that it is given, so that nothing in it tells which one that was; and it shows no
    chat template. `files` are the sha256 of those it was given, by name, `request` that of all that the model
    was created from, `digest` its identity in Ollama.
    """

    name: str
    files: dict[str, str]
    request: str
    digest: str
    gate: int
    warnings: tuple[str, ...]
    chat_template: ChatTemplate | None


def read_record(models_dir: Path, name: str) -> Record | None:
    """What is known of a model; None if that is nothing, or can't be read any more."""
    try:
        return msgspec.json.decode(_path(models_dir, name).read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        # It is a memory: without it the model is registered again.
        return None


def write_record(models_dir: Path, record: Record) -> None:
    """Keep what is known of a model, in one step."""
    path = _path(models_dir, record.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(msgspec.json.encode(record))
    unfinished.replace(path)


def drop_record(models_dir: Path, name: str) -> None:
    """Forget a model."""
    _path(models_dir, name).unlink(missing_ok=True)


def _path(models_dir: Path, name: str) -> Path:
    return models_dir / ".registered" / f"{name}.json"
