"""The Modelfile grammar: parse and render, reading every text exactly as Ollama's own parser reads it.

A Modelfile is a list of commands (`FROM`, `PARAMETER`, `SYSTEM` …), each with a value: bare to the end of its
line, in double quotes, or in three of them on either side. Quoted values may span lines and know no escapes.
What Ollama does in the corners, and so do we:

- A quoted value ends at the first end of line where its text ends with the closing quotes. Quotes inside a
  line are content, and a value that merely starts with a quote swallows the lines that follow.
- Characters that can't be printed (zero-width joiners, no-break spaces, controls) vanish from values.
- `PARAMETER` takes any name. One named like a command is that command: `PARAMETER system x` is `SYSTEM x`,
  and `PARAMETER model x` is `FROM x`.
- `SYSTEM` at the end of a line is an error; with a space after it, it is an empty value.

The format: Ollama's `docs/modelfile.md`, and its `parser` package as of v0.32.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from modelfiles.errors import ModelfileError

_KEPT_UNDER_THEIR_NAME = (
    "template",
    "system",
    "adapter",
    "license",
    "message",
    "renderer",
    "parser",
    "requires",
    "draft",
)
_COMMANDS = frozenset({"from", "parameter", *_KEPT_UNDER_THEIR_NAME})
# Ollama keeps FROM as `model` and a parameter under its own name, in one list: these parameters are commands.
_TAKEN_NAMES = frozenset({"model", *_KEPT_UNDER_THEIR_NAME})
_TEXTS = frozenset({"TEMPLATE", "SYSTEM", "MESSAGE", "LICENSE"})
_ROLES = frozenset({"system", "user", "assistant"})

_BLANK = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"#[^\r\n]*")
# The first character of a command is taken whatever it is, and dropped if it can't be printed.
_COMMAND = re.compile(r"(?s:(.))([A-Za-z]*)[ \t]")
_PARAMETER = re.compile(r"([A-Za-z0-9_]*)[ \t]")
_ROLE = re.compile(r"([A-Za-z]*)[ \t]")
_LINE = re.compile(r"([^\r\n]*)([\r\n]?)")
_LINE_END = re.compile(r"\r\n|\r|\n")
_ONE_WORD = re.compile(r"[^\s\"]+")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Modelfile:
    """What a Modelfile says.

    `base` is the last `FROM`: the path of a GGUF file (relative to the Modelfile) or the name of a model;
    `earlier_bases` are those before it. `parameters` are (name, value) pairs in order, a name may repeat. Of
    `template`, `system`, `renderer`, `parser` and `requires` the last in the file counts, None without one.
    """

    base: str
    parameters: tuple[tuple[str, str], ...] = ()
    template: str | None = None
    system: str | None = None
    adapters: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    messages: tuple[tuple[str, str], ...] = ()
    renderer: str | None = None
    parser: str | None = None
    requires: str | None = None
    drafts: tuple[str, ...] = ()
    earlier_bases: tuple[str, ...] = ()

    def values(self, parameter: str) -> tuple[str, ...]:
        """Every value given for a parameter, in order: all of `stop`; of any other the last one counts."""
        return tuple(value for name, value in self.parameters if name == parameter)


def decode(data: bytes) -> str:
    """A Modelfile's bytes as text: UTF-8, or UTF-16 behind its byte order mark; bad bytes become U+FFFD."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8", errors="replace")


def parse(text: str) -> Modelfile:
    """Read a Modelfile.

    Args:
        text: the whole file as `decode` gives it, with its own line ends (inside quotes they are content).

    Raises:
        ModelfileError: Ollama's parser would refuse it too; names the line where the refused command starts.
    """
    values: dict[str, list[str]] = {}
    parameters: list[tuple[str, str]] = []
    messages: list[tuple[str, str]] = []
    for name, value in commands(text):
        if name == "message":
            role, _, content = value.partition(": ")
            messages.append((role, content))
        elif name in _TAKEN_NAMES:
            values.setdefault(name, []).append(value)
        else:
            parameters.append((name, value))
    if "model" not in values:
        raise ModelfileError(
            _line_at(text, len(text)), "there is no FROM line. Name a GGUF file: FROM ./model.gguf"
        )
    *earlier, base = values["model"]

    def last(name: str) -> str | None:
        return values[name][-1] if name in values else None

    return Modelfile(
        base=base,
        parameters=tuple(parameters),
        template=last("template"),
        system=last("system"),
        adapters=tuple(values.get("adapter", ())),
        licenses=tuple(values.get("license", ())),
        messages=tuple(messages),
        renderer=last("renderer"),
        parser=last("parser"),
        requires=last("requires"),
        drafts=tuple(values.get("draft", ())),
        earlier_bases=tuple(earlier),
    )


