"""What it means when the hub doesn't give what it was asked for, and when asking again is worth it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx
from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from convert.errors import HubUnreachableError, SnapshotError
from modelfiles.progress import Progress

# Otherwise huggingface-hub asks the hub for a list of AI tools, and tells it in which of them we run.
constants.HF_HUB_DISABLE_TELEMETRY = True

# What asking the hub may raise, apart from this machine's own OSError.
HUB_ERRORS = (httpx.HTTPError, httpx.InvalidURL, OfflineModeIsEnabled)
# How long to wait before the hub is asked again, each time.
WAITS_SECONDS = (1.0, 5.0, 20.0)

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (OfflineModeIsEnabled, "HF_HUB_OFFLINE forbids asking the hub: unset it"),
    (DisabledRepoError, "the hub has disabled the repository"),
    (GatedRepoError, "the repository is gated: accept its terms on the hub, then set HF_TOKEN"),
    (RepositoryNotFoundError, "there is no such repository, or it is private: set HF_TOKEN"),
    (RevisionNotFoundError, "the repository has no such revision"),
    (RemoteEntryNotFoundError, "the repository has no such file at this revision"),
)
_STATUSES = {
    401: "the hub doesn't accept the token: set HF_TOKEN to one that is valid",
    403: "the token isn't allowed to read this: set HF_TOKEN to one that is",
}

T = TypeVar("T")


def reason(error: Exception) -> str:
    """What one of HUB_ERRORS means, and what to do, in words."""
    for kind, words in _KINDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return _STATUSES.get(status, f"the hub answers {status}")
    return f"the hub can't be reached ({str(error) or type(error).__name__})"


def patiently(ask: Callable[[], T], progress: Progress) -> T:
    """Ask the hub, and ask again after a while if it only can't answer just now.

    Raises:
        HUB_ERRORS: it doesn't answer the last time either, or refuses for good.
    """
    for seconds in WAITS_SECONDS:
        try:
            return ask()
        except HfHubHTTPError as error:
            if not _passes(error):
                raise
            progress.say(f"  {reason(error)}; asking again in {seconds:.0f} s")
        time.sleep(seconds)
    return ask()


@contextmanager
def told_as_snapshot_errors(repository: str, revision: str) -> Iterator[None]:
    """Raise what the hub answers as an error that a person can act on.

    Raises:
        HubUnreachableError: the hub can't be asked now.
        SnapshotError: it refuses.
    """
    try:
        yield
    except HUB_ERRORS as error:
        if isinstance(error, HfHubHTTPError) and not _passes(error):
            raise SnapshotError(repository, revision, reason(error)) from error
        kept = f"{reason(error)}. What has arrived is kept, and the same command continues"
        raise HubUnreachableError(repository, revision, kept) from error


def _passes(error: HfHubHTTPError) -> bool:
    status = error.response.status_code
    return status in {408, 429} or status >= 500  # noqa: PLR2004  # the server's own failures (RFC 9110, 15.6)
