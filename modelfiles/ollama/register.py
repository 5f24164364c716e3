"""Register a model with Ollama: upload, create, prove it fit, and only then give it its name.

A model is created under `NAME:unchecked`, goes through the gate there, and is copied to `NAME`. So whatever
has a name without that tag has passed; a model that fails is removed again, and leaves one of the same name
that was registered earlier, from another file or Modelfile, as it was.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from modelfiles import file_hash
from modelfiles.catalog import Catalog
from modelfiles.chat_template import read_chat_template
from modelfiles.errors import FutFutError
from modelfiles.ollama.client import Ollama
from modelfiles.ollama.errors import GateError, VerdictError
from modelfiles.ollama.gate import gate
from modelfiles.ollama.live import UNCHECKED, share_a_file
from modelfiles.ollama.lock import one_at_a_time
from modelfiles.ollama.record import GATE, Record, drop_record, read_record, write_record
from modelfiles.ollama.source import ModelSource, locate
from modelfiles.ollama.wire import ALIAS, canonical
from modelfiles.progress import Progress
from modelfiles.verdict import read_verdict


class Registered(msgspec.Struct, frozen=True):
    """A model that Ollama has and that has passed the gate. `is_new` if it went through it just now."""

    record: Record
    is_new: bool


class Registry:
    """The models of one Ollama server, and what is remembered of them in the home."""

    def __init__(
        self,
        ollama: Ollama,
        catalog: Catalog,
        home: Path,
        progress: Progress,
        *,
        accept_failed: bool = False,
    ) -> None:
        """Nothing is asked yet. `accept_failed` registers also what failed verification."""
        self.ollama = ollama
        self.catalog = catalog
        self.home = home
        self.progress = progress
        self.models_dir = home / "models"
        self._accept_failed = accept_failed

    def locate(self, name: str) -> ModelSource:
        """What a model is registered from, by the name that a person gives.

        Raises:
            CatalogError, ModelfileError, ModelSourceError: there is no such model, or it can't be registered.
        """
        return locate(self.catalog, name, self.models_dir)

    def register(self, name: str, *, force: bool = False) -> Registered:
        """Make sure that Ollama has a model as its file and Modelfile are now, and that it is fit.

        A second time with nothing changed, nothing is uploaded, created or tried.

        Args:
            name: as for `locate`.
            force: do it all again.

        Raises:
            SwapUnderWayError: another process is at work on the models.
            ModelNotHereError: a file of it isn't here.
            VerdictError: it failed verification.
            GateError: it isn't fit; it was removed again.
            OllamaError: Ollama can't, or doesn't answer.
        """
        source = self.locate(name)
        with one_at_a_time(self.home, f"registering {source.name}"):
            if not force and (record := self.current(source)) is not None:
                self.progress.say(f"{source.name}: already registered, and nothing has changed")
                return Registered(record, is_new=False)
            record = self.admit(source, self.ollama.load)
            # It was only loaded to be tried.
            if ALIAS not in self.ollama.tags() or not share_a_file(self.ollama, source.name, ALIAS):
                self.ollama.unload(source.name)
        return Registered(record, is_new=True)

    def current(self, source: ModelSource) -> Record | None:
        """What is known of a model that Ollama has exactly as its Modelfile and files are now.

        A file that isn't here any more is taken to be the one that was registered.

        Raises:
            OllamaError: Ollama can't be asked.
        """
        record = read_record(self.models_dir, source.name)
        tag = self.ollama.tags().get(canonical(source.name))
        if record is None or tag is None or tag.digest != record.digest or record.gate != GATE:
            return None
        hashes = {}
        for path in (source.file, *source.adapters):
            if not path.is_file() and path.name not in record.files:
                return None
            hashes[path] = self._hash(path) if path.is_file() else record.files[path.name]
        return record if _sha256_of(source.request(hashes)) == record.request else None

    def admit(self, source: ModelSource, load: Callable[[str], None]) -> Record:
        """Register a model, whatever is known of it. The caller holds the lock; the model stays loaded.

        Args:
            source: what it is made of.
            load: brings a name into memory, and decides what to do if there isn't room.

        Raises:
            ModelNotHereError, VerdictError, GateError, OllamaError: as `register`.
        """
        source.require_files()
        self._sweep()
        say = self.progress.say
        hashes = {path: self._hash(path) for path in (source.file, *source.adapters)}
        self._refuse_failed(source.name, hashes)
        request = source.request(hashes)
        for path, sha256 in hashes.items():
            self._upload(path, sha256)
        unchecked = source.name + UNCHECKED
        say(f"{source.name}: creating it in Ollama")
        self.ollama.create(unchecked, request, self._say_step)
        digest = self.ollama.tags()[canonical(unchecked)].digest
        try:
            say(f"{source.name}: loading it")
            load(unchecked)
            say(f"{source.name}: trying it (its prompts, and three questions)")
            template = read_chat_template(source.file)
            warnings = gate(self.ollama, unchecked, source.modelfile, template)
        except FutFutError as error:
            self._remove(source.name, digest)
            if isinstance(error, GateError):
                raise GateError(source.name, error.reasons) from error
            raise
        self.ollama.copy(unchecked, source.name)
        record = Record(
            name=source.name,
            files={path.name: sha256 for path, sha256 in hashes.items()},
            request=_sha256_of(request),
            digest=digest,
            gate=GATE,
            warnings=warnings,
            chat_template=template,
        )
        write_record(self.models_dir, record)
        self.ollama.delete(unchecked)
        for warning in warnings:
            say(f"{source.name}: note that {warning}")
        say(f"{source.name}: registered")
        return record

    def _refuse_failed(self, name: str, hashes: Mapping[Path, str]) -> None:
        for path, sha256 in hashes.items():
            verdict = read_verdict(path, sha256)
            if verdict is not None and not verdict.passed:
                if not self._accept_failed:
                    raise VerdictError(name, verdict.reasons)
                self.progress.say(f"{name}: registered though it failed verification")

    def _upload(self, path: Path, sha256: str) -> None:
        if self.ollama.has_blob(sha256):
            self.progress.say(f"{path.name}: Ollama has it already")
            return
        with self.progress.bar("uploading", path.stat().st_size) as advance:
            self.ollama.upload(path, sha256, advance)

    def _say_step(self, step: str) -> None:
        if " layer sha256:" not in step:  # one for each part, which tells a person nothing
            self.progress.say(f"  {step}")

    def _remove(self, name: str, digest: str) -> None:
        """Remove a model that failed; under its own name, too, if it is the same that passed once.

        What is live stays: the alias is a name of its own.
        """
        tags = self.ollama.tags()
        failed = [name + UNCHECKED]
        if (registered := tags.get(canonical(name))) and registered.digest == digest:
            failed.append(name)
            drop_record(self.models_dir, name)
        if ALIAS not in tags or not share_a_file(self.ollama, failed[0], ALIAS):
            self.ollama.unload(failed[0])
        for each in failed:
            self.ollama.delete(each)

    def _sweep(self) -> None:
        """Remove what a run that was killed has left unchecked."""
        for name in self.ollama.tags():
            if name.endswith(UNCHECKED):
                self.ollama.delete(name)

    def _hash(self, path: Path) -> str:
        # Beside an operator's own file somewhere else, nothing is written.
        if path.parent == self.models_dir:
            return file_hash.file_hash(path, self.progress)
        return file_hash.compute(path, self.progress)


def _sha256_of(request: dict[str, object]) -> str:
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()
