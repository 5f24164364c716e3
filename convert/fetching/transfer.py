"""Bring one file of the Hugging Face hub into a partial file that a later run continues.

huggingface-hub's `hf_hub_download` starts over after an interruption (since 1.x its partial file has a
random name), so the function it is made of is used instead, with a partial file of ours. It honours
HF_ENDPOINT, HF_HUB_OFFLINE and the token (HF_TOKEN, or `hf auth login`), and continues by range requests.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, cast

from huggingface_hub.file_download import http_get
from huggingface_hub.utils._headers import build_hf_headers

from convert.fetching.hub_answers import HUB_ERRORS
from modelfiles.progress import Advance


class LengthError(Exception):
    """What arrived is shorter or longer than it should be, and no connection broke on the way."""


def arrived(part: Path, size: int) -> int:
    """How many bytes of a partial file can be continued; one that is too long can't, and is removed."""
    if not part.exists():
        return 0
    if part.stat().st_size > size:
        part.unlink()
        return 0
    return part.stat().st_size


def download(url: str, part: Path, size: int, *, advance: Advance) -> None:
    """Bring the whole file of `size` bytes into `part`, unchecked, continuing what is there of it.

    `advance` is told the bytes as they come, and a negative number if the server makes us start over.

    Raises:
        HUB_ERRORS: the hub can't be reached, or doesn't give the file.
        LengthError: its file isn't `size` bytes long.
        OSError: this machine's disk fails.
    """
    done = arrived(part, size)
    try:
        with part.open("ab") as file:
            http_get(
                url,
                file,
                resume_size=done,
                # A compressed answer can't be continued in its middle.
                headers=build_hf_headers(headers={"accept-encoding": "identity"}),
                expected_size=size,
                # Any callable that makes a bar will do; only the annotation asks for a class.
                tqdm_class=cast(Any, _bar_maker(advance, done)),
            )
    except OSError as error:
        if error.errno is not None or isinstance(error, HUB_ERRORS):
            raise
        raise LengthError from error


class _Bar:
    """As much of tqdm's interface as `http_get` uses, in front of our own progress."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, count: int) -> None:
        self._advance(count)


def _bar_maker(advance: Advance, done: int) -> Callable[..., _Bar]:
    def bar(*, initial: int, **_: object) -> _Bar:
        # A server that ignores the range sends the whole file again.
        if initial < done:
            advance(initial - done)
        return _Bar(advance)

    return bar
