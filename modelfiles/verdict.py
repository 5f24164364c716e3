"""What verification found of a model file: written where it is measured, read where models are registered.

It lies in `.verdicts/` beside the file and speaks of its very bytes: a file that was made again has none.
"""

from pathlib import Path

import msgspec

_FOLDER = ".verdicts"


class Verdict(msgspec.Struct, frozen=True):
    """Whether a file of this sha256 is good enough, and if not, why."""

    sha256: str
    passed: bool
    reasons: tuple[str, ...] = ()


def read_verdict(model: Path, sha256: str) -> Verdict | None:
    """What was found of a file; None if it wasn't verified as it is now."""
    try:
        verdict = msgspec.json.decode(_path(model).read_bytes(), type=Verdict)
    except (OSError, msgspec.MsgspecError):
        # Unverified is no fault: an operator may bring a file of any origin.
        return None
    return verdict if verdict.sha256 == sha256 else None


def write_verdict(model: Path, verdict: Verdict) -> None:
    """Keep what was found of a file, in one step."""
    path = _path(model)
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(msgspec.json.encode(verdict))
    unfinished.replace(path)


def _path(model: Path) -> Path:
    return model.parent / _FOLDER / f"{model.name}.json"
