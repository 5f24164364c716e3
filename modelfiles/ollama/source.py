"""What a model is registered from: its Modelfile, and the files on this machine that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelfiles.catalog import Built, Catalog
from modelfiles.compose import FOLDER
from modelfiles.errors import CatalogError
from modelfiles.find import SUFFIX, find_modelfile
from modelfiles.grammar import Modelfile, decode, parse
from modelfiles.ollama.errors import ModelNotHereError, ModelSourceError
from modelfiles.ollama.wire import ALIAS, canonical

# How Ollama types the parameters of a Modelfile (`api.FormatParams`); those that do nothing are left out.
_FLOATS = frozenset(
    {
        "top_p",
        "min_p",
        "typical_p",
        "temperature",
        "repeat_penalty",
        "presence_penalty",
        "frequency_penalty",
    }
)
_INTEGERS = frozenset(
    {
        "num_ctx",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "num_thread",
        "num_keep",
        "seed",
        "num_predict",
        "draft_num_predict",
        "top_k",
        "repeat_last_n",
    }
)
_TRUTHS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}

Parameter = str | int | float | bool

_ITS_OWN = "Its Modelfile says that it is there."


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """A model under its one name, and what it is made of. The files need not be there yet."""

    name: str
    modelfile: Modelfile
    file: Path
    adapters: tuple[Path, ...]
    how_to_get: str

    def require_files(self) -> None:
        """Make sure that the files are there.

        Raises:
            ModelNotHereError: one isn't; says how to have it.
        """
        for path in (self.file, *self.adapters):
            if not path.is_file():
                raise ModelNotHereError(self.name, path, self.how_to_get)

    def request(self, hashes: Mapping[Path, str]) -> dict[str, object]:
        """What `POST /api/create` is told, but for the name, as Ollama's own command line would say it.

        Args:
            hashes: the sha256 of each of the files.

        Raises:
            ModelSourceError: a PARAMETER isn't one of Ollama's, or its value doesn't fit.
        """
        says = self.modelfile
        described: dict[str, object] = {
            "files": {self.file.name: f"sha256:{hashes[self.file]}"},
            "adapters": {path.name: f"sha256:{hashes[path]}" for path in self.adapters},
            "template": says.template,
            "system": says.system,
            "parameters": self.parameters(),
            "license": says.licenses,
            "messages": [{"role": role, "content": content} for role, content in says.messages],
            "renderer": says.renderer,
            "parser": says.parser,
            "requires": says.requires,
        }
        return {key: value for key, value in described.items() if value}

    def parameters(self) -> dict[str, Parameter | list[str]]:
        """The parameters as Ollama types them: all of `stop`, the last of any other.

        Raises:
            ModelSourceError: one isn't Ollama's, or its value doesn't fit.
        """
        typed: dict[str, Parameter | list[str]] = {}
        for name, value in self.modelfile.parameters:
            if name == "stop":
                typed["stop"] = list(self.modelfile.values("stop"))
            else:
                typed[name] = self._typed(name, value)
        return typed

    def _typed(self, name: str, value: str) -> Parameter:
        try:
            if name in _FLOATS:
                return float(value)
            if name in _INTEGERS:
                return int(value)
            if name == "use_mmap":
                return _TRUTHS[value.lower()]
        except (ValueError, KeyError) as error:
            raise ModelSourceError(self.name, f"PARAMETER {name} can't be '{value}'") from error
        raise ModelSourceError(self.name, f"Ollama knows no PARAMETER {name}")


def locate(catalog: Catalog, name: str, models_dir: Path) -> ModelSource:
    """What a model is registered from, by the name that a person gives.

    Args:
        catalog: knows the project's own models.
        name: a model (`big`), a model at a level (`big-q5_k_m`), one of your own by the stem of its Modelfile
            in `modelfiles/`, or by the path of its Modelfile (`~/futsal.Modelfile`: it is called `futsal`).
        models_dir: where model files are. Those of your own may also lie where your Modelfile says.

    Raises:
        CatalogError: nothing is called that; lists what is.
        ModelfileError: its Modelfile can't be parsed.
        ModelSourceError: its Modelfile can't be read, holds what we don't hand to Ollama, or has the name
            of the alias.
    """
    if name.endswith(SUFFIX):
        path, how_to_get = Path(name).expanduser(), _ITS_OWN
    else:
        path, how_to_get = _listed(catalog, name, models_dir)
    stem = path.name.removesuffix(SUFFIX)
    if canonical(stem) == ALIAS:
        raise ModelSourceError(stem, "that is the name which the service asks for. Rename its Modelfile")
    try:
        modelfile = parse(decode(path.read_bytes()))
    except OSError as error:
        raise ModelSourceError(stem, f"{path} can't be read ({error.strerror})") from error
    if modelfile.drafts or modelfile.earlier_bases:
        raise ModelSourceError(stem, f"{path} has a DRAFT or several FROM; one model file is registered")

    def located(named: str) -> Path:
        in_models = models_dir / Path(named).name
        # Our own Modelfiles say where the default home's models are, for Ollama; here the home is known.
        beside = path.parent / Path(named).expanduser()
        ours = path.parent.resolve() == FOLDER
        return beside if not ours and not in_models.is_file() and beside.is_file() else in_models

    return ModelSource(
        name=stem,
        modelfile=modelfile,
        file=located(modelfile.base),
        adapters=tuple(located(adapter) for adapter in modelfile.adapters),
        how_to_get=how_to_get,
    )


def _listed(catalog: Catalog, name: str, models_dir: Path) -> tuple[Path, str]:
    """The Modelfile of a model of the catalogue, or one that lies in our folders; and how to get its file."""
    try:
        level = catalog.resolve(name)
    except CatalogError:
        if (own := find_modelfile(name, models_dir)) is not None:
            return own, _ITS_OWN
        raise
    fetch = f"Fetch it with: futfut-convert fetch {level.name}"
    how_to_get = level.file.how(models_dir) if isinstance(level.file, Built) else fetch
    return FOLDER / f"{level.name}{SUFFIX}", how_to_get
