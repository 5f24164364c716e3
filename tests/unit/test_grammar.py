"""The Modelfile grammar against what Ollama's own parser made of the same texts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfiles.errors import ModelfileError
from modelfiles.grammar import Modelfile, commands, decode, parse, render

# Each line: a text, and the commands that the parser of Ollama v0.24.0 (unchanged in v0.32) reads in it; null
# where it refuses the text.
GOLDEN = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "ollama_modelfiles.jsonl").read_text().splitlines()
]

TAKEN = {
    "model",
    "template",
    "system",
    "adapter",
    "license",
    "message",
    "renderer",
    "parser",
    "requires",
    "draft",
}
kept = st.characters(codec="utf-8").filter(lambda c: c.isprintable() or c in "\t\r\n")
values = st.text(kept | st.sampled_from('"\n #')).filter(lambda value: '"""' not in value)
names = st.from_regex(r"[A-Za-z0-9_]+", fullmatch=True).filter(lambda name: name not in TAKEN)
TAKEN = {
    "model",
    "template",
    "system",
    "adapter",
    "license",
    "message",
    "renderer",
    "parser",
    "requires",
    "draft",
}
lists = st.lists(values, max_size=3).map(tuple)
modelfiles = st.builds(
    Modelfile,
    base=values,
    parameters=st.lists(st.tuples(names | st.just("stop"), values), max_size=4).map(tuple),
    template=st.none() | values,
    system=st.none() | values,
    adapters=lists,
    licenses=lists,
    messages=st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), values), max_size=3).map(
        tuple
    ),
    renderer=st.none() | values,
    parser=st.none() | values,
    requires=st.none() | values,
    drafts=lists,
    earlier_bases=lists,
)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: ascii(case["text"]))
def test_every_text_is_read_as_ollama_reads_it(case: dict[str, str | list[list[str]] | None]) -> None:
    """The same commands come out, and the same texts are refused."""
    text = str(case["text"])
    if case["commands"] is None:
        with pytest.raises(ModelfileError):
            parse(text)
    else:
        parse(text)
        assert [list(command) for command in commands(text)] == case["commands"]


@given(modelfiles)
def test_what_is_rendered_is_read_back(modelfile: Modelfile) -> None:
    """Rendering and parsing gives the same values, whatever they hold."""
    assert parse(render(modelfile)) == modelfile


@given(
    st.lists(kept | st.sampled_from(["FROM ", "SYSTEM ", "PARAMETER ", '"""', "\n", "\ufeff", "\u200d"])).map(
        "".join
    )
)
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    """No text makes the parser fail in another way than with a ModelfileError."""
    lines = text.count("\n") + text.count("\r") + 1
    try:
        parse(text)
    except ModelfileError as error:
        refused = error
    else:
        return
    assert 1 <= refused.line <= lines


def test_a_modelfile_gathers_its_commands() -> None:
    """Repeated parameters and lists keep their order; of single values the last counts."""
    modelfile = parse(
        "FROM ./a.gguf\nFROM ./b.gguf\nparameter stop <a>\nPARAMETER stop <b>\nPARAMETER num_ctx 1\n"
        "PARAMETER num_ctx 2\nTEMPLATE x\nTEMPLATE y\nMESSAGE user a: b\nADAPTER ./l.gguf\n"
    )
    assert (modelfile.base, modelfile.earlier_bases) == ("./b.gguf", ("./a.gguf",))
    assert modelfile.values("stop") == ("<a>", "<b>")
    assert modelfile.values("num_ctx")[-1] == "2"
    assert modelfile.values("seed") == ()
    assert modelfile.template == "y"
    assert modelfile.system is None
    assert modelfile.messages == (("user", "a: b"),)
    assert modelfile.adapters == ("./l.gguf",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM m\r\n\r\nTOOLS x\r\n", 3),
        ('FROM m\n# c\nSYSTEM """a\nb\n', 3),
        ("# c\nSYSTEM x", 2),
        ("FROM m\nMESSAGE me hi", 2),
    ],
)
def test_an_error_names_the_line_of_its_command(text: str, line: int) -> None:
    """A person finds the place in an editor."""
    with pytest.raises(ModelfileError, match=f"line {line}:") as caught:
        parse(text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("modelfile", "reason"),
    [
        (Modelfile(base="m", system='a """ b'), '"""'),
        (Modelfile(base="m", system="달려요 🏃\u200d♂️"), r"U\+200D"),
        (Modelfile(base="m", parameters=(("two words", "1"),)), "two words"),
        (Modelfile(base="m", parameters=(("system", "hidden"),)), "system"),
        (Modelfile(base="m", messages=(("tool", "x"),)), "tool"),
    ],
)
def test_what_ollama_would_read_differently_is_not_rendered(modelfile: Modelfile, reason: str) -> None:
    """A value that can't survive the way through Ollama's parser is refused."""
    with pytest.raises(ModelfileError, match=reason):
        render(modelfile)


def test_bytes_are_decoded_as_ollama_does() -> None:
    """UTF-8 with and without a byte order mark, UTF-16 with one; bad bytes are replaced, not fatal."""
    text = "FROM m\r\nSYSTEM 풋풋이\r\n"
    for data in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        assert parse(decode(data)).system == "풋풋이"
    assert parse(decode(b"FROM m\nSYSTEM a\xffb")).system == "a\ufffdb"
