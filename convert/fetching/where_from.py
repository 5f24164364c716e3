"""What a person means by "from": a folder of this machine, or a repository of the hub."""

import re
from pathlib import Path

import msgspec

from convert.errors import WhereFromError

# The hub's own rules for names; a name becomes a folder's, so it must never lead anywhere else.
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


class LocalFolder(msgspec.Struct, frozen=True):
    """A folder that is there."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)


class HubRepository(msgspec.Struct, frozen=True):
    """A repository of the hub at a branch, a tag or a commit."""

    repository: str
    revision: str = "main"

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"


def where_from(text: str) -> LocalFolder | HubRepository:
    """Read a place: an existing folder, else owner/name or owner/name@revision.

    Where both are possible the folder is meant: `owner/name@main` is always the repository.

    Raises:
        WhereFromError: it is neither.
    """
    path = Path(text).expanduser() if text == "~" or text.startswith("~/") else Path(text)
    if text and path.is_dir():
        return LocalFolder(path)
    if path.is_file():
        raise WhereFromError(text, f"is a file: the folder that it lies in is meant, {path.parent}")
    if "://" in text:
        raise WhereFromError(text, "is an address: the last two parts of it are the repository's name")
    if text.startswith(("/", "./", "../", "~")):
        raise WhereFromError(text, "is no folder of this machine")
    repository, at, revision = text.partition("@")
    if not is_repository(repository) or (at and not is_revision(revision)):
        raise WhereFromError(text, "is neither a folder nor a repository's name")
    return HubRepository(repository, revision) if at else HubRepository(repository)


def is_repository(name: str) -> bool:
    """Whether `name` is owner/name by the hub's rules."""
    return _REPOSITORY.fullmatch(name) is not None and ".." not in name and "--" not in name


def is_revision(name: str) -> bool:
    """Whether `name` can be a branch, a tag or a commit."""
    return _REVISION.fullmatch(name) is not None and ".." not in name
