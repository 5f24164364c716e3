"""Where the Modelfile lies that a person means by a name."""

from pathlib import Path

from modelfiles.compose import FOLDER

SUFFIX = ".Modelfile"


def find_modelfile(name: str, models_dir: Path) -> Path | None:
    """A Modelfile by its path, or by its name: the project's own first, then those beside the model files.

    Args:
        name: a path that ends in `.Modelfile`, which isn't looked for; or `big-q4_k_m`.
        models_dir: where `futfut-convert all` puts the Modelfiles of models that the project has none for.

    Returns:
        None if nothing has that name.
    """
    if name.endswith(SUFFIX):
        return Path(name).expanduser()
    if Path(name).name != name:  # a path to somewhere else
        return None
    places = (folder / f"{name}{SUFFIX}" for folder in (FOLDER, models_dir))
    return next((path for path in places if path.is_file()), None)


def known_names(models_dir: Path) -> list[str]:
    """The names under which `find_modelfile` finds one, in order of the alphabet."""
    return sorted({path.stem for folder in (FOLDER, models_dir) for path in folder.glob(f"*{SUFFIX}")})
