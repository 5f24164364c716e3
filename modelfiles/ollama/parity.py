"""Does Ollama give the model the prompt that the model was trained on?

Ollama renders conversations by a Go template from the Modelfile, the checkpoint says in Jinja how it was
taught to read them. Where the two differ, answers get worse and nothing tells.
"""

from collections.abc import Mapping, Sequence

from modelfiles.chat_template import ChatTemplate
from modelfiles.errors import ChatTemplateError
from modelfiles.grammar import Modelfile
from modelfiles.ollama.client import Ollama

Conversation = tuple[Mapping[str, str], ...]


def _talk(*turns: tuple[str, str]) -> Conversation:
    return tuple({"role": role, "content": content} for role, content in turns)


CONVERSATIONS: dict[str, Conversation] = {
    "one question": _talk(("user", "풋살은 몇 명이 해?")),
    "a system prompt": _talk(("system", "짧게 답해."), ("user", "풋살은 몇 명이 해?")),
    "a history": _talk(
        ("user", "안녕!"), ("assistant", "안녕하세요! 풋풋~!"), ("user", "킥인이 뭐야?\n\n쉽게 말해 줘.")
    ),
    "a system prompt and a history": _talk(
        ("system", "자료에 적힌 내용만으로 답해."),
        ("user", "자료 1. 코너킥은 4초 안에 해요.\n\n질문: 코너킥은?"),
        ("assistant", "4초 안에 해요."),
        ("user", "그럼 킥인은?"),
    ),
    "what looks like a template": _talk(("user", "⚽️🥅 {{ .Content }} {% if a %} <b>&amp;</b> \"'\\ 각ㄱㅏ")),
}
# A chat template may trim what a message begins and ends with, and no Go template can.
TRIMS = (
    "its chat template takes the spaces from both ends of a message, which TEMPLATE can't: "
    "messages must be sent without them"
)
EDGES = _talk(("system", " 짧게 답해.\n"), ("user", "\n  풋살은?  \n"))


def prompt_differences(
    ollama: Ollama, name: str, modelfile: Modelfile, template: ChatTemplate
) -> tuple[list[str], list[str]]:
    """Compare the two renderings of several conversations; loads the model.

    A BOS token in front is left out on both sides: the tokenizer adds it.

    Returns:
        What makes the model unfit, and what should be known.
    """
    unfit = [
        difference
        for what, conversation in CONVERSATIONS.items()
        if (difference := _difference(ollama, name, modelfile, template, what, conversation))
    ]
    if unfit or not _difference(ollama, name, modelfile, template, "spaces", EDGES):
        return unfit, []
    trimmed = tuple({**message, "content": message["content"].strip()} for message in EDGES)
    if difference := _difference(ollama, name, modelfile, template, "no spaces at the ends", trimmed):
        return [difference], []
    return [], [TRIMS]


def _difference(  # noqa: PLR0913, PLR0917  # two renderings of one thing, and its name
    ollama: Ollama,
    name: str,
    modelfile: Modelfile,
    template: ChatTemplate,
    what: str,
    conversation: Conversation,
) -> str | None:
    rendered = template.without_bos(ollama.render(name, conversation))
    try:
        expected = template.without_bos(template.render(_as_ollama_completes(conversation, modelfile)))
    except ChatTemplateError as error:
        return f"{what}: {error}"
    if rendered == expected:
        return None
    at = next(
        (i for i, (a, b) in enumerate(zip(rendered, expected, strict=False)) if a != b),
        min(len(rendered), len(expected)),
    )
    return (
        f"{what}: Ollama's prompt isn't the one that the checkpoint's chat template gives; after "
        f"{rendered[max(0, at - 30) : at]!r} stands {rendered[at : at + 40]!r}, it should be "
        f"{expected[at : at + 40]!r}. Mend TEMPLATE in its Modelfile."
    )


def _as_ollama_completes(conversation: Conversation, modelfile: Modelfile) -> Sequence[Mapping[str, str]]:
    """The conversation behind what the Modelfile puts before it: its messages, SYSTEM if none is given."""
    before = _talk(*modelfile.messages)
    if modelfile.system and conversation[0]["role"] != "system":
        before = (*_talk(("system", modelfile.system)), *before)
    return (*before, *conversation)
