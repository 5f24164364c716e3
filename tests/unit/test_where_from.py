"""What a person means by "from"."""

from pathlib import Path

import pytest

from convert.errors import WhereFromError
from convert.fetching.where_from import HubRepository, LocalFolder, where_from


@pytest.mark.parametrize(
    ("text", "repository", "revision"),
    [
        ("owner/name", "owner/name", "main"),
        ("Dongwookss/small_fut_final", "Dongwookss/small_fut_final", "main"),
        ("o/Qwen2.5-0.5B@v1.0", "o/Qwen2.5-0.5B", "v1.0"),
        ("owner/name@refs/pr/7", "owner/name", "refs/pr/7"),
        ("owner/name@" + "a" * 40, "owner/name", "a" * 40),
    ],
)
def test_a_repository_with_or_without_a_revision(text: str, repository: str, revision: str) -> None:
    """What isn't said is the main branch."""
    assert where_from(text) == HubRepository(repository, revision)
    assert str(where_from(text)) == f"{repository}@{revision}"


def test_a_folder_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By any way of writing it, also where a repository could be meant; with a revision one is."""
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in (str(folder), "owner/name", "./owner/name", "~/owner/name"):
        found = where_from(text)
        assert isinstance(found, LocalFolder)
        assert found.folder.samefile(folder)
    assert where_from("owner/name@main") == HubRepository("owner/name")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("./owner/name", "no folder of this machine"),
        ("/owner/name", "no folder of this machine"),
        ("~nobody-here/name", "no folder of this machine"),
        ("https://hub.example/owner/name", "is an address"),
        ("name", "neither a folder nor"),
        ("a/b/c", "neither a folder nor"),
        ("owner/..", "neither a folder nor"),
        ("owner/na--me", "neither a folder nor"),
        ("owner/name@", "neither a folder nor"),
        ("owner/name@../x", "neither a folder nor"),
        ("", "neither a folder nor"),
    ],
)
def test_anything_else_is_refused(
    text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what can be given instead."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WhereFromError, match=reason) as caught:
        where_from(text)
    assert "owner/name@revision" in str(caught.value)


def test_a_file_names_its_folder(tmp_path: Path) -> None:
    """Whoever points at the weights means the folder around them."""
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(WhereFromError, match=f"is a file: .*{tmp_path}"):
        where_from(str(tmp_path / "model.safetensors"))
