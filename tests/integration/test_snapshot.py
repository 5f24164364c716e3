"""Snapshots from a local server that speaks the hub's protocol: complete, continued, renewed."""

import fcntl
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from convert.errors import DiskSpaceError, FetchBusyError, HubUnreachableError, SnapshotError
from convert.fetching.snapshot import Snapshot, complete_snapshot, fetch_snapshot, snapshot_size
from modelfiles import file_hash
from modelfiles.progress import Unseen
from tests.hub_server import Hub, point_hub_at
from tests.recording_progress import RecordingProgress
from tests.sample_repository import FIRST, SECOND, SHARDS, noise, repository, wanted

FETCH = """
import sys
from pathlib import Path
from huggingface_hub import constants
from convert.fetching.snapshot import fetch_snapshot
from modelfiles.progress import Unseen
constants.DOWNLOAD_CHUNK_SIZE = 1000
fetch_snapshot("org/name", "main", Path(sys.argv[1]), progress=Unseen())
"""


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """The hub holds the sample repository."""
    hub.push(FIRST, repository())
    hub.about = {
        "cardData": {"license": "mit"},
        "safetensors": {"parameters": {"BF16": 40_000}, "total": 40_000},
    }
    return hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the snapshot goes; nothing of it is there yet."""
    return tmp_path / "checkpoints" / "org" / "name"


def files_in(folder: Path) -> dict[str, bytes]:
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return {str(path): (folder / path).read_bytes() for path in paths if not str(path).startswith(".")}


@pytest.mark.usefixtures("hub")
def test_only_what_is_needed_is_fetched(folder: Path) -> None:
    """The shards of the index, the tokenizer, the licence: no pickle, no second form of the weights."""
    progress = RecordingProgress()
    snapshot = fetch_snapshot("org/name", "main", folder, progress=progress)
    assert snapshot == Snapshot(folder, "org/name", FIRST, "mit")
    assert files_in(folder) == wanted()
    assert progress.bars["downloading"] == progress.totals["downloading"] == sum(map(len, wanted().values()))
    assert list((folder.parent / ".fetching").iterdir()) == []


def test_the_plan_downloads_nothing(hub: Hub) -> None:
    """Files, bytes and what the descriptions say are known before anything is fetched."""
    plan = snapshot_size("org/name", "main")
    assert (plan.commit, plan.parameters, plan.license) == (FIRST, 40_000, "mit")
    assert {file.name for file in plan.files} == wanted().keys()
    assert plan.size == sum(map(len, wanted().values()))
    assert plan.weights_size == 80_000
    assert plan.config == {"architectures": ["LlamaForCausalLM"]}
    assert plan.adapter is None
    assert hub.gets(".safetensors") == []


def test_the_token_goes_with_every_request(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_TOKEN opens private repositories, their listing as well as their files."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch_snapshot("org/name", "main", folder, progress=Unseen())
    assert {request.token for request in hub.requests} == {"Bearer hf_secret"}


def test_a_complete_commit_needs_no_hub(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its record alone, without a request and without reading a file."""
    first = fetch_snapshot("org/name", FIRST, folder, progress=Unseen())
    hub.requests.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert fetch_snapshot("org/name", FIRST, folder, progress=Unseen()) == first
    assert complete_snapshot("org/name", FIRST, folder) == first
    assert complete_snapshot("org/name", SECOND, folder) is None
    assert hub.requests == []