def commands(text: str) -> Iterator[tuple[str, str]]:
    """A Modelfile as the list that Ollama's parser makes of it, before anything is made of that.

    Yields:
        (name, value): `FROM` is named `model`, a `PARAMETER` has its own name, the others theirs in lower
        case; a `MESSAGE` has the value `role: content`.

    Raises:
        ModelfileError: at the first command that Ollama's parser would refuse.
    """
    text = text.removeprefix("\ufeff")
    position = 0
    while (position := _end(_BLANK, text, position)) < len(text):
        if text[position] == "#":
            position = _end(_COMMENT, text, position)
            continue
        line = _line_at(text, position)
        head = _COMMAND.match(text, position)
        name = "" if head is None else _printable(head[1]).lower() + head[2].lower()
        if head is None or name not in _COMMANDS:
            rest = cast(re.Match[str], _LINE.match(text, position))[1].strip()
            known = ", ".join(sorted(_COMMANDS)).upper()
            raise ModelfileError(line, f"'{rest[:40]}' is no command followed by a value. Commands: {known}.")
        position, prefix = head.end(), ""
        if name == "from":
            name = "model"
        elif name == "parameter":
            if (head := _PARAMETER.match(text, position)) is None:
                raise ModelfileError(line, "PARAMETER takes a name, then a value: PARAMETER temperature 0.1")
            position, name = head.end(), head[1]
        elif name == "message":
            if (head := _ROLE.match(text, position)) is None or head[1] not in _ROLES:
                raise ModelfileError(line, "MESSAGE takes a role (system, user or assistant), then its text.")
            position, prefix = head.end(), f"{head[1]}: "
        value, position = _value(text, position, line)
        yield name, prefix + value


def _value(text: str, position: int, line: int) -> tuple[str, int]:
    """The value that starts at `position`, without its quotes, and where it ends."""
    taken = ""
    while True:
        match = cast(re.Match[str], _LINE.match(text, position))
        taken += _printable(match[1])
        position = match.end()
        value = _unquoted(taken.strip(" \t\r\n"))
        if value is not None:
            return value, position
        if position == len(text):
            raise ModelfileError(line, "the quotes that open here are never closed at the end of a line.")
        taken += match[2]


def _unquoted(value: str) -> str | None:
    """A value without its quotes; None where the closing ones are still to come."""
    for quotes in ('"""', '"'):
        if value.startswith(quotes):
            closed = value.endswith(quotes) and len(value) >= 2 * len(quotes)
            return value[len(quotes) : -len(quotes)] if closed else None
    return value


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c for c in text if c.isprintable() or c == "\t")


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    return cast(re.Match[str], pattern.match(text, position)).end()


def _line_at(text: str, position: int) -> int:
    return len(_LINE_END.findall(text, 0, position)) + 1


def render(modelfile: Modelfile) -> str:
    """Write a Modelfile that Ollama (and `parse`) reads back as the same values.

    Texts are always in triple quotes; paths and parameters are bare where they are one word.

    Raises:
        ModelfileError: a value holds triple quotes or a character that Ollama drops, or a name isn't one. The
            line is where the command would have stood.
    """
    text = ""
    for keyword, value in _keywords(modelfile):
        if '"""' in value:
            raise ModelfileError(
                _line_at(text, len(text)), f'{keyword}: a value can\'t hold """; nothing escapes it.'
            )
        if dropped := [c for c in value if c not in "\t\r\n" and not c.isprintable()]:
            raise ModelfileError(
                _line_at(text, len(text)),
                f"{keyword}: Ollama drops the character U+{ord(dropped[0]):04X}; remove it.",
            )
        bare = _ONE_WORD.fullmatch(value) and keyword.split()[0] not in _TEXTS
        text += f"{keyword} {value}\n" if bare else f'{keyword} """{value}"""\n'
    return text


def _keywords(modelfile: Modelfile) -> Iterator[tuple[str, str]]:
    """Each command of a Modelfile as what stands before its value, and the value."""
    for base in (*modelfile.earlier_bases, modelfile.base):
        yield "FROM", base
    for path in modelfile.adapters:
        yield "ADAPTER", path
    for path in modelfile.drafts:
        yield "DRAFT", path
    singles = {
        "RENDERER": modelfile.renderer,
        "PARSER": modelfile.parser,
        "REQUIRES": modelfile.requires,
        "TEMPLATE": modelfile.template,
        "SYSTEM": modelfile.system,
    }
    yield from ((keyword, value) for keyword, value in singles.items() if value is not None)
    for name, value in modelfile.parameters:
        if not _PARAMETER_NAME.fullmatch(name) or name in _TAKEN_NAMES:
            raise ModelfileError(
                1, f"PARAMETER '{name}': a name is made of letters, digits and _, and is no command's."
            )
        yield f"PARAMETER {name}", value
    for role, content in modelfile.messages:
        if role not in _ROLES:
            raise ModelfileError(1, f"MESSAGE '{role}': a role is system, user or assistant.")
        yield f"MESSAGE {role}", content
    for text in modelfile.licenses:
        yield "LICENSE", text
