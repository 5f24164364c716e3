"""What a repository or a hub can be refused for: each says what it is and what to do, in one line."""

import json
from pathlib import Path

import pytest

from convert.errors import HubUnreachableError, SnapshotError
from convert.fetching.snapshot import fetch_snapshot, snapshot_size
from modelfiles.progress import Unseen
from tests.hub_server import Hub
from tests.sample_repository import FIRST, SECOND, SHARDS, index, noise, repository, wanted


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """The hub holds the sample repository."""
    hub.push(FIRST, repository())
    return hub


def refusal(repository: str, revision: str, folder: Path) -> SnapshotError:
    """The error of a fetch; the plan is refused in the same words, and nothing has been written."""
    with pytest.raises(SnapshotError) as planned:
        snapshot_size(repository, revision)
    with pytest.raises(SnapshotError) as caught:
        fetch_snapshot(repository, revision, folder, progress=Unseen())
    assert str(planned.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    assert not folder.exists()
    return caught.value


@pytest.mark.parametrize(
    ("status", "error_code", "error_message", "reason"),
    [
        (401, "GatedRepo", "", "gated: accept its terms on the hub, then set HF_TOKEN"),
        (403, "GatedRepo", "", "gated: accept its terms on the hub, then set HF_TOKEN"),
        (401, "", "Invalid credentials in Authorization header", "doesn't accept the token: set HF_TOKEN"),
        (403, "", "", "the token isn't allowed to read this: set HF_TOKEN"),
        (403, "", "Access to this resource is disabled.", "the hub has disabled the repository"),
        (404, "RepoNotFound", "", "no such repository, or it is private: set HF_TOKEN"),
        (418, "", "", "the hub answers 418"),
    ],
)
def test_what_the_hub_refuses(  # noqa: PLR0913, PLR0917  # one row of the table
    hub: Hub, tmp_path: Path, status: int, error_code: str, error_message: str, reason: str
) -> None:
    """Its answers in words, without asking again: they wouldn't change."""
    hub.status, hub.error_code, hub.error_message = status, error_code, error_message
    error = refusal("org/name", "main", tmp_path / "name")
    assert reason in str(error)
    assert not isinstance(error, HubUnreachableError)
    assert len(hub.requests) == 2


@pytest.mark.usefixtures("hub")
def test_a_repository_or_revision_that_is_not_there(tmp_path: Path) -> None:
    """Each is told from the other."""
    assert "no such repository" in str(refusal("org/nmae", "main", tmp_path / "name"))
    assert "no such revision" in str(refusal("org/name", SECOND, tmp_path / "name"))
    assert "no such revision" in str(refusal("org/name", "v2", tmp_path / "name"))


def test_files_that_only_members_may_read(hub: Hub, tmp_path: Path) -> None:
    """A gated repository lists its files to everybody, and refuses them one by one."""
    hub.status_of_get, hub.error_code = 403, "GatedRepo"
    assert "accept its terms on the hub" in str(refusal("org/name", "main", tmp_path / "name"))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_that_stays_down(hub: Hub, tmp_path: Path, status: int) -> None:
    """It is asked three times; then a person is told that trying later continues."""
    hub.status = status
    error = refusal("org/name", "main", tmp_path / "name")
    assert isinstance(error, HubUnreachableError)
    assert f"the hub answers {status}. What has arrived is kept, and the same command continues" in str(error)
    assert len(hub.requests) == 6


def test_a_hub_that_goes_down_midway(hub: Hub, tmp_path: Path) -> None:
    """What has arrived stays, and is what the next run begins with."""
    folder = tmp_path / "name"
    hub.failures = [200] * 12 + [503] * 3  # the listing, two descriptions, nine of ten files
    with pytest.raises(HubUnreachableError, match="What has arrived is kept"):
        fetch_snapshot("org/name", "main", folder, progress=Unseen())
    assert not (folder / SHARDS[1]).exists()
    hub.requests.clear()
    fetch_snapshot("org/name", "main", folder, progress=Unseen())
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in there if not name.startswith(".")} == wanted().keys()
    assert len(hub.gets(".safetensors")) == 1


