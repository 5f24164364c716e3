"""Finding a Modelfile by the name that a person gives."""

from pathlib import Path

from modelfiles.compose import FOLDER
from modelfiles.find import find_modelfile, known_names


def test_ours_come_first(tmp_path: Path) -> None:
    """The project's own is found, also where the models' folder has one of that name."""
    (tmp_path / "mini-q4_k_m.Modelfile").touch()
    assert find_modelfile("mini-q4_k_m", tmp_path) == FOLDER / "mini-q4_k_m.Modelfile"


def test_those_beside_the_model_files(tmp_path: Path) -> None:
    """One that only lies in the models' folder is found there, and named among those there are."""
    own = tmp_path / "futsal-q6_k.Modelfile"
    assert find_modelfile("futsal-q6_k", tmp_path) is None
    own.touch()
    assert find_modelfile("futsal-q6_k", tmp_path) == own
    assert {"futsal-q6_k", "mini-q4_k_m"} <= set(known_names(tmp_path))


def test_paths(tmp_path: Path) -> None:
    """A path with the ending is taken at its word; a name can't lead out of the folders."""
    (tmp_path / "outside.Modelfile").touch()
    (tmp_path / "models").mkdir()
    assert find_modelfile("../outside", tmp_path / "models") is None
    assert find_modelfile("~/own.Modelfile", tmp_path) == Path.home() / "own.Modelfile"
