"""The embedded engine as a generator: a Modelfile's model, run by llama.cpp on a thread of its own."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from anyio import CancelScope

from modelfiles.compose import FOLDER
from modelfiles.find import known_names
from modelfiles.grammar import decode, parse
from server.domain import Finished, GenerationEvent, Message, Mode, Prompt, TextDelta, Usage
from server.errors import GenerationError, ModelLoadError, ModelMissingError
from server.generate.engine import Engine
from server.generate.parameters import Parameters
from server.generate.stop_flag import StopFlag


class LlamaCppGenerator:
    """Implements `server.protocols.Generator` on one context: prompts are answered one at a time, in order.

    The queue is the worker thread's own. A generator that is closed while it waits leaves the queue, one that
    is closed while the engine is at work stops it within milliseconds; what was computed stays in the cache.
    A slow reader never holds the engine up for those who wait: up to `max_tokens` pieces lie ready for it.
    """

    mode: Mode = "model"

    def __init__(self, engine: Engine, *, name: str, system: str | None) -> None:
        self.name = name
        self.system = system
        self.context_tokens = engine.context_tokens
        self._engine = engine
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama.cpp")
        self._under_way: set[StopFlag] = set()

    @classmethod
    def load(cls, modelfile: Path, models_dir: Path, *, threads: int | None) -> "LlamaCppGenerator":
        """Load what a Modelfile names; blocks for about a second.

        Args:
            modelfile: FROM and ADAPTER are looked for in `models_dir` by file name, then, if it is an
                operator's, beside it.
            models_dir: where fetched model files are.
            threads: threads to compute on; all cores if None.

        Raises:
            ModelMissingError: the model or its adapter isn't there.
            ModelLoadError: there is no such Modelfile, a PARAMETER isn't known, or llama.cpp refuses a file.
            ModelfileError: the Modelfile can't be parsed.
        """
        name = modelfile.stem
        try:
            spec = parse(decode(modelfile.read_bytes()))
        except FileNotFoundError as error:
            known = ", ".join(known_names(models_dir))
            raise ModelLoadError(name, f"there is no {modelfile}; FUTFUT_MODEL may be {known}") from error
        except OSError as error:
            raise ModelLoadError(name, f"{modelfile} can't be read ({error.strerror})") from error

        def located(path: str) -> Path:
            fetched = models_dir / Path(path).name
            # Our own Modelfiles say where the default home's models are, for Ollama; here the home is known.
            beside = [] if modelfile.parent.resolve() == FOLDER else [modelfile.parent / path]
            for file in (fetched, *beside):
                if file.is_file():
                    return file
            raise ModelMissingError(name, fetched)

        if len(spec.adapters) > 1:
            raise ModelLoadError(name, "its Modelfile names several adapters; the embedded engine takes one")
        try:
            engine = Engine(
                located(spec.base),
                Parameters.read(spec.parameters),
                adapter=located(spec.adapters[0]) if spec.adapters else None,
                threads=threads,
            )
        except ValueError as error:
            raise ModelLoadError(name, str(error)) from error
        return cls(engine, name=name, system=spec.system)

    def model(self, *, fresh: bool = False) -> Self:
        """The one that was loaded."""
        del fresh
        return self

    @property
    def reused_tokens(self) -> int:
        """How many tokens of the last prompt were still in the cache, and so cost nothing."""
        return self._engine.reused_tokens

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Exactly what `stream` will evaluate for these messages, the template's own tokens included."""
        return len(self._engine.tokens(messages))

    async def stream(
        self, prompt: Prompt, question: str, *, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        """Generate: `TextDelta`s, then one `Finished`, whose reason is `cancelled` if `close` cut it short.

        Raises:
            GenerationError: the engine failed or is closed.
        """
        del question  # it stands in the prompt
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[TextDelta | Future[Finished]] = asyncio.Queue()
        stop = StopFlag()

        def send(item: TextDelta | Future[Finished]) -> None:
            loop.call_soon_threadsafe(inbox.put_nowait, item)

        def deliver(text: str) -> None:
            send(TextDelta(text))

        try:
            job = self._worker.submit(self._engine.answer, prompt.messages, max_tokens, stop, deliver)
        except RuntimeError as error:
            raise GenerationError("the engine is closed") from error
        self._under_way.add(stop)
        job.add_done_callback(send)
        try:
            while isinstance(item := await inbox.get(), TextDelta):
                yield item
            yield Finished("cancelled", Usage(0, 0)) if item.cancelled() else item.result()
        finally:
            stop.set()
            job.cancel()
            self._under_way.discard(stop)
            with CancelScope(shield=True):
                while not job.done():
                    await inbox.get()

    def close(self) -> None:
        """Stop what is under way, join the thread and free the model. Blocks for milliseconds."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        for stop in tuple(self._under_way):
            stop.set()
        self._worker.shutdown(wait=True)
        self._engine.close()
