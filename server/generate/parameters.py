"""The PARAMETER lines of a Modelfile, as the embedded engine takes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How a model is run and its tokens are drawn.

    Names, meaning and defaults are Ollama's (`docs/modelfile.md`; `DefaultOptions` in `api/types.go`): a
    Modelfile means the same to both engines. `seed` -1 draws anew each time, `num_predict` -1 and
    `repeat_last_n` -1 mean as many tokens as the context holds.
    """

    num_ctx: int = 4096
    num_predict: int = -1
    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    repeat_penalty: float = 1.1
    repeat_last_n: int = 64
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = -1
    stop: tuple[str, ...] = ()

    @classmethod
    def read(cls, lines: Iterable[tuple[str, str]]) -> "Parameters":
        """Read (name, value) pairs: of a repeated name the last counts, except that every `stop` does.

        Raises:
            ValueError: a name that the embedded engine doesn't know, or a value that is no number.
        """
        kinds = get_type_hints(cls)
        numbers: dict[str, Any] = {}
        stop: list[str] = []
        for name, value in lines:
            if name == "stop":
                stop.append(value)
            elif name not in kinds:
                raise ValueError(
                    f"PARAMETER {name} is unknown to the embedded engine; it takes {', '.join(sorted(kinds))}"
                )
            else:
                try:
                    numbers[name] = kinds[name](value)
                except ValueError as error:
                    raise ValueError(f"PARAMETER {name} takes a number, not '{value}'") from error
        return cls(stop=tuple(stop), **numbers)
