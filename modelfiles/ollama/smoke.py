"""The smoke questions, put to a model that Ollama has."""

from collections.abc import Collection

from modelfiles.grammar import Modelfile
from modelfiles.ollama.client import Ollama
from modelfiles.smoke import LONGEST_ANSWER, QUESTIONS, faults, markup_of, question_of

# The same answer every time: what is decided by chance decides nothing.
_OPTIONS = {"temperature": 0, "seed": 1, "num_predict": LONGEST_ANSWER}


def smoke_failures(
    ollama: Ollama, name: str, modelfile: Modelfile, questions: Collection[str] = QUESTIONS
) -> list[str]:
    """Ask each question and say what is wrong with the answers; loads the model."""
    markup = markup_of(modelfile)
    failures = []
    for question in questions:
        answer = ollama.chat(name, [{"role": "user", "content": question}], _OPTIONS)
        unended = None if answer.done_reason == "stop" else answer.done_reason or "Ollama gave it up"
        found = faults(answer.message.content, unended, markup)
        failures += [f"'{question_of(question)}': {fault}" for fault in found]
    return failures
