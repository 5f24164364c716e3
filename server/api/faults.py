"""What is wrong with a request's fields, in Korean: msgspec's validation messages read and said again."""

import re
from collections.abc import Callable

from msgspec import Struct, ValidationError

# A path consists of our own fields' names, so that an unknown field's name can't pass for one.
_LOCATED = re.compile(r"(?P<reason>.*) - at `\$(?P<path>(?:\.\w+|\[\d+\]|\[\.\.\.\])*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<field>[^.\[]+)|\[(?P<index>\d+)\]")
# Below such a step any key may be meant: msgspec doesn't say which.
_ANY_KEY = "[...]"

_TYPES = {
    "str": "문자열",
    "int": "정수",
    "float": "소수",
    "bool": "true 또는 false",
    "array": "배열",
    "object": "객체",
    "null": "null",
}


class Fault(Struct, frozen=True):
    """A field that is wrong, as in RFC 9457; `pointer` is a JSON Pointer in URI fragment form (RFC 6901)."""

    pointer: str
    detail: str


_Say = Callable[[re.Match[str]], str]

# Reasons that name a field of the object at the path, which the pointer then names as well.
_ABOUT_A_MEMBER: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"Object missing required field `(.*)`", re.DOTALL), "꼭 있어야 하는 필드예요."),
    (
        re.compile(r"Object contains unknown field `(.*)`", re.DOTALL),
        "모르는 필드예요. 이름을 확인하거나 빼 주세요.",
    ),
)
_ABOUT_THE_VALUE: tuple[tuple[re.Pattern[str], _Say], ...] = (
    (
        re.compile(r"Expected `([^`]+)`, got `([^`]+)`"),
        lambda m: f"형식이 달라요. 필요한 형식: {_types(m[1])}. 보내신 형식: {_types(m[2])}.",
    ),
    (re.compile(r"Expected `str` (of length >= 1|matching regex .*)"), lambda _: "내용이 비어 있어요."),
    (re.compile(r"Expected `array` of length >= (\d+)"), lambda m: f"{m[1]}개 이상 있어야 해요."),
    (re.compile(r"Expected `int` >= (\d+)"), lambda m: f"{m[1]} 이상이어야 해요."),
    (re.compile(r"Expected `int` <= (\d+)"), lambda m: f"{m[1]} 이하여야 해요."),
    (
        # The only enumeration that a client sends is a message's role.
        re.compile(r"Invalid enum value '(.*)'", re.DOTALL),
        lambda m: f"쓸 수 없는 값이에요: '{m[1]}'. user나 assistant여야 해요.",
    ),
)


def fault_of(error: ValidationError) -> Fault:
    """The field that an error is about, and what is wrong with it."""
    located = _LOCATED.fullmatch(str(error))
    reason, path = (located["reason"], located["path"]) if located else (str(error), "")
    keys = [step["field"] or step["index"] for step in _STEP.finditer(path.partition(_ANY_KEY)[0])]
    for pattern, detail in _ABOUT_A_MEMBER:
        if match := pattern.fullmatch(reason):
            return Fault(_pointer([*keys, match[1]]), detail)
    for pattern, say in _ABOUT_THE_VALUE:
        if match := pattern.fullmatch(reason):
            return Fault(_pointer(keys), say(match))
    return Fault(_pointer(keys), "쓸 수 없는 값이에요.")


def _pointer(keys: list[str]) -> str:
    return "#" + "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def _types(names: str) -> str:
    return " 또는 ".join(_TYPES.get(name, name) for name in names.split(" | "))
