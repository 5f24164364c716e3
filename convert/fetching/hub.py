"""Fetch a file from the Hugging Face hub into a partial file that a later run continues.

huggingface-hub's `hf_hub_download` starts over after an interruption (since 1.x its partial file has a
random name), so the two functions it is made of are used instead, with a partial file of ours. They honour
HF_ENDPOINT, HF_HUB_OFFLINE and the token (HF_TOKEN, or `hf auth login`), and continue by range requests.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, cast

import httpx
from huggingface_hub import HfFileMetadata, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils._headers import build_hf_headers

from convert.errors import ChecksumError, SourceError
from convert.staging import require_space
from modelfiles.catalog import Artifact, HubSource
from modelfiles.progress import Advance, Progress

# Where there is no way to the hub, the next source should have its turn soon.
_FIRST_ANSWER_SECONDS = 5.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


def download_from_hub(source: HubSource, artifact: Artifact, folder: Path, progress: Progress) -> Path:
    """Bring the whole file, unchecked, into `folder`, continuing what an earlier run left there.

    Raises:
        SourceError: the hub can't be reached, or doesn't give the file.
        ChecksumError: the hub says beforehand that its file is another one.
        DiskSpaceError: it wouldn't fit.
    """
    part = folder / "hub.part"
    try:
        url = hf_hub_url(source.repository, source.path, revision=source.revision)
        _refuse_another_file(get_hf_file_metadata(url, timeout=_FIRST_ANSWER_SECONDS), source, artifact, part)
        if part.exists() and part.stat().st_size > artifact.size:
            part.unlink()
        with part.open("ab") as file:
            done = file.tell()
            require_space(folder, artifact.size - done)
            with progress.bar("downloading", artifact.size, done) as advance:
                http_get(
                    url,
                    file,
                    resume_size=done,
                    headers=build_hf_headers(),
                    expected_size=artifact.size,
                    displayed_filename=artifact.file,
                    # Any callable that makes a bar will do; only the annotation asks for a class.
                    tqdm_class=cast(Any, _bar_maker(advance)),
                )
    except (httpx.HTTPError, httpx.InvalidURL, OfflineModeIsEnabled) as error:
        raise SourceError(str(source), _reason(error)) from error
    except OSError as error:
        if error.errno is not None:  # this machine's disk
            raise
        raise SourceError(str(source), "the file it sent is shorter or longer than it should be") from error
    return part


def _refuse_another_file(metadata: HfFileMetadata, source: HubSource, artifact: Artifact, part: Path) -> None:
    # For large files the hub's etag is the sha256: half a gigabyte that can't be right needn't be fetched.
    if metadata.etag and _SHA256.fullmatch(metadata.etag) and metadata.etag != artifact.sha256:
        raise ChecksumError(part, artifact.sha256, metadata.etag)
    if metadata.size not in (None, artifact.size):
        raise SourceError(str(source), f"its file has {metadata.size} bytes, the pinned one {artifact.size}")


def _reason(error: Exception) -> str:
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (OfflineModeIsEnabled, "HF_HUB_OFFLINE forbids it"),
        (GatedRepoError, "the repository is gated: accept its terms on the hub, then set HF_TOKEN"),
        (RepositoryNotFoundError, "there is no such repository, or it is private: set HF_TOKEN"),
        (RevisionNotFoundError, "the repository has no such revision"),
        (RemoteEntryNotFoundError, "the repository has no such file at this revision"),
    )
    for kind, reason in reasons:
        if isinstance(error, kind):
            return reason
    if isinstance(error, HfHubHTTPError):
        return f"the hub answers {error.response.status_code}"
    return f"the hub can't be reached ({str(error) or type(error).__name__})"


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


def _bar_maker(advance: Advance) -> Callable[..., _Bar]:
    return lambda **_: _Bar(advance)
