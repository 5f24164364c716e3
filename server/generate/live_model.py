"""The model that is live in Ollama: which it is, and how it reads prompts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.domain import Message, Mode
from server.generate.prompt_template import Render
from server.generate.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class LiveModel:
    """Implements `server.protocols.Model` for what Ollama has under the alias, known by its `digest`.

    `context_tokens` is the num_ctx of its Modelfile. `break_markup` disarms what looks like its markup.
    """

    name: str
    digest: str
    context_tokens: int
    system: str | None
    render: Render
    vocabulary: Vocabulary
    break_markup: Callable[[str], str]

    @property
    def mode(self) -> Mode:
        """It is a model."""
        return "model"

    def prepared(self, messages: Sequence[Message]) -> list[Message]:
        """The messages as they are sent, so that Ollama has nothing left to change about them.

        Turns of the same role in a row become one, as Ollama's own rendering has it (`collate` in its package
        `template`) and as many chat templates demand; where there is no system message, the Modelfile's
        comes first; white space at a message's ends, which some templates trim, is gone.
        """
        prepared: list[Message] = []
        if self.system and not (messages and messages[0].role == "system"):
            prepared.append(Message("system", self.break_markup(self.system.strip())))
        for message in messages:
            content = self.break_markup(message.content.strip())
            if prepared and prepared[-1].role == message.role:
                content = f"{prepared.pop().content}\n\n{content}"
            prepared.append(Message(message.role, content))
        return prepared

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Exactly what Ollama will count for these messages: `prompt_eval_count`."""
        return self.vocabulary.count(self.render(self.prepared(messages)))
