"""Ask the hub what a repository holds at a revision, and which commit that is."""

from collections.abc import Sequence
from typing import Any

import httpx
from huggingface_hub import HfApi, ModelInfo, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import get_session, hf_raise_for_status

from convert.errors import HubUnreachableError, SnapshotError
from convert.fetching.hub_answers import patiently, told_as_snapshot_errors
from convert.fetching.repository_files import (
    ADAPTER_CONFIG,
    CONFIG,
    INDEX,
    RemoteFile,
    SnapshotPlan,
    needed,
    problems,
)
from convert.fetching.where_from import is_repository, is_revision
from modelfiles.progress import Progress

_ANSWER_SECONDS = 20.0


def list_snapshot(repository: str, revision: str, *, progress: Progress) -> SnapshotPlan:
    """What there is to fetch of a repository: nothing is written, and only its small descriptions are read.

    Raises:
        HubUnreachableError: the hub can't be asked now.
        SnapshotError: there is no such repository or revision, it may not be read, or it holds nothing that
            can be converted; names everything that is wrong with it.
    """
    if not (is_repository(repository) and is_revision(revision)):
        raise SnapshotError(repository, revision, "that isn't a repository's name: write owner/name")
    with told_as_snapshot_errors(repository, revision):
        info = patiently(lambda: _info(repository, revision), progress)
        siblings = info.siblings or []
        names = [file.rfilename for file in siblings]
        if found := problems(names):
            raise SnapshotError(repository, revision, "; ".join(found))

        def described(name: str) -> dict[str, Any] | None:
            if name not in names:
                return None
            return patiently(lambda: _read_json(repository, revision, str(info.sha), name), progress)

        index, config, adapter = described(INDEX), described(CONFIG), described(ADAPTER_CONFIG)
    try:
        wanted = needed(names, index)
    except ValueError as error:
        raise SnapshotError(repository, revision, f"{error}: its owner must upload it whole") from error
    return SnapshotPlan(
        repository=repository,
        revision=revision,
        commit=str(info.sha),
        files=_files(siblings, wanted),
        config=config,
        adapter=adapter,
        parameters=info.safetensors.total if info.safetensors else None,
        license=_license(info),
    )


def _info(repository: str, revision: str) -> ModelInfo:
    try:
        return HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=_ANSWER_SECONDS)
    except (HfHubHTTPError, httpx.HTTPError):
        raise
    except (ValueError, TypeError, KeyError) as error:
        # A proxy's or a captive portal's page.
        raise HubUnreachableError(
            repository, revision, "what answers isn't a hub: see HF_ENDPOINT"
        ) from error


def _read_json(repository: str, revision: str, commit: str, name: str) -> dict[str, Any]:
    url = hf_hub_url(repository, name, revision=commit)
    answer = get_session().get(url, headers=build_hf_headers(), timeout=_ANSWER_SECONDS)
    hf_raise_for_status(answer)
    try:
        found = answer.json()
    except ValueError as error:
        raise SnapshotError(repository, revision, f"its {name} isn't JSON ({error})") from error
    if not isinstance(found, dict):
        raise SnapshotError(repository, revision, f"its {name} isn't a JSON object")
    return found


def _files(siblings: Sequence[RepoSibling], wanted: Sequence[str]) -> tuple[RemoteFile, ...]:
    by_name = {file.rfilename: file for file in siblings}
    return tuple(_file(by_name[name]) for name in wanted)


def _file(file: RepoSibling) -> RemoteFile:
    return RemoteFile(
        file.rfilename, int(file.size or 0), str(file.blob_id), file.lfs.sha256 if file.lfs else None
    )


def _license(info: ModelInfo) -> str | None:
    # Annotated as one text, but cards that name several come through as a list.
    said: Any = info.card_data.license if info.card_data else None
    return ", ".join(said) if isinstance(said, list) else said
