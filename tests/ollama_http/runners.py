"""Which models are loaded, who uses them, and who waits: as in Ollama's server/sched.go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.ollama_http.failure import BUSY, Failure
from tests.ollama_http.library import Library
from tests.ollama_http.manifest import Entry, Json
from tests.ollama_http.show import details

# A request that changes one of these has the model loaded anew.
LOAD_OPTIONS = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread")


@dataclass(eq=False)
class Runner:
    """A loaded model. It keeps the name and digest it was loaded by, whatever alias it is asked by later."""

    name: str
    digest: str
    blob: str
    options: Json
    context_tokens: int
    slots: asyncio.Semaphore
    keep: float
    users: int = 0
    expires_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Runners:
    """The loaded models.

    Attributes:
        load_seconds: how long a load takes; `/api/ps` doesn't list the model before its end.
        load_failure: what a load ends in.
        loads: the names of the models loaded so far, in order.
        parallel, max_loaded, max_queue: OLLAMA_NUM_PARALLEL, OLLAMA_MAX_LOADED_MODELS, OLLAMA_MAX_QUEUE.
    """

    def __init__(self, library: Library) -> None:
        self.load_seconds = 0.0
        self.load_failure: Failure | None = None
        self.loads: list[str] = []
        self.parallel = 1
        self.max_loaded = 2
        self.max_queue = 512
        self._library = library
        self.clear()

    def clear(self) -> None:
        """Nothing is loaded any more, as after a restart."""
        self._loaded: dict[str, Runner] = {}
        self._loading = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def use(
        self, entry: Entry, options: Json, *, keep: float | None, shift: bool | None
    ) -> AsyncIterator[Runner]:
        """A model's runner, loaded first if need be.

        Raises:
            Failure: too many wait for a load, or the load fails.
        """
        wanted = {key: options[key] for key in LOAD_OPTIONS if key in options} | {"shift": shift is not False}
        runner = self._loaded.get(entry.manifest.model)
        if runner and runner.options == wanted:
            runner.users += 1
        else:
            async with self._turn():
                runner = await self._load(entry, wanted)
                runner.users += 1
        try:
            if keep is not None:
                runner.keep = keep
            yield runner
        finally:
            runner.users -= 1
            runner.expires_at = datetime.now(UTC) + timedelta(seconds=runner.keep)
            self._let_go(runner)

    def expire(self, entry: Entry) -> None:
        """Unload a model, after the answers under way."""
        if runner := self._loaded.get(entry.manifest.model):
            runner.keep = 0
            self._let_go(runner)

    def listed(self) -> list[Json]:
        """What `/api/ps` lists."""
        return [
            {
                "name": runner.name,
                "model": runner.name,
                "size": 10013900,
                "digest": runner.digest,
                "details": details(),
                "expires_at": runner.expires_at.isoformat().replace("+00:00", "Z"),
                "size_vram": 0,
                "context_length": runner.context_tokens,
            }
            for runner in self._loaded.values()
        ]

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One load at a time; a bounded number waits."""
        if self._loading.locked() and self._waiting >= self.max_queue:
            raise BUSY.again()
        self._waiting += 1
        try:
            await self._loading.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._loading.release()

    async def _load(self, entry: Entry, wanted: Json) -> Runner:
        blob = entry.manifest.model
        while True:
            runner = self._loaded.get(blob)
            if runner and runner.options == wanted:
                return runner
            if not (leaving := runner or self._to_evict()):
                break
            leaving.keep = 0
            self._let_go(leaving)
            await leaving.gone.wait()
        await asyncio.sleep(self.load_seconds)
        if self.load_failure:
            raise self.load_failure.again()
        self.loads.append(entry.name)
        context = self._library.context_tokens(entry.manifest, wanted)
        slots = asyncio.Semaphore(self.parallel)
        self._loaded[blob] = Runner(entry.name, entry.manifest.digest, blob, wanted, context, slots, keep=300)
        return self._loaded[blob]

    def _to_evict(self) -> Runner | None:
        if len(self._loaded) < self.max_loaded:
            return None
        return min(self._loaded.values(), key=lambda runner: (runner.users > 0, runner.keep))

    def _let_go(self, runner: Runner) -> None:
        if runner.users == 0 and runner.keep <= 0 and not runner.gone.is_set():
            del self._loaded[runner.blob]
            runner.gone.set()
