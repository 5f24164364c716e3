"""What a folder says of its model for people: names and licence, languages, recommended sampling.

It is read from the model card's head, generation_config.json and the folder's name, by llama.cpp's own rules.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import gguf
import msgspec
import yaml

_CARD = "README.md"
_SAMPLING = "generation_config.json"


def read_card(folder: Path, weights: int) -> gguf.Metadata:
    """Read a folder's descriptions; the number of its `weights` tells a size in its name from a version.

    Raises:
        ValueError: a file can't be read, or says something that no GGUF file can; says what to do.
        OSError: a file can't be read at all.
    """
    sampling = _generation_config(folder)
    try:
        metadata = gguf.Metadata.load(model_path=folder, total_params=weights)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"the head of its {_CARD} can't be read: {error}. Mend or remove it.") from error
    except (AttributeError, TypeError) as error:
        # The package takes for granted that names are texts.
        raise ValueError(
            f"the names in its {_CARD} or in _name_or_path of its config.json are no texts ({error}). "
            f"Mend or remove them."
        ) from error
    if metadata.sampling_penalty_repeat is None:
        # What transformers calls it, which the package doesn't know yet.
        metadata.sampling_penalty_repeat = sampling.get("repetition_penalty")
    try:
        msgspec.convert(dataclasses.asdict(metadata), gguf.Metadata)
    except msgspec.ValidationError as error:
        file = _SAMPLING if "$.sampling_" in str(error) else f"the head of {_CARD}"
        raise ValueError(f"{file} has a value of another kind than it must be: {error}. Mend it.") from error
    return metadata


def _generation_config(folder: Path) -> dict[str, Any]:
    path = folder / _SAMPLING
    if not path.is_file():
        return {}
    try:
        return msgspec.convert(json.loads(path.read_bytes()), dict[str, Any])
    except ValueError as error:
        raise ValueError(f"{_SAMPLING} can't be read: {error}. Mend or remove it.") from error
