"""The tokens with a part to play (begin, end, …): which ids they have, and which are put around a text."""

from collections.abc import Mapping
from typing import Any

import msgspec

from convert.checkpoint.vocabulary.files import TokenizerFiles

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


class SpecialTokens(msgspec.Struct, frozen=True):
    """Ids by role, and for some roles whether a text is given that token."""

    ids: dict[str, int]
    added: dict[str, bool]


def special_tokens(files: TokenizerFiles, config: Mapping[str, Any], size: int) -> SpecialTokens:
    """Find the roles that tokens play: tokenizer_config.json names texts, config.json ids, in this order.

    Ids of `size` and beyond aren't the model's, and left out.
    """
    by_text = {token.content: number for number, token in reversed(files.added_in_json().items())}
    ids: dict[str, int] = {}
    for named in ({role: by_text.get(role_token(files.config, role) or "") for role in ROLES}, _ids(config)):
        for role, number in named.items():
            if isinstance(number, int) and 0 <= number < size:
                ids.setdefault(role, number)
    # What the tokenizer really does goes before what its settings say of it.
    settings = {role: files.config.get(f"add_{role}_token") for role in ROLES}
    said = {role: setting for role, setting in settings.items() if isinstance(setting, bool)}
    return SpecialTokens(ids, {**said, **_put_around(files)})


def _ids(config: Mapping[str, Any]) -> dict[str, Any]:
    """Ids by role in config.json, where Llama 3.1 has a list of ends: none of them is the one."""
    return {role: config.get(f"{role}_token_id") for role in ROLES}


def role_token(config: Mapping[str, Any], role: str) -> str | None:
    """The text of the token that a tokenizer_config.json gives a role."""
    named = config.get(f"{role}_token")
    text = named.get("content") if isinstance(named, dict) else named
    return text if isinstance(text, str) else None


def _put_around(files: TokenizerFiles) -> dict[str, bool]:
    """Which tokens tokenizer.json's own last step puts around a text."""
    last = files.tokenizer.get("post_processor") or {}
    added: dict[str, bool] = {}
    for step in last.get("processors", [last]):
        if step.get("type") == "ByteLevel":
            added = {"bos": False, "eos": False, **added}
        elif step.get("type") == "TemplateProcessing":
            added |= _by_template(step, files.config)
    return added


def _by_template(step: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, bool]:
    """What a template like `<s> $A` or `<s> $A </s>` puts around a text, and between two."""
    added: dict[str, bool] = {}
    single, pair = (_template(step.get(name, ())) for name in ("single", "pair"))
    begin, end = role_token(config, "bos"), role_token(config, "eos")
    first, last = (single[0], single[-1]) if len(single) > 1 else (None, None)
    if first:
        # Without settings that say which one begins a text, the one that does is it.
        added["bos"] = begin is None or first == begin
    if last:
        added["eos"] = end is None or last == end
    between = pair[pair.index(None) + 1 : _last_text(pair)] if None in pair else []
    if between:
        added["sep"] = not last and between[0] in {role_token(config, "sep"), end}
    return added


def _template(parts: list[dict[str, Any]]) -> list[str | None]:
    """The special tokens of a template in order, None for each text."""
    return [part["SpecialToken"]["id"] if "SpecialToken" in part else None for part in parts]


def _last_text(parts: list[str | None]) -> int:
    return len(parts) - 1 - parts[::-1].index(None)
