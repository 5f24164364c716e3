"""The gate: only a model that passes it is registered, and only one that passes it again is made live."""

from collections.abc import Collection, Iterator

from modelfiles.chat_template import ChatTemplate
from modelfiles.grammar import Modelfile
from modelfiles.ollama.client import Ollama
from modelfiles.ollama.errors import GateError
from modelfiles.ollama.parity import prompt_differences
from modelfiles.ollama.smoke import smoke_failures
from modelfiles.ollama.wire import Shown
from modelfiles.smoke import QUESTIONS

NO_CHAT_TEMPLATE = (
    "its file carries no chat template, so that nothing proves TEMPLATE in its Modelfile to be the right one"
)


def gate(
    ollama: Ollama,
    name: str,
    modelfile: Modelfile,
    template: ChatTemplate | None,
    *,
    questions: Collection[str] = QUESTIONS,
) -> tuple[str, ...]:
    """Try a model that Ollama has: what it was created from, the prompts it is given, and answers; loads it.

    Args:
        ollama: the server.
        name: the model's name there.
        modelfile: what it should have been created from.
        template: the chat template of its checkpoint. Without one the model passes, with a warning.
        questions: what it is asked.

    Returns:
        What should be known of a model that is fit.

    Raises:
        GateError: it isn't fit; has every reason.
        OllamaMemoryError: there isn't room to load it.
    """
    reasons = list(_deviations(ollama.show(name), modelfile))
    warnings = [NO_CHAT_TEMPLATE]
    if template is not None:
        differences, warnings = prompt_differences(ollama, name, modelfile, template)
        reasons += differences
    reasons += smoke_failures(ollama, name, modelfile, questions)
    if reasons:
        raise GateError(name, reasons)
    return tuple(warnings)


def _deviations(shown: Shown, modelfile: Modelfile) -> Iterator[str]:
    """Where what Ollama has isn't what the Modelfile says.

    Its Modelfile is looked at, not its `template`: that is the GGUF's own where Ollama prefers it, and
    whether the prompts are then right is for the prompts to show.
    """
    has = shown.parsed()
    if modelfile.template is not None and has.template != modelfile.template:
        yield f"Ollama has another TEMPLATE than its Modelfile: {has.template!r}"
    if shown.system != (modelfile.system or ""):
        yield f"Ollama has another SYSTEM than its Modelfile: {shown.system!r}"
    for parameter in dict(modelfile.parameters):
        # Of all but `stop` the last one counts.
        wanted, found = modelfile.values(parameter), has.values(parameter)
        if parameter != "stop":
            wanted, found = wanted[-1:], found[-1:]
        if [_number(value) for value in wanted] != [_number(value) for value in found]:
            yield f"Ollama has PARAMETER {parameter} {', '.join(found) or 'unset'}, not {', '.join(wanted)}"


def _number(value: str) -> float | str:
    """A number as such, since Ollama may write it in another way than the Modelfile."""
    try:
        return float(value)
    except ValueError:
        return value.lower()