def test_offline_means_offline(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE is honoured: no request leaves the machine."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE forbids asking the hub: unset it" in str(
        refusal("org/name", "main", tmp_path / "name")
    )
    assert hub.requests == []


@pytest.mark.parametrize("page", [b"<html>Please log in</html>", b"[]", b'{"sha": "x"}'])
def test_what_answers_is_no_hub(hub: Hub, tmp_path: Path, page: bytes) -> None:
    """A login page of the network, or a wrong HF_ENDPOINT."""
    hub.page = page
    assert "what answers isn't a hub: see HF_ENDPOINT" in str(refusal("org/name", "main", tmp_path / "name"))


@pytest.mark.parametrize("name", ["name", "org/..", "../name", "org/name/more", "org/na me", "-org/name", ""])
def test_names_that_are_none(hub: Hub, tmp_path: Path, name: str) -> None:
    """They are refused before anybody is asked."""
    assert "that isn't a repository's name: write owner/name" in str(refusal(name, "main", tmp_path / "name"))
    assert hub.requests == []


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            {"config.json": b"{}", "pytorch_model.bin": b"", "training_args.bin": b""},
            "pickles (pytorch_model.bin)",
        ),
        ({"adapter_config.json": b"{}", "adapter_model.bin": b""}, "safe_serialization=True"),
        ({"config.json": b"{}", "small-q4_k_m.gguf": b""}, "finished GGUF files"),
        ({"config.json": b"{}", "training_args.bin": b""}, "no weights (*.safetensors)"),
        ({"config.json": b"{}", "sub/model.safetensors": b""}, "no weights (*.safetensors)"),
        ({"model.safetensors": b""}, "neither a config.json nor an adapter_config.json"),
        ({"README.md": b""}, "model's repository; it holds no weights"),
        (repository() | {"../../.bashrc": b""}, "names a file outside of itself ('../../.bashrc')"),
        (repository() | {"/etc/model.safetensors": b""}, "names a file outside of itself"),
        (repository() | {"..\\model.safetensors": b""}, "names a file outside of itself"),
        (repository() | {"model.safetensors.index.json": b"{"}, "model.safetensors.index.json isn't JSON"),
        (repository() | {"model.safetensors.index.json": b"[]"}, "isn't a JSON object"),
        (repository() | {"model.safetensors.index.json": b"{}"}, "has no weight_map"),
        (
            repository() | {"model.safetensors.index.json": index("m3.safetensors")},
            "names m3.safetensors, which",
        ),
        (
            repository() | {"model.safetensors.index.json": index("../m.safetensors")},
            "names ../m.safetensors",
        ),
        (repository() | {"config.json": b"\xff"}, "its config.json isn't JSON"),
    ],
)
def test_repositories_that_cannot_be_used(
    hub: Hub, tmp_path: Path, files: dict[str, bytes], reason: str
) -> None:
    """Each is refused before a byte of its weights is fetched."""
    hub.push(SECOND, files)
    assert reason in str(refusal("org/name", "main", tmp_path / "name"))
    assert hub.gets(".safetensors") == []


def test_a_folder_of_another_repository(hub: Hub, tmp_path: Path) -> None:
    """Two models are never mixed in one folder."""
    fetch_snapshot("org/name", "main", tmp_path / "name", progress=Unseen())
    hub.repository = "org/other"
    with pytest.raises(SnapshotError, match="holds org/name: name another folder"):
        fetch_snapshot("org/other", "main", tmp_path / "name", progress=Unseen())


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (
            {"model.safetensors", "consolidated.safetensors", "config.json"},
            {"model.safetensors", "config.json"},
        ),
        (
            {"adapter_config.json", "adapter_model.safetensors", "checkpoint-9/adapter_model.safetensors"},
            {"adapter_config.json", "adapter_model.safetensors"},
        ),
        (
            {"config.json", "model-00001-of-00001.safetensors", "LICENSE", "LICENSE.md", "notes.md"},
            {"config.json", "model-00001-of-00001.safetensors", "LICENSE", "LICENSE.md"},
        ),
    ],
)
def test_repositories_without_an_index(hub: Hub, tmp_path: Path, files: set[str], taken: set[str]) -> None:
    """A single file of weights, an adapter, or shards that no index lists."""
    hub.push(SECOND, {name: noise(name) if name.endswith("s") else json.dumps({}).encode() for name in files})
    fetch_snapshot("org/name", "main", tmp_path / "name", progress=Unseen())
    found = {path.name for path in (tmp_path / "name").iterdir() if path.is_file()}
    assert found == taken | {".snapshot.json"}
