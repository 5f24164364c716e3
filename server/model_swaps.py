"""Swaps of the live model that an admin asks for over HTTP: one at a time, in the background, in view."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from anyio import to_thread

from modelfiles.catalog import Catalog
from modelfiles.errors import CatalogError, FutFutError
from modelfiles.find import SUFFIX, find_modelfile
from modelfiles.ollama import Live, Ollama, Outcome, Registry, Swap
from modelfiles.ollama.errors import OllamaError
from modelfiles.progress import Advance
from server.errors import SwapRunningError
from server.generate.ollama_failures import away
from server.telemetry import Telemetry

log = logging.getLogger(__name__)

State = Literal["running", "done", "failed"]
ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class SwapStatus:
    """A swap, under way or over. `step` is what it does or did last, `reason` why it failed."""

    asked_for: str
    state: State
    step: str
    started: datetime
    ended: datetime | None = None
    reason: str | None = None


class ModelSwaps:
    """Swaps of one Ollama server's live model. Used from the event loop; the work is done on a thread.

    A swap is safe to kill at any moment. Hence a service that stops doesn't wait for one: the thread is a
    daemon.
    """

    def __init__(self, url: str, catalog: Catalog, home: Path, telemetry: Telemetry) -> None:
        """Nothing is asked yet; `home` is where model files, lock and audit log are."""
        self._url = url
        self._catalog = catalog
        self._home = home
        self._telemetry = telemetry
        self._latest: SwapStatus | None = None

    @property
    def latest(self) -> SwapStatus | None:
        """The swap that is under way, else the last one since the service started."""
        return self._latest

    async def live(self) -> Live | None:
        """The model that answers; None if none has been chosen yet.

        Raises:
            OllamaUnreachableError: Ollama can't be asked.
        """

        def ask() -> Live | None:
            with self._swap() as swap:
                return swap.live()

        try:
            return await to_thread.run_sync(ask)
        except OllamaError as error:
            raise away(error, self._url) from error

    def use(self, name: str) -> SwapStatus:
        """Begin to make a model the live one. Its files must be here already.

        Args:
            name: a model of the catalogue, or one whose Modelfile lies in ours or the models' folder.

        Raises:
            CatalogError: there is no such model; lists those of the catalogue.
            SwapRunningError: another swap is under way.
        """
        try:
            name = self._catalog.resolve(name).name
        except CatalogError:
            # A path would let the key's holder read files of this machine.
            if name.endswith(SUFFIX) or find_modelfile(name, self._home / "models") is None:
                raise
        return self._begin(name, lambda swap: swap.use(name))

    def rollback(self) -> SwapStatus:
        """Begin to return to the model that was live before.

        Raises:
            SwapRunningError: another swap is under way.
        """
        return self._begin(ROLLBACK, Swap.rollback)

    def _begin(self, asked_for: str, change: Callable[[Swap], Outcome]) -> SwapStatus:
        if self._latest and self._latest.state == "running":
            raise SwapRunningError(self._latest.asked_for, self._latest.started)
        begun = SwapStatus(asked_for, "running", "beginning", datetime.now(UTC))
        self._latest = begun
        threading.Thread(target=self._run, args=(change,), name="model swap", daemon=True).start()
        return begun

    def _run(self, change: Callable[[Swap], Outcome]) -> None:
        try:
            with self._swap() as swap:
                change(swap)
        except Exception as error:
            # Whoever asked has long been answered: it is told with the status, and to the log.
            if not isinstance(error, FutFutError):
                log.exception("A swap of the model failed, and not on purpose.")
            else:
                log.warning("A swap of the model failed: %s", error)
            self._end("failed", str(error) or type(error).__name__)
        else:
            self._end("done")

    def _end(self, state: State, reason: str | None = None) -> None:
        self._telemetry.model_swaps.labels(state).inc()
        self._tell(state=state, ended=datetime.now(UTC), reason=reason)

    def _tell(self, **changes: object) -> None:
        # Only the swap's own thread writes while one runs, and readers take the whole status at once.
        if self._latest is not None:
            self._latest = replace(self._latest, **changes)  # type: ignore[arg-type]  # fields of SwapStatus

    @contextmanager
    def _swap(self) -> Iterator[Swap]:
        with Ollama(self._url) as ollama:
            progress = _Steps(lambda step: self._tell(step=step))
            registry = Registry(ollama, self._catalog, self._home, progress)
            yield Swap(registry, asked_by="admin")


class _Steps:
    """A `modelfiles.progress.Progress` that keeps the latest step as a line."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def say(self, line: str) -> None:
        """Keep the line."""
        self._tell(line)

    @contextmanager
    def bar(self, label: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Keep how far the step has come, in percent."""
        so_far, last = done, -1

        def advance(size: int) -> None:
            nonlocal so_far, last
            so_far += size
            if (percent := 100 * so_far // max(total, 1)) != last:
                last = percent
                self._tell(f"{label}: {percent} %")

        advance(0)
        yield advance
