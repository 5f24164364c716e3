"""What lives as long as the service does: opened together at start-up, closed together at the end."""

import logging
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from anyio import CapacityLimiter, to_thread
from kiwipiepy import Kiwi

from modelfiles.catalog import load as load_catalog
from modelfiles.compose import FOLDER as MODELFILES
from modelfiles.compose import system_prompt
from modelfiles.errors import FutFutError
from modelfiles.find import SUFFIX, find_modelfile
from modelfiles.ollama import Ollama
from server.admission import Admission
from server.analyzer import load_kiwi
from server.chat import Chat
from server.dense import FastembedEmbedder
from server.domain import Manifest, Message
from server.errors import ContextTooSmallError, ModelMissingError, NotReadyError
from server.generate import (
    Checked,
    ExtractiveGenerator,
    LiveModels,
    LlamaCppGenerator,
    OllamaGenerator,
    Timeouts,
    WithFallback,
)
from server.index import Compatibility, open_index
from server.lexical import Terms
from server.model_swaps import ModelSwaps
from server.prompt import build_prompt
from server.protocols import Embedder, Generator, Index, Model, Retriever
from server.retrieve import HybridRetriever
from server.settings import Settings
from server.telemetry import Telemetry

log = logging.getLogger(__name__)

_PROBE = "풋살"
_VOCABULARIES = ".vocabulary"
# Which model is live is answered in milliseconds, its vocabulary in a second: a longer silence is a failure,
# and questions wait for it.
_LOOK_UP_SECONDS = 10.0


