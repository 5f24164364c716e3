"""Fetch a pinned file from the Hugging Face hub."""

import re
from pathlib import Path

from huggingface_hub import HfFileMetadata, get_hf_file_metadata, hf_hub_url

from convert.errors import ChecksumError, SourceError
from convert.fetching.hub_answers import HUB_ERRORS, reason
from convert.fetching.transfer import LengthError, arrived, download
from convert.staging import require_space
from modelfiles.catalog import Artifact, HubSource
from modelfiles.progress import Progress

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
        done = arrived(part, artifact.size)
        require_space(folder, artifact.size - done)
        with progress.bar("downloading", artifact.size, done) as advance:
            download(url, part, artifact.size, advance=advance)
    except HUB_ERRORS as error:
        raise SourceError(str(source), reason(error)) from error
    except LengthError as error:
        raise SourceError(str(source), "the file it sent is shorter or longer than it should be") from error
    return part


def _refuse_another_file(metadata: HfFileMetadata, source: HubSource, artifact: Artifact, part: Path) -> None:
    # For large files the hub's etag is the sha256: half a gigabyte that can't be right needn't be fetched.
    if metadata.etag and _SHA256.fullmatch(metadata.etag) and metadata.etag != artifact.sha256:
        raise ChecksumError(part, artifact.sha256, metadata.etag)
    if metadata.size not in (None, artifact.size):
        raise SourceError(str(source), f"its file has {metadata.size} bytes, the pinned one {artifact.size}")
