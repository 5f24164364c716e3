"""A repository of the hub at one commit, as a folder: only what is needed, and every byte checked.

What the folder holds is known by content: a file is fetched if the bytes that are there aren't the commit's.
So an interrupted run continues, and a branch that has moved costs only what has changed.
"""

import hashlib
from pathlib import Path

import msgspec
from huggingface_hub import hf_hub_url

from convert.errors import HubUnreachableError, SnapshotError
from convert.fetching.hub_answers import patiently, told_as_snapshot_errors
from convert.fetching.listing import list_snapshot
from convert.fetching.repository_files import RemoteFile, SnapshotPlan
from convert.fetching.snapshot_record import SnapshotRecord, read_record, write_begun, write_complete
from convert.fetching.transfer import LengthError, arrived, download
from convert.staging import put_in_place, require_space, staging_folder, staging_path
from modelfiles import file_hash
from modelfiles.progress import Advance, Progress, Unseen

_SHOWN = 10


class Snapshot(msgspec.Struct, frozen=True):
    """A complete folder, and where it comes from."""

    folder: Path
    repository: str
    commit: str
    license: str | None


def snapshot_size(repository: str, revision: str) -> SnapshotPlan:
    """What there is to fetch, without fetching it.

    Raises:
        HubUnreachableError: the hub can't be asked now.
        SnapshotError: the repository can't be used.
    """
    return list_snapshot(repository, revision, progress=Unseen())


def complete_snapshot(repository: str, revision: str, folder: Path) -> Snapshot | None:
    """The snapshot that is known to be in the folder, if `revision` is its commit. Asks nobody."""
    found = last_snapshot(repository, revision, folder)
    return found if found and found.commit == revision else None


def last_snapshot(repository: str, revision: str, folder: Path) -> Snapshot | None:
    """The complete snapshot that was fetched at `revision`, wherever a branch is by now. Asks nobody."""
    record = read_record(folder)
    if record is None or record.plan.repository != repository:
        return None
    meant = revision in {record.plan.revision, record.plan.commit}
    return _snapshot(record.plan, folder) if meant and record.is_complete(folder) else None


def missing(plan: SnapshotPlan, folder: Path, *, progress: Progress) -> list[RemoteFile]:
    """The files whose bytes aren't in the folder. Large ones are hashed, unless their hash is remembered."""
    return [file for file in plan.files if not _is_right(folder / file.name, file, progress)]


def still_to_come(plan: SnapshotPlan, folder: Path, *, progress: Progress) -> int:
    """How many bytes have yet to arrive: of missing files, without the parts that an earlier run has left."""
    staging = staging_path(folder.parent, folder.name)
    return sum(
        file.size - arrived(_part(staging, file), file.size)
        for file in missing(plan, folder, progress=progress)
    )


def fetch_snapshot(repository: str, revision: str, folder: Path, *, progress: Progress) -> Snapshot:
    """Make sure that `folder` holds what is needed of a repository at a revision, and fetch it if it doesn't.

    A complete snapshot of a commit is known by its record, without the hub. A branch or tag is looked up:
    where the hub can't be asked, the commit that is there is used, and that is said.

    Args:
        repository: owner/name.
        revision: a branch, a tag or a commit (40 digits).
        folder: made if it isn't there; no other repository may have been fetched into it.
        progress: told every step; one bar shows the bytes of all files.

    Raises:
        HubUnreachableError: the hub can't be asked or stops answering; the same call continues.
        SnapshotError: the repository can't be used, or gives wrong bytes.
        DiskSpaceError: the rest wouldn't fit.
        FetchBusyError: another process is fetching into the same folder.
    """
    if known := complete_snapshot(repository, revision, folder):
        progress.say(f"{repository}@{revision[:_SHOWN]}: already there")
        return known
    try:
        plan = list_snapshot(repository, revision, progress=progress)
    except HubUnreachableError as error:
        last = last_snapshot(repository, revision, folder)
        if last is None:
            raise
        progress.say(f"{error} The commit that is here is used: {last.commit}")
        return last
    with staging_folder(folder.parent, folder.name) as staging:
        _Fetch(plan, folder, staging, progress).run()
    progress.say(f"{repository}@{plan.commit[:_SHOWN]}: every byte checked, in {folder}")
    return _snapshot(plan, folder)


