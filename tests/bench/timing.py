"""How times are taken: contenders by turns, so that whatever else the machine does falls on all of them."""

from collections.abc import Callable, Mapping
from math import inf
from statistics import median
from time import perf_counter

Contender = Callable[[int], object]


def in_turn(names: Mapping[str, object], number: int) -> list[str]:
    """Names in the order of a round: every second one is reversed.

    Who goes first finds other caches than who goes last.
    """
    return list(names) if number % 2 == 0 else list(reversed(list(names)))


def medians(
    rounds: int,
    contenders: Mapping[str, Contender],
    *,
    seconds: float = inf,
    afterwards: Callable[[], None] | None = None,
) -> dict[str, float]:
    """Each contender's median time over the rounds, in seconds.

    Args:
        rounds: how often each is called, at least once; it is given the round's number, from 0.
        contenders: by name.
        seconds: a contender that has taken as long in all is called no more; its times until then count, of
            which there is one at least.
        afterwards: called after every call, outside the time that is taken.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in in_turn(contenders, number):
            if times[name] and sum(times[name]) >= seconds:
                continue
            started = perf_counter()
            contenders[name](number)
            times[name].append(perf_counter() - started)
            if afterwards is not None:
                afterwards()
    return {name: median(taken) for name, taken in times.items()}
