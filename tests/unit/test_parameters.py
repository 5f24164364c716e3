"""PARAMETER lines of a Modelfile."""

import pytest

from server.generate.parameters import Parameters


def test_reads_numbers_and_every_stop() -> None:
    """Of a repeated name the last counts, but each stop string does."""
    read = Parameters.read(
        [
            ("temperature", "0.5"),
            ("stop", "<|im_end|>"),
            ("num_ctx", "2048"),
            ("temperature", "0"),
            ("stop", "끝"),
        ]
    )
    assert read == Parameters(temperature=0.0, num_ctx=2048, stop=("<|im_end|>", "끝"))


def test_unknown_name() -> None:
    """A name that the engine would ignore is refused, and the known ones are named."""
    with pytest.raises(ValueError, match=r"PARAMETER mirostat is unknown .* frequency_penalty, min_p"):
        Parameters.read([("mirostat", "2")])


@pytest.mark.parametrize(("name", "value"), [("top_k", "0.5"), ("temperature", "warm")])
def test_no_number(name: str, value: str) -> None:
    """A value of the wrong kind is refused with its name."""
    with pytest.raises(ValueError, match=f"PARAMETER {name} takes a number, not '{value}'"):
        Parameters.read([(name, value)])
