"""Messages to the very text that Ollama gives its engine: by a model's Go TEMPLATE, or its Jinja one.

Ollama renders with the Modelfile's TEMPLATE, or has llama.cpp render with the GGUF's own chat template;
`/api/show` gives the one that it uses. Of Go's templates (pkg.go.dev/text/template) those are read here that
range over the messages; each is translated into Jinja, which knows the same trim markers.
"""

import re
from collections.abc import Callable, Sequence

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from server.domain import Message
from server.errors import GenerationError

Render = Callable[[Sequence[Message]], str]

# A minus next to the braces takes white space with it, but only with a space between it and the action.
_ACTION = re.compile(r"\{\{(-(?=\s))?\s*(.*?)\s*((?<=\s)-)?\}\}", re.DOTALL)
_OUTPUT = {".Role": "message.role", ".Content": "message.content"}
_ROLE_IS = re.compile(r'(else )?if eq \.Role "(\w+)"')


def prompt_template(template: str, *, bos: str, eos: str) -> Render:
    """A function that renders messages as Ollama does.

    Args:
        template: `template` of `/api/show`.
        bos: the text of the tokenizer's BOS token, for a Jinja template that writes it.
        eos: the text of its EOS token.

    Raises:
        ValueError: a Go template that doesn't range over messages in the plain way, or one that Jinja
            can't read.
    """
    try:
        return _rendering(_compiled(template, bos=bos, eos=eos))
    except TemplateError as error:
        raise ValueError(f"its template can't be read ({error})") from error


def _compiled(template: str, *, bos: str, eos: str) -> Callable[..., str]:
    if "{%" in template:
        formatter = Jinja2ChatFormatter(template=template, bos_token=bos, eos_token=eos)
        return lambda messages: str(formatter(messages=messages).prompt)
    # Go knows no comments like Jinja's, and keeps the line end that a template ends in.
    environment = ImmutableSandboxedEnvironment(
        keep_trailing_newline=True, comment_start_string="\0(", comment_end_string="\0)"
    )
    compiled = environment.from_string(_as_jinja(template))
    return lambda messages: compiled.render(messages=messages)


def _rendering(render: Callable[..., str]) -> Render:
    def rendered(messages: Sequence[Message]) -> str:
        try:
            return render([{"role": message.role, "content": message.content} for message in messages])
        except (TemplateError, ValueError) as error:
            raise GenerationError(f"the model's template refuses the conversation ({error})") from error

    return rendered


def _as_jinja(template: str) -> str:
    """A Go template as a Jinja template that renders the same."""
    blocks: list[str] = []

    def translated(action: re.Match[str]) -> str:
        left, code, right = action[1] or "", action[2], action[3] or ""
        if code in _OUTPUT and "for" in blocks:
            return f"{{{{{left} {_OUTPUT[code]} {right}}}}}"
        role = _ROLE_IS.fullmatch(code)
        if code == "range .Messages" and not blocks:
            blocks.append("for")
            statement = "for message in messages"
        elif role and role[1] and blocks[-1:] == ["if"]:
            statement = f"elif message.role == '{role[2]}'"
        elif role and not role[1] and "for" in blocks:
            blocks.append("if")
            statement = f"if message.role == '{role[2]}'"
        elif code == "else" and blocks[-1:] == ["if"]:
            statement = "else"
        elif code == "end" and blocks:
            statement = f"end{blocks.pop()}"
        else:
            raise ValueError(
                f"its TEMPLATE has {action[0]} where only the messages' own fields can be counted"
            )
        return f"{{%{left} {statement} {right}%}}"

    jinja = _ACTION.sub(translated, template)
    if blocks or "message.content" not in jinja:
        raise ValueError("its TEMPLATE doesn't range over .Messages, so its prompts can't be counted")
    return jinja