class ServedIndex(Index, Protocol):
    """An index that holds a generation open."""

    def answering(self) -> Manifest:
        """The generation that searches are answered from."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True, slots=True)
class Search:
    """What finds passages: all that `futfut search` needs."""

    index: ServedIndex
    embedder: Embedder
    retriever: HybridRetriever

    async def probe(self) -> Manifest:
        """Search for real, and say what was searched.

        Raises:
            IndexMissingError, IndexMismatchError, IndexDamagedError, IndexUnreachableError: why no question
                could be answered now.
        """
        await self.retriever.search(_PROBE, limit=1)
        return await to_thread.run_sync(self.index.answering)


@dataclass(frozen=True, slots=True)
class Ready:
    """What a question would be answered from, and by."""

    manifest: Manifest
    model: Model


@dataclass(frozen=True, slots=True)
class Resources:
    """The collaborators of all requests."""

    search: Search
    generator: Generator
    chat: Chat
    telemetry: Telemetry = field(default_factory=Telemetry)
    # None for the embedded engine, which has the one model it was started with.
    swaps: ModelSwaps | None = None
    opened: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def retriever(self) -> Retriever:
        """Finds passages."""
        return self.search.retriever

    async def probe(self) -> Ready:
        """Search for real and have the model read a word; says what was searched, and by what answered.

        Raises:
            IndexMissingError, IndexMismatchError, IndexDamagedError, IndexUnreachableError: why no question
                could be answered now.
            ModelUnavailableError: no model would answer.
            NotReadyError: something else has stopped working.
        """
        try:
            manifest = await self.search.probe()
            model = await to_thread.run_sync(self._read_a_word)
        except FutFutError:
            raise
        except Exception as error:
            raise NotReadyError(f"{type(error).__name__}: {error}") from error
        return Ready(manifest, model)

    def _read_a_word(self) -> Model:
        model = self.generator.model(fresh=True)
        model.count_tokens([Message("user", _PROBE)])
        return model


@asynccontextmanager
async def open_search(settings: Settings, kiwi: Kiwi) -> AsyncGenerator[Search]:
    """Open encoder and index; nothing is searched yet.

    Raises:
        EncoderMissingError, EncoderDamagedError: there is no usable encoder.
    """
    # Kiwi and ONNX compute on the cores there are: more searches at once would make all of them slower.
    limiter = CapacityLimiter(_cores(settings))
    load = partial(FastembedEmbedder, settings.models_dir / settings.encoder, threads=settings.threads)
    embedder = await to_thread.run_sync(load)
    terms = Terms(kiwi)
    index = open_index(settings, compatible_with=Compatibility(embedder.fingerprint, terms.fingerprint))
    try:
        yield Search(
            index,
            embedder,
            HybridRetriever(
                index,
                embedder,
                terms,
                limiter=limiter,
                candidates=settings.candidates,
                dense_weight=settings.dense_weight,
                lexical_weight=settings.lexical_weight,
                rrf_k=settings.rrf_k,
            ),
        )
    finally:
        index.close()


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncGenerator[Resources]:
    """Open everything that answering takes, the model included; two to three seconds.

    Without the model's file answers are extractive, and the log says so. An Ollama server may be away.

    Raises:
        EncoderMissingError, EncoderDamagedError: there is no usable encoder.
        ModelLoadError, ModelfileError: the model's file or Modelfile is there, but not usable.
        ContextTooSmallError: no question would fit into the model's context.
    """
    async with AsyncExitStack() as stack:
        kiwi = await to_thread.run_sync(load_kiwi)
        search = await stack.enter_async_context(open_search(settings, kiwi))
        telemetry = Telemetry()
        generator = await stack.enter_async_context(_open_generator(settings, kiwi, telemetry))
        yield Resources(
            search=search,
            generator=generator,
            chat=Chat(
                search.retriever,
                generator,
                kiwi,
                system=system_prompt(),
                passages=settings.passages,
                max_answer_tokens=settings.max_answer_tokens,
                admission=Admission(settings.max_generations, max_waiting=settings.max_waiting),
                workers=CapacityLimiter(_cores(settings)),
            ),
            telemetry=telemetry,
            swaps=_open_swaps(settings, telemetry),
        )


def _open_swaps(settings: Settings, telemetry: Telemetry) -> ModelSwaps | None:
    if settings.ollama_url is None:
        return None
    return ModelSwaps(settings.ollama_url, load_catalog(), settings.home, telemetry)


def _cores(settings: Settings) -> int:
    return settings.threads or os.cpu_count() or 1


@asynccontextmanager
async def _open_generator(settings: Settings, kiwi: Kiwi, telemetry: Telemetry) -> AsyncGenerator[Generator]:
    quoting, is_checked = ExtractiveGenerator(kiwi), load_catalog().is_checked
    if settings.ollama_url is not None:
        ollama = open_ollama(settings, settings.ollama_url, telemetry)
        fallback = settings.fallback == "extractive"
        checked = Checked(ollama, quoting, telemetry, applies=is_checked)
        try:
            yield WithFallback(checked, quoting, telemetry) if fallback else checked
        finally:
            await ollama.close()
        return
    load = partial(
        LlamaCppGenerator.load, modelfile_path(settings), settings.models_dir, threads=settings.threads
    )
    try:
        generator = await to_thread.run_sync(load)
    except ModelMissingError as missing:
        log.warning("%s Until then answers are put together from the passages, without a model.", missing)
        yield quoting
        return
    try:
        await to_thread.run_sync(check_context, generator, settings)
        yield Checked(generator, quoting, telemetry, applies=is_checked)
    finally:
        await to_thread.run_sync(generator.close)


def open_ollama(settings: Settings, url: str, telemetry: Telemetry) -> OllamaGenerator:
    """A generator on an Ollama server, which isn't asked anything yet."""
    return OllamaGenerator(
        url,
        open_live_models(settings, url),
        telemetry,
        Timeouts(
            connect=settings.ollama_connect_timeout,
            first_token=settings.ollama_first_token_timeout,
            token=settings.ollama_token_timeout,
        ),
    )


def open_live_models(settings: Settings, url: str) -> LiveModels:
    """What finds out which model is live in Ollama; nothing is asked yet."""
    ollama = Ollama(url, connect_seconds=settings.ollama_connect_timeout, quick_seconds=_LOOK_UP_SECONDS)
    return LiveModels(ollama, load_catalog(), settings.models_dir / _VOCABULARIES)


def check_context(model: Model, settings: Settings) -> None:
    """Refuse a context that would refuse every question.

    Raises:
        ContextTooSmallError: system prompt, the shortest question and an answer don't fit.
    """
    shortest = build_prompt(
        model.system or system_prompt(),
        _PROBE,
        [],
        [],
        count_tokens=model.count_tokens,
        budget=sys.maxsize,
    )
    if shortest.tokens + settings.max_answer_tokens > model.context_tokens:
        raise ContextTooSmallError(
            model.name, model.context_tokens, shortest.tokens, settings.max_answer_tokens
        )


def modelfile_path(settings: Settings) -> Path:
    """The Modelfile that FUTFUT_MODEL names; where there is none, the one that the project would have."""
    return find_modelfile(settings.model, settings.models_dir) or MODELFILES / f"{settings.model}{SUFFIX}"
