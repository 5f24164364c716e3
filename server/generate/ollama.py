"""A model behind an Ollama server as a generator: https://github.com/ollama/ollama/blob/main/docs/api.md."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic

import httpx
from anyio import CancelScope, to_thread
from ollama import AsyncClient

from modelfiles.errors import FutFutError
from modelfiles.ollama import ALIAS
from server.domain import Finished, GenerationEvent, Loading, Message, Prompt, TextDelta, Usage
from server.errors import GenerationError, ModelUnavailableError
from server.generate.answer_lines import AnswerLines
from server.generate.live_model import LiveModel
from server.generate.live_models import LiveModels
from server.generate.ollama_failures import failure, nothing_sent
from server.telemetry import Telemetry

log = logging.getLogger(__name__)

LOADING_SECONDS = 1.0
_PS_SECONDS = 1.0
_SURELY_LOADED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect (and to try again), to the first word (loading included), from piece to piece."""

    connect: float
    first_token: float
    token: float


class OllamaGenerator:
    """Implements `server.protocols.Generator` on whatever is live in Ollama under the alias.

    Sampling, stops and context are the Modelfile's: `num_ctx` is never sent, for another value would have the
    model loaded again. A stream that is closed closes its connection, and with that Ollama stops the model.
    """

    def __init__(
        self,
        url: str,
        models: LiveModels,
        telemetry: Telemetry,
        timeouts: Timeouts,
    ) -> None:
        """Nothing is asked yet: Ollama may start later.

        Args:
            url: the Ollama server.
            models: tells which model is live; closed with the generator.
            telemetry: where disagreements and failures are counted.
            timeouts: how long to wait.
        """
        self._url = url
        self._models = models
        self._telemetry = telemetry
        self._timeouts = timeouts
        self._last_heard = ("", float("-inf"))  # of which model, and when
        # Silence is timed here, by what is awaited; and how many ask at once is for the admission to say.
        self._client = AsyncClient(
            url,
            timeout=httpx.Timeout(timeouts.connect, read=None, pool=None),
            limits=httpx.Limits(max_connections=None),
        )

    def model(self, *, fresh: bool = False) -> LiveModel:
        """What the alias stands for.

        Raises:
            OllamaUnreachableError: Ollama doesn't answer; without `fresh` only if it never has.
            OllamaModelMissingError, OllamaModelUnusableError: it has nothing live, or nothing usable.
        """
        return self._models.current(fresh=fresh)

    async def stream(
        self, prompt: Prompt, question: str, *, max_tokens: int
    ) -> AsyncGenerator[GenerationEvent]:
        """Generate: perhaps one `Loading`, then `TextDelta`s, then one `Finished`.

        Raises:
            ModelUnavailableError: its subclasses say why there is no answer; one of them, that memory ran
                out, may come in the middle of it.
            GenerationError: its subclasses say how the answer broke off.
        """
        del question  # it stands in the prompt
        # A look-up that hangs must not hold who has left.
        model = await to_thread.run_sync(self._models.current, abandon_on_cancel=True)
        messages, counted = await to_thread.run_sync(_read, model, prompt.messages)
        room = model.context_tokens - counted
        if room <= 0:
            raise GenerationError(
                f"the prompt takes {counted} of {model.context_tokens} tokens and leaves none to answer"
            )
        lines = AnswerLines(
            partial(
                self._client.chat,
                model=ALIAS,
                messages=[{"role": message.role, "content": message.content} for message in messages],
                stream=True,
                options={"num_predict": min(max_tokens, room)},
            ),
            may_retry=nothing_sent,
            as_failure=partial(failure, url=self._url, model=model.name),
            retry_seconds=self._timeouts.connect,
        )
        try:
            async with aclosing(lines):
                if await self._is_loading(model, lines):
                    yield Loading(model.name)
                line = await lines.first(self._timeouts.first_token)
                while True:
                    self._last_heard = (model.digest, monotonic())
                    if line.message.content:
                        yield TextDelta(line.message.content)
                    if line.done:
                        break
                    line = await lines.next(self._timeouts.token)
                await self._compare(model, prompt.messages, counted, line.prompt_eval_count)
                yield Finished(
                    "length" if line.done_reason == "length" else "stop",
                    Usage(line.prompt_eval_count or counted, line.eval_count or 0),
                )
        except FutFutError as error:
            self._telemetry.generation_failures.labels(type(error).__name__).inc()
            raise

    async def close(self) -> None:
        """Close all connections; what is under way breaks off."""
        await self._client.close()  # type: ignore[no-untyped-call]
        self._models.close()

    async def _is_loading(self, model: LiveModel, lines: AnswerLines) -> bool:
        """Whether there is no first line after a second because the model isn't in memory yet.

        `/api/ps` lists a model once its runner is there. While one starts it doesn't answer at all
        (`loadedModels` in Ollama's server/sched.go waits for the runner's lock): that, too, means loading,
        unless the model has just been heard, and so it is another one that starts.
        """
        await asyncio.wait([lines.opening], timeout=min(LOADING_SECONDS, self._timeouts.first_token))
        if lines.opening.done():
            return False
        asking = asyncio.create_task(self._client.ps())
        try:
            await asyncio.wait(
                [asking, lines.opening], timeout=_PS_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            asking.cancel()
            with CancelScope(shield=True):
                await asyncio.wait([asking])
        if lines.opening.done():
            return False
        if asking.cancelled():
            digest, heard_at = self._last_heard
            return digest != model.digest or monotonic() - heard_at > _SURELY_LOADED_SECONDS
        if asking.exception():
            return False
        return all(loaded.digest != model.digest for loaded in asking.result().models)

    async def _compare(
        self, model: LiveModel, messages: Sequence[Message], counted: int, said: int | None
    ) -> None:
        """Notice when Ollama read another prompt than we counted: it cuts what is too long and never says so.

        Its count includes the tokens that were still in its cache (`promptEvalCount` in its
        llm/llama_server.go).
        """
        if said is None or said == counted:
            return
        with suppress(ModelUnavailableError):
            now = await to_thread.run_sync(partial(self._models.current, fresh=True))
            if now.digest != model.digest:
                log.info("%s was made live while %s was asked.", now.name, model.name)
                model, counted = now, await to_thread.run_sync(now.count_tokens, messages)
                if said == counted:
                    return
        self._telemetry.prompt_count_disagreements.inc()
        log.warning(
            "Ollama read a prompt of %d tokens where we counted %d: the context of %s may be smaller there "
            "than %d tokens, or its template another one.",
            *(said, counted, model.name, model.context_tokens),
        )


def _read(model: LiveModel, messages: Sequence[Message]) -> tuple[list[Message], int]:
    """The messages as they are sent, and how many tokens they take."""
    return model.prepared(messages), model.count_tokens(messages)