class _Fetch(msgspec.Struct, frozen=True):
    """One run that makes `folder` what `plan` says, through partial files in `staging`."""

    plan: SnapshotPlan
    folder: Path
    staging: Path
    progress: Progress

    def run(self) -> None:
        earlier = read_record(self.folder)
        if earlier is not None and earlier.plan.repository != self.plan.repository:
            raise self._error(
                f"{self.folder} holds {earlier.plan.repository}: name another folder, or remove that one"
            )
        self._tell(earlier)
        self.folder.mkdir(exist_ok=True)
        absent = missing(self.plan, self.folder, progress=self.progress)
        rest = sum(file.size - arrived(_part(self.staging, file), file.size) for file in absent)
        require_space(self.folder, rest)
        write_begun(self.folder, self.plan, earlier)
        if absent:
            with self.progress.bar("downloading", self.plan.size, self.plan.size - rest) as advance:
                for file in absent:
                    self._bring(file, advance)
        for name in (earlier.names if earlier else frozenset()) - {file.name for file in self.plan.files}:
            # An earlier commit's shard would be taken for a part of this one's weights.
            (self.folder / name).unlink(missing_ok=True)
        write_complete(self.folder, self.plan)

    def _bring(self, file: RemoteFile, advance: Advance) -> None:
        url = hf_hub_url(self.plan.repository, file.name, revision=self.plan.commit)
        part = _part(self.staging, file)
        try:
            with told_as_snapshot_errors(self.plan.repository, self.plan.revision):
                patiently(lambda: download(url, part, file.size, advance=advance), self.progress)
        except LengthError as error:
            raise self._error(
                f"{file.name} isn't as long as the hub says ({file.size:,} bytes). Run the same command again"
            ) from error
        if (digest := _digest(part, file, self.progress)) != file.digest:
            part.unlink()
            raise self._error(
                f"{file.name} came with wrong bytes ({digest} instead of {file.digest}) and was thrown away. "
                f"Run the same command again; if they are wrong again, something on the way changes them"
            )
        path = self.folder / file.name
        path.parent.mkdir(exist_ok=True)
        put_in_place(part, path)
        if file.sha256:
            file_hash.remember(path, digest)
        self.progress.say(f"  {file.name}")

    def _tell(self, earlier: SnapshotRecord | None) -> None:
        plan, was = self.plan, earlier.plan if earlier else self.plan
        if was.revision == plan.revision and was.commit != plan.commit:
            self.progress.say(
                f"{plan.repository}@{plan.revision} has moved from {was.commit[:_SHOWN]} to "
                f"{plan.commit[:_SHOWN]}: what has changed is fetched"
            )
        else:
            self.progress.say(
                f"{plan.repository}@{plan.revision}: {len(plan.files)} files, {plan.size / 1e6:,.0f} MB"
            )

    def _error(self, reason: str) -> SnapshotError:
        return SnapshotError(self.plan.repository, self.plan.revision, reason)


def _part(staging: Path, file: RemoteFile) -> Path:
    # Named by content, so that nothing is continued with another commit's bytes.
    return staging / f"{file.digest}.part"


def _is_right(path: Path, file: RemoteFile, progress: Progress) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    if file.sha256:
        return file_hash.file_hash(path, progress) == file.sha256
    return _digest(path, file, progress) == file.digest


def _digest(path: Path, file: RemoteFile, progress: Progress) -> str:
    if file.sha256:
        return file_hash.compute(path, progress)
    content = path.read_bytes()
    # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  # git's own choice


def _snapshot(plan: SnapshotPlan, folder: Path) -> Snapshot:
    return Snapshot(folder, plan.repository, plan.commit, plan.license)
