"""What a model answers, and whether it ends its answers itself or is only cut off where they should end."""

import ctypes
from itertools import islice

from llama_cpp import Llama
from llama_cpp import llama_cpp as native

from convert.verify.job import Answer, TryJob
from modelfiles.chat_template import ChatTemplate, read_chat_template
from modelfiles.errors import ChatTemplateError
from modelfiles.smoke import LONGEST_ANSWER, is_markup

_LONGEST_PIECE_BYTES = 512
# Any message: what a chat template puts around it is looked at.
_MESSAGE = "풋살"


class Conversation:
    """Asks a model as its chat template and its Modelfile have it.

    Ollama ends an answer at the model's end token, or cuts it at a stop string. A player can't tell these
    apart, but a model that must be cut off has lost its form: the next one that isn't cut shows the markup.
    """

    def __init__(self, llama: Llama, job: TryJob) -> None:
        """Ask `llama`, which has the job's model, the job's messages."""
        self._llama = llama
        self._job = job
        self._vocabulary = native.llama_model_get_vocab(llama.model)

    def answers(self) -> tuple[Answer, ...]:
        """To each message on its own.

        Raises:
            RuntimeError: llama.cpp can't run the model.
        """
        template = read_chat_template(self._job.model)
        if template is None:
            return tuple(Answer("", "the file carries no chat template") for _ in self._job.messages)
        return tuple(self._answer(template, message) for message in self._job.messages)

    def _answer(self, template: ChatTemplate, message: str) -> Answer:
        system = [] if self._job.system is None else [{"role": "system", "content": self._job.system}]
        try:
            prompt = template.render([*system, {"role": "user", "content": message}])
            form = template.render([_said("user"), _said("assistant")])
        except ChatTemplateError as error:
            return Answer("", str(error))
        # The tokenizer adds BOS itself, where the model has one.
        tokens = self._llama.tokenize(template.without_bos(prompt).encode(), special=True)
        room = self._llama.n_ctx() - len(tokens)
        if room <= 0:
            return Answer(
                "", f"the prompt of {len(tokens)} tokens fills the context of {self._llama.n_ctx()}"
            )
        return self._generated(tokens, min(room, LONGEST_ANSWER), form)

    def _generated(self, tokens: list[int], limit: int, form: str) -> Answer:
        data = b""
        markup: list[str] = []
        # Always the likeliest token: what is decided by chance decides nothing.
        drawn = self._llama.generate(tokens, temp=0.0, repeat_penalty=self._job.repeat_penalty)
        for token in islice(drawn, limit):
            if native.llama_vocab_is_eog(self._vocabulary, token):
                return Answer(data.decode(errors="replace"), None, tuple(markup))
            data += (piece := self._piece(token))
            control = piece.decode(errors="replace") if self._is_control(token) else None
            text = data.decode(errors="ignore")
            if found := [(at, stop) for stop in self._job.stop if (at := text.find(stop)) >= 0]:
                at, stop = min(found)
                if _ends(stop, control, form):
                    return Answer(text[:at], None, tuple(markup))
                return Answer(text[: at + len(stop)], None, (*markup, stop))
            if control:
                markup.append(control)
        return Answer(data.decode(errors="ignore"), f"it was cut at {limit}", tuple(markup))

    def _is_control(self, token: int) -> bool:
        return bool(native.llama_vocab_is_control(self._vocabulary, token))

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(_LONGEST_PIECE_BYTES)
        # Markup is spelt out, so that a token which doesn't belong in an answer shows.
        size = native.llama_token_to_piece(self._vocabulary, token, buffer, _LONGEST_PIECE_BYTES, 0, True)
        return buffer.raw[: max(0, size)]


def _said(role: str) -> dict[str, str]:
    return {"role": role, "content": _MESSAGE}


def _ends(stop: str, control: str | None, form: str) -> bool:
    """Whether an answer rightly ends in a stop string.

    Args:
        stop: the string.
        control: the text of the control token that came last; None if it was an ordinary one.
        form: a conversation as the model's chat template writes it, whose last message is `_MESSAGE`.
    """
    if control == stop:
        return form.rpartition(_MESSAGE)[2].lstrip().startswith(stop)
    # What is neither markup nor part of the form is a word of the operator's own choice.
    return not is_markup(stop) and (not stop.strip() or stop.strip() not in form)
