"""As much of Go's text/template as our Modelfiles' TEMPLATE uses: one range over `.Messages`."""

import re
from collections.abc import Sequence
from itertools import groupby


class TemplateError(ValueError):
    """This is no template, or one that the stand-in can't render."""


def check(template: str) -> None:
    """See that a template is well-formed.

    Raises:
        TemplateError: an action isn't closed, or a range isn't ended.
    """
    actions = _split(template)[1::2]
    if any("{{" in text for text in _split(template)[::2]):
        raise TemplateError("unclosed action")
    if actions.count("end") != sum(action.startswith("range") for action in actions):
        raise TemplateError("unexpected EOF")


def render(template: str, messages: Sequence[tuple[str, str]]) -> str:
    """The prompt for messages given as role and content; neighbours of one role are joined by an empty line.

    Raises:
        TemplateError: it isn't one range over the messages, with role and content inside.
    """
    parts = _split(template)
    try:
        start, end = parts.index("range .Messages", 1), parts.index("end", 1)
        head, turn, tail = parts[:start], parts[start + 1 : end], parts[end + 1 :]
        (before,), (after,) = head, tail
    except ValueError as error:
        raise TemplateError("the stand-in renders one range over .Messages and nothing else") from error
    joined = [
        {".Role": role, ".Content": "\n\n".join(content for _, content in group)}
        for role, group in groupby(messages, key=lambda message: message[0])
    ]
    turns = (
        "".join(values[part] if index % 2 else part for index, part in enumerate(turn)) for values in joined
    )
    return before + "".join(turns) + after


def _split(template: str) -> list[str]:
    """Text and actions in turn, text first and last."""
    template = re.sub(r"\s*\{\{-\s+", "{{ ", template)
    template = re.sub(r"\s+-\}\}\s*", " }}", template)
    return re.split(r"\{\{\s*(.*?)\s*\}\}", template, flags=re.DOTALL)
