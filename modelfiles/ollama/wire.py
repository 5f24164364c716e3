"""What Ollama's HTTP API sends, as far as we read it.

The API: Ollama's `docs/api.md` and `api/types.go` as of v0.32.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import msgspec

from modelfiles.grammar import Modelfile, parse

LATEST = ":latest"
# The name that the service asks for: a copy of the live model.
ALIAS = "futfut"


def canonical(name: str) -> str:
    """A model's name as we compare it: Ollama ignores case, and `:latest` is meant where there is no tag."""
    return name.lower().removesuffix(LATEST)


class Tag(msgspec.Struct, frozen=True):
    """A name in Ollama and the manifest it stands for, whose digest is the model's identity."""

    name: str
    digest: str
    modified_at: datetime


class Tags(msgspec.Struct, frozen=True):
    """`GET /api/tags`."""

    models: list[Tag]


class Loaded(msgspec.Struct, frozen=True):
    """A model in memory. `name` is the one that it was loaded under, of all that share its digest."""

    name: str
    digest: str
    context_length: int = 0
    size: int = 0


class Processes(msgspec.Struct, frozen=True):
    """`GET /api/ps`."""

    models: list[Loaded]


class Shown(msgspec.Struct, frozen=True):
    """`POST /api/show`: what the model was created from.

    `template` is the one that Ollama would use: by its own judgement the GGUF's Jinja template instead of the
    Modelfile's. `model_info` holds GGUF's metadata, without the chat template.
    """

    modelfile: str
    template: str = ""
    system: str = ""
    model_info: dict[str, object] = {}

    def parsed(self) -> Modelfile:
        """The Modelfile that Ollama writes of the model; FROM is the path of its blob.

        Raises:
            ModelfileError: its own text can't be parsed.
        """
        # SYSTEM is also there as it is, without the quotes that may not hold it.
        return replace(parse(self.modelfile), system=self.system or None)


class Debug(msgspec.Struct, frozen=True):
    """`_debug_info` of a chat that was only rendered."""

    rendered_template: str


class Rendered(msgspec.Struct, frozen=True):
    """`POST /api/chat` with `_debug_render_only`."""

    debug_info: Debug = msgspec.field(name="_debug_info")


class Said(msgspec.Struct, frozen=True):
    """The message of an answer."""

    content: str = ""


class Answer(msgspec.Struct, frozen=True):
    """`POST /api/chat`, not streamed. `done` is false where Ollama gave up on the way."""

    message: Said
    done: bool = False
    done_reason: str = ""
    prompt_eval_count: int = 0
    eval_count: int = 0


class Status(msgspec.Struct, frozen=True):
    """A line of what `POST /api/create` streams: a step or an error."""

    status: str = ""
    error: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """The body of an answer whose HTTP status says that something failed."""

    error: str


Message = Mapping[str, str]
