"""One try to change the live model: load, switch, and what is put right again where that fails."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelfiles.ollama.client import Ollama
from modelfiles.ollama.errors import OllamaError, OllamaMemoryError
from modelfiles.ollama.live import PREVIOUS, RETURNING, Live, is_loaded, share_a_file
from modelfiles.ollama.wire import ALIAS, canonical

_POLL_SECONDS = 0.25
# The longest that an answer which has begun may hold up the model that is to make room.
_LEAVE_SECONDS = 120.0


class Attempt:
    """A try, with the seconds that each step took.

    Attributes:
        before: what is live as it begins.
        seconds: how long each step took, in order.
        beside_each_other: whether the old and the new model were in memory at the same time; None where that
            wasn't to be seen, because none was live, or the live one wasn't loaded.
    """

    def __init__(self, ollama: Ollama, wanted: str, before: Live | None, say: Callable[[str], None]) -> None:
        """Args: the server, the model's name for people, what is live, and where to tell what happens."""
        self.before = before
        self.seconds: dict[str, float] = {}
        self.beside_each_other: bool | None = None
        self._ollama = ollama
        self._wanted = wanted
        self._loaded: str | None = None
        self._say = say
        self._was_loaded = before is not None and is_loaded(ollama, before.digest)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of a step, even of one that fails."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - begun, 3)

    def load(self, name: str) -> None:
        """Bring a model into memory beside the live one; if there isn't room for both, in its place.

        Raises:
            OllamaMemoryError: there isn't room for it alone, either.
        """
        self._loaded = name
        with self.step("load"):
            try:
                self._ollama.load(name)
            except OllamaMemoryError:
                if self.before is None or not self._was_loaded:
                    raise
                self._say(f"{self._wanted}: no room beside {self.before.name}, which leaves memory first")
                self._ollama.unload(ALIAS)
                self._wait_until_gone(self.before.digest)
                self._ollama.load(name)
            if self.before is not None and self._was_loaded:
                self.beside_each_other = is_loaded(self._ollama, self.before.digest)
                where = "beside" if self.beside_each_other else "in place of"
                self._say(f"{self._wanted}: loaded {where} {self.before.name}")

    def switch(self, name: str, *, settle_seconds: float) -> None:
        """Make the alias stand for a model, and let the old one go when its answers are done."""
        with self.step("switch"):
            if self.before is not None:
                self._ollama.copy(ALIAS, PREVIOUS)
            self._ollama.copy(name, ALIAS)
        if RETURNING in self._ollama.tags():
            self._ollama.delete(RETURNING)
        if self.before is not None:
            with self.step("unload"):
                time.sleep(settle_seconds)
                self._let_go(PREVIOUS, self.before.name)

    def restore(self) -> None:
        """Let the model that failed go, and bring the live one back into memory if it had to make room."""
        if self._loaded is not None:
            self._let_go(self._loaded, self._wanted)
        if self.before is None or not self._was_loaded:
            return
        try:
            if not is_loaded(self._ollama, self.before.digest):
                self._say(f"{self.before.name}: is live as before, and brought back into memory")
                self._ollama.load(ALIAS)
        except OllamaError as error:
            # The alias stands for it all the same; what made the attempt fail is the error to be told.
            self._say(f"{self.before.name} couldn't be brought back into memory: {error}")

    def _let_go(self, name: str, called: str) -> None:
        """Unload a model that isn't the live one, unless it was removed, or is the live one's file."""
        try:
            tags = self._ollama.tags()
            if canonical(name) in tags and (ALIAS not in tags or not share_a_file(self._ollama, name, ALIAS)):
                self._ollama.unload(name)
        except OllamaError as error:
            # It leaves memory when Ollama's own time for it is up: no reason to fail.
            self._say(f"{called} stays in memory for now: {error}")

    def _wait_until_gone(self, digest: str) -> None:
        deadline = time.monotonic() + _LEAVE_SECONDS
        while is_loaded(self._ollama, digest) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
