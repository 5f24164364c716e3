"""Finds out which model is live in Ollama, anew for each question, and readies what counting tokens takes."""

import logging
import threading
import time
from contextlib import suppress
from pathlib import Path

from modelfiles.catalog import Catalog
from modelfiles.errors import ModelfileError
from modelfiles.ollama import ALIAS, Ollama
from modelfiles.ollama.errors import OllamaError
from modelfiles.ollama.errors import OllamaModelMissingError as NameMissingError
from modelfiles.ollama.live import name_of
from modelfiles.ollama.wire import Tag
from server.domain import Message
from server.errors import (
    GenerationError,
    OllamaModelMissingError,
    OllamaModelUnusableError,
    OllamaUnreachableError,
    VocabularyNotKeptError,
)
from server.generate.live_model import LiveModel
from server.generate.markup import markup_breaker
from server.generate.ollama_failures import away
from server.generate.prompt_template import prompt_template
from server.generate.vocabulary import Vocabulary, write_vocabulary

log = logging.getLogger(__name__)

# A prompt that was counted for the model before a swap may be cut in silence by the one after it: hence each
# question looks anew, and only those that come at the same time share a look.
FRESH_SECONDS = 0.1
# While Ollama is away, not every question waits for a connection that fails.
AWAY_SECONDS = 2.0
_KEPT_VOCABULARIES = 4
# Ollama writes an alias's manifest in place, and doesn't list a name whose manifest is half written.
_LOOKS = 4
_BETWEEN_LOOKS_SECONDS = 0.05


class LiveModels:
    """The live model, looked up in Ollama by its digest. Blocking, and for any thread.

    One `/api/tags` tells whether the alias still stands for the same manifest; only if not is the model read
    anew. Its vocabulary, a few megabytes, is kept in `folder` under the digest.
    """

    def __init__(self, ollama: Ollama, catalog: Catalog, folder: Path) -> None:
        """Nothing is asked yet.

        Args:
            ollama: closed with this.
            catalog: whose names come first where several have the digest.
            folder: for vocabularies; created when there is one.
        """
        self._ollama = ollama
        self._catalog = catalog
        self._folder = folder
        self._lock = threading.Lock()
        self._known: LiveModel | None = None
        self._look_again_at = float("-inf")

    def current(self, *, fresh: bool = False) -> LiveModel:
        """The live model as of at most `FRESH_SECONDS` ago, or with `fresh` as of now.

        While Ollama doesn't answer, the last that was known, which is looked for again after `AWAY_SECONDS`.

        Raises:
            OllamaUnreachableError: Ollama doesn't answer; without `fresh` only if it never has.
            OllamaModelMissingError: nothing has been made live.
            OllamaModelUnusableError: it fixes no context, or its tokens can't be counted.
            VocabularyNotKeptError: what that takes can't be written to the folder.
        """
        with self._lock:
            if self._known and not fresh and time.monotonic() < self._look_again_at:
                return self._known
            seconds = FRESH_SECONDS
            try:
                self._known = self._look_up()
            except OllamaUnreachableError:
                if fresh or self._known is None:
                    raise
                seconds = AWAY_SECONDS
            self._look_again_at = time.monotonic() + seconds
            return self._known

    def close(self) -> None:
        """Close the connections."""
        self._ollama.close()

    def _look_up(self) -> LiveModel:
        try:
            tags = self._tags()
            if ALIAS not in tags:
                raise OllamaModelMissingError(self._ollama.url, ALIAS)
            digest = tags[ALIAS].digest
            if self._known and self._known.digest == digest:
                return self._known
            # Read under its own name, for the alias may be moved in between.
            name = name_of(digest, tags, self._catalog)
            model = self._read(digest, name if name in tags else ALIAS)
        except NameMissingError as error:
            raise OllamaModelMissingError(self._ollama.url, error.name) from error
        except OllamaError as error:
            raise away(error, self._ollama.url) from error
        log.info("Ollama answers with %s: %d tokens of context", model.name, model.context_tokens)
        return model

    def _tags(self) -> dict[str, Tag]:
        for _ in range(_LOOKS if self._known else 1):
            if ALIAS in (tags := self._ollama.tags()):
                break
            time.sleep(_BETWEEN_LOOKS_SECONDS)
        return tags

    def _read(self, digest: str, name: str) -> LiveModel:
        shown = self._ollama.show(name)
        try:
            modelfile = shown.parsed()
            context = [int(value) for value in modelfile.values("num_ctx")]
            if not context:
                raise OllamaModelUnusableError(name, "its Modelfile sets no PARAMETER num_ctx")
            vocabulary = self._vocabulary(digest, name)
            render = prompt_template(shown.template, bos=vocabulary.bos, eos=vocabulary.eos)
            roles = render([Message("system", ""), Message("user", ""), Message("assistant", "")])
        except (ValueError, ModelfileError, GenerationError) as error:
            raise OllamaModelUnusableError(name, str(error)) from error
        trained = shown.model_info.get(f"{shown.model_info.get('general.architecture')}.context_length")
        # Some templates mark roles by plain text (Zephyr's `<|user|>`), which their stops then name.
        marks = {stop for stop in modelfile.values("stop") if stop in roles}
        return LiveModel(
            name=name,
            digest=digest,
            context_tokens=min(context[-1], trained if isinstance(trained, int) else context[-1]),
            system=shown.system or None,
            render=render,
            vocabulary=vocabulary,
            break_markup=markup_breaker(vocabulary.markup() | marks),
        )

    def _vocabulary(self, digest: str, name: str) -> Vocabulary:
        path = self._folder / f"{digest}.gguf"
        if path.exists():
            with suppress(OSError):  # only tells which are old; the folder may be read-only by now
                path.touch()
            try:
                return Vocabulary(path)
            except ValueError as error:
                log.warning("The vocabulary at %s is read anew: %s", path, error)
        metadata = self._ollama.show(name, verbose=True).model_info
        try:
            write_vocabulary(metadata, path)
            by_age = sorted(self._folder.glob("*.gguf"), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in by_age[_KEPT_VOCABULARIES:]:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise VocabularyNotKeptError(name, self._folder, str(error)) from error
        return Vocabulary(path)
