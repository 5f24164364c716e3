"""Which files of a folder hold a checkpoint's weights, and what is in them."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from convert.checkpoint.listing import listed
from convert.checkpoint.safetensors import UnreadTensor, read_header
from convert.checkpoint.tensor import StoredTensor

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_AGAIN = "Fetch it again"


class _Index(msgspec.Struct, frozen=True):
    weight_map: dict[str, str]


class WeightFiles(msgspec.Struct, frozen=True):
    """What the files hold, and what is wrong with them."""

    tensors: Mapping[str, StoredTensor]
    unread: tuple[UnreadTensor, ...]
    problems: tuple[str, ...]


def read_weight_files(folder: Path) -> WeightFiles:
    """Read the headers of all files with weights: one file, or the shards that an index names.

    Raises:
        OSError: a file can't be read.
    """
    try:
        files, in_index = _files(folder)
    except ValueError as error:
        return WeightFiles({}, (), (str(error),))
    problems: list[str] = []
    found: dict[str, StoredTensor | UnreadTensor] = {}
    for file in files:
        try:
            header = read_header(folder / file)
        except FileNotFoundError:
            problems.append(f"{file} is missing. {_AGAIN}.")
            continue
        except ValueError as error:
            problems.append(f"{file}: {error}. {_AGAIN}.")
            continue
        if twice := header.keys() & found.keys():
            problems.append(f"{file} holds tensors that another file holds too: {listed(twice)}.")
        found |= header
    if in_index is not None and not problems and (differing := in_index ^ found.keys()):
        problems.append(
            f"{INDEX} and the files that it names don't agree about: {listed(differing)}. {_AGAIN}."
        )
    return WeightFiles(
        tensors={name: tensor for name, tensor in found.items() if isinstance(tensor, StoredTensor)},
        unread=tuple(tensor for tensor in found.values() if isinstance(tensor, UnreadTensor)),
        problems=tuple(problems),
    )


def _files(folder: Path) -> tuple[list[str], set[str] | None]:
    """The files with weights, and the tensors that an index, if there is one, says are in them.

    Raises:
        ValueError: there are none that can be used; says what to do.
    """
    if (folder / INDEX).is_file():
        return _indexed(folder / INDEX)
    if (folder / SINGLE).is_file():
        return [SINGLE], None
    if any(folder.glob("*.safetensors")):
        raise ValueError(f"its weights are in several files, but {INDEX} is missing. {_AGAIN}.")
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt*")):
        raise ValueError(
            "its weights are pickles, which could run anything when they are opened. Save them again with "
            "save_pretrained(…, safe_serialization=True), or ask the repository's owner for safetensors."
        )
    raise ValueError(f"there are no weights in it ({SINGLE}, or shards and {INDEX}). {_AGAIN}.")


def _indexed(path: Path) -> tuple[list[str], set[str]]:
    try:
        index = msgspec.json.decode(path.read_bytes(), type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{INDEX} can't be read: {error}. {_AGAIN}.") from error
    # Whoever made the repository named the files: none of them may be outside of the folder.
    if outside := [file for file in index.weight_map.values() if Path(file).name != file]:
        raise ValueError(f"{INDEX} names a file outside of the folder: {outside[0]}. Don't trust it.")
    return sorted(set(index.weight_map.values())), set(index.weight_map)