def test_a_branch_without_a_hub_is_what_is_here(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A complete snapshot is used where nobody can tell whether its branch has moved, and that is said."""
    fetch_snapshot("org/name", "main", folder, progress=Unseen())
    hub.status = 503
    progress = RecordingProgress()
    assert fetch_snapshot("org/name", "main", folder, progress=progress).commit == FIRST
    assert progress.lines[-1].endswith(f"The commit that is here is used: {FIRST}")
    (folder / "config.json").unlink()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnreachableError, match="HF_HUB_OFFLINE"):
        fetch_snapshot("org/name", "main", folder, progress=Unseen())


def test_a_branch_that_moved_costs_what_changed(hub: Hub, folder: Path) -> None:
    """Files with the same bytes are kept, those that are gone go, and what a person put there stays."""
    hub.push(FIRST, repository() | {"vocab.json": b"{}"})
    fetch_snapshot("org/name", "main", folder, progress=Unseen())
    (folder / "notes.txt").write_text("mine")
    hub.push(SECOND, repository("second"))
    hub.requests.clear()
    progress = RecordingProgress()
    assert fetch_snapshot("org/name", "main", folder, progress=progress).commit == SECOND
    assert files_in(folder) == wanted("second") | {"notes.txt": b"mine"}
    assert hub.gets(".safetensors") == [None]
    assert any(
        line.startswith("org/name@main has moved from aaaaaaaaaa to bbbbbbbbbb") for line in progress.lines
    )
    assert progress.begun["downloading"] == progress.totals["downloading"] - 40_000


def test_what_was_changed_here_is_fetched_again(hub: Hub, folder: Path) -> None:
    """A file that isn't the commit's any more isn't trusted, though its size is right."""
    fetch_snapshot("org/name", FIRST, folder, progress=Unseen())
    (folder / SHARDS[0]).write_bytes(noise("something else"))
    (folder / "tokenizer_config.json").write_bytes(b"[]")
    hub.requests.clear()
    fetch_snapshot("org/name", FIRST, folder, progress=Unseen())
    assert files_in(folder) == wanted()
    assert hub.gets() == [None, None, None, None]  # the two descriptions, the two files
    assert file_hash.remembered(folder / SHARDS[0]) is not None


def wait_for_part(staging: Path, size: int) -> None:
    """Until a partial file has grown so far; others may come and go meanwhile."""
    deadline = time.monotonic() + 30
    while True:
        with suppress(FileNotFoundError):
            if any(part.stat().st_size > size for part in staging.glob("*.part")):
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_killed_fetch_is_continued(hub: Hub, folder: Path) -> None:
    """Killed in the middle of a shard: whole files aren't fetched again, the shard goes on where it was."""
    hub.push(FIRST, repository() | {SHARDS[1]: noise("large", 400_000)})
    hub.seconds_a_block = 0.05
    environment = os.environ | {"HF_ENDPOINT": f"http://127.0.0.1:{hub.port}"}
    with subprocess.Popen([sys.executable, "-c", FETCH, str(folder)], env=environment) as process:
        try:
            wait_for_part(folder.parent / ".fetching" / "name", 100_000)
        finally:
            process.kill()
    assert complete_snapshot("org/name", FIRST, folder) is None
    assert not (folder / SHARDS[1]).exists()
    hub.seconds_a_block = 0
    hub.requests.clear()
    progress = RecordingProgress()
    fetch_snapshot("org/name", "main", folder, progress=progress)
    assert (folder / SHARDS[1]).read_bytes() == noise("large", 400_000)
    (range_,) = hub.gets(".safetensors")
    assert range_ is not None
    assert int(range_.removeprefix("bytes=").removesuffix("-")) > 100_000
    assert progress.begun["downloading"] > 140_000
    assert progress.bars["downloading"] == progress.totals["downloading"]


def test_a_server_that_ignores_the_range_starts_over(hub: Hub, folder: Path) -> None:
    """The bytes are right nevertheless, and the bar doesn't overshoot."""
    hub.sent[SHARDS[1]] = noise("first")[:20_000]
    hub.tells_length = False
    with pytest.raises(SnapshotError, match=f"{SHARDS[1]} isn't as long as the hub says"):
        fetch_snapshot("org/name", "main", folder, progress=Unseen())
    hub.sent.clear()
    hub.honours_range = False
    progress = RecordingProgress()
    fetch_snapshot("org/name", "main", folder, progress=progress)
    assert files_in(folder) == wanted()
    assert progress.bars["downloading"] == progress.totals["downloading"]


def test_a_cut_connection_is_continued(hub: Hub, folder: Path) -> None:
    """In the same run, from where it broke."""
    hub.cut_after = 30_000
    fetch_snapshot("org/name", "main", folder, progress=RecordingProgress())
    assert files_in(folder) == wanted()
    assert hub.gets(SHARDS[0]) == [None, "bytes=30000-"]


def test_a_hub_that_stumbles_is_asked_again(hub: Hub, folder: Path) -> None:
    """503, 429 and 500 pass by themselves, and a person sees why it takes longer."""
    hub.failures = [503, 429, 200, 200, 500]
    progress = RecordingProgress()
    fetch_snapshot("org/name", "main", folder, progress=progress)
    assert files_in(folder) == wanted()
    assert [line for line in progress.lines if "asking again" in line] == [
        f"  the hub answers {status}; asking again in 0 s" for status in (503, 429, 500)
    ]


def test_wrong_bytes_never_get_into_place(hub: Hub, folder: Path) -> None:
    """Both hashes are told, and the next run fetches the file from its beginning."""
    for name in (SHARDS[1], "tokenizer_config.json"):
        hub.sent = {name: wanted()[name][:-1] + b"!"}
        with pytest.raises(SnapshotError, match=rf"{name} came with wrong bytes \(\w+ instead of \w+\)"):
            fetch_snapshot("org/name", "main", folder, progress=Unseen())
        assert not (folder / name).exists()
        hub.sent.clear()
        hub.requests.clear()
        fetch_snapshot("org/name", "main", folder, progress=Unseen())
        assert files_in(folder) == wanted()
        assert hub.gets(name) == [None]
        (folder / "tokenizer_config.json").unlink()


def test_a_full_disk_is_noticed_before_anything_starts(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For all files together, and it says how much to free."""
    nearly_full = SimpleNamespace(free=64_050_000)
    monkeypatch.setattr("convert.staging.shutil.disk_usage", lambda _: nearly_full)
    with pytest.raises(DiskSpaceError, match=r"Free \d+ MB") as caught:
        fetch_snapshot("org/name", "main", folder, progress=Unseen())
    assert caught.value.needed == sum(map(len, wanted().values())) + 64_000_000
    assert hub.gets(".safetensors") == []


@pytest.mark.usefixtures("hub")
def test_two_processes_never_fetch_into_one_folder(folder: Path) -> None:
    """The second is told who is at work."""
    lock = folder.parent / ".fetching" / "name" / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(FetchBusyError, match="Another process is at work on name"):
            fetch_snapshot("org/name", "main", folder, progress=Unseen())
    assert fetch_snapshot("org/name", "main", folder, progress=Unseen()).commit == FIRST


def test_a_damaged_record_is_no_record(hub: Hub, folder: Path) -> None:
    """Every file is looked at again, and none is fetched."""
    fetch_snapshot("org/name", FIRST, folder, progress=Unseen())
    (folder / ".snapshot.json").write_text(json.dumps({"plan": 1}))
    hub.requests.clear()
    assert fetch_snapshot("org/name", FIRST, folder, progress=Unseen()).commit == FIRST
    assert hub.gets(".safetensors") == []
    assert complete_snapshot("org/name", FIRST, folder) is not None


def test_without_a_hub_nothing_is_left_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that the hub can't be reached, and no empty folder takes the name."""
    point_hub_at(monkeypatch, 9)
    with pytest.raises(HubUnreachableError, match=r"can't be reached .*refused"):
        fetch_snapshot("org/name", "main", folder, progress=Unseen())
    assert not folder.parent.exists()
