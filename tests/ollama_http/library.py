"""The models that the stand-in holds: blobs, and manifests under names."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from llama_cpp import Llama

from tests.ollama_http.failure import Failure
from tests.ollama_http.manifest import NAME, Entry, Json, Manifest, full_name, quoted, sha256
from tests.ollama_http.show import read_info, show, tag, trained_context
from tests.ollama_http.template import TemplateError, check

DIGEST = re.compile(r"sha256[:-][0-9a-fA-F]{64}")
DEFAULT_TEMPLATE = "{{ .Prompt }}"
DEFAULT_CONTEXT = 4096


class Library:
    """Names to manifests; names are case-insensitive and `:latest` is implied."""

    def __init__(self, folder: Path) -> None:
        self.blobs = folder / "blobs"
        self.blobs.mkdir(parents=True)
        self._entries: dict[str, Entry] = {}

    def find(self, name: str) -> Entry | None:
        """The entry of that name."""
        return self._entries.get(full_name(name).lower())

    def blob(self, digest: str) -> Path:
        """Where a blob lies or would lie.

        Raises:
            Failure: this is no digest.
        """
        if not DIGEST.fullmatch(digest):
            raise Failure("invalid digest format", 400)
        return self.blobs / digest.replace(":", "-")

    def upload(self, digest: str, content: bytes) -> int:
        """Keep a blob; the status to answer with. One whose digest is another is kept, too, under its own.

        Raises:
            Failure: the content has another digest.
        """
        if self.blob(digest).exists():
            return 200
        got = f"sha256:{sha256(content)}"
        self.blob(got).write_bytes(content)
        if got != digest:
            raise Failure(f"digest mismatch, expected {quoted(digest)}, got {quoted(got)}", 400)
        return 201

    def create(self, request: Json) -> Iterator[str]:
        """Create a model; what is yielded is the progress.

        Raises:
            Failure: something in the request is wrong.
        """
        name = str(request.get("model") or "")
        if not NAME.fullmatch(name):
            raise Failure("invalid model name", 400)
        if not request.get("files"):
            raise Failure("neither 'from' or 'files' was specified", 400)
        yield "parsing GGUF"
        (uploaded,) = request["files"].values()
        model = self._rewritten(self.blob(uploaded))
        yield "verifying conversion"
        template = request.get("template") or DEFAULT_TEMPLATE
        try:
            check(template)
        except TemplateError as error:
            raise Failure(f"template error: template: :1: {error}", 400) from error
        licenses = request.get("license") or []
        manifest = Manifest(
            model=model,
            template=template,
            system=request.get("system") or "",
            parameters=request.get("parameters") or {},
            licenses=[licenses] if isinstance(licenses, str) else licenses,
            messages=request.get("messages") or [],
            adapters=[self.blob(digest).name for digest in (request.get("adapters") or {}).values()],
        )
        yield f"creating new layer {model.replace('-', ':')}"
        yield "writing manifest"
        replaced = self.find(name)
        self._put(name, manifest)
        if replaced:
            self._forget(replaced.manifest)
        yield "success"

    def copy(self, source: str, destination: str) -> None:
        """Let another name stand for the same manifest.

        Raises:
            Failure: a name is wrong, or nothing is called that.
        """
        for what, name in (("source", source), ("destination", destination)):
            if not NAME.fullmatch(name):
                raise Failure(f"{what} {quoted(name)} is invalid", 400)
        entry = self.find(source)
        if entry is None:
            raise Failure(f"model {quoted(source)} not found", 404)
        if entry is not self.find(destination):
            self._put(destination, entry.manifest)

    def delete(self, name: str) -> None:
        """Forget a name, and its blobs if no other name needs them.

        Raises:
            Failure: nothing is called that.
        """
        entry = self._entries.pop(full_name(name).lower(), None)
        if entry is None:
            raise Failure(f"model '{name}' not found", 404)
        self._forget(entry.manifest)

    def prune(self) -> None:
        """Remove blobs that no manifest needs, as Ollama does at a start if they are an hour old."""
        for blob in self.blobs.iterdir():
            if not self._is_used(blob.name):
                blob.unlink()

    def tags(self) -> list[Json]:
        """What `/api/tags` lists, the latest first."""
        latest = sorted(self._entries.values(), key=lambda entry: entry.modified_at, reverse=True)
        return [tag(entry, self.blobs) for entry in latest]

    def show(self, name: str, *, verbose: bool) -> Json:
        """What `/api/show` says.

        Raises:
            Failure: nothing is called that.
        """
        if not name:
            raise Failure("model is required", 400)
        entry = self.find(name)
        if entry is None:
            raise Failure(f"model '{full_name(name)}' not found", 404)
        return show(entry, self.blobs, verbose=verbose)

    def context_tokens(self, manifest: Manifest, options: Json) -> int:
        """How many tokens a runner holds with these options."""
        return min(int(options.get("num_ctx", DEFAULT_CONTEXT)), trained_context(manifest, self.blobs))

    def count_tokens(self, manifest: Manifest, prompt: str) -> int:
        """How many tokens the model reads in a rendered prompt, its BOS included if it has one."""
        return len(_vocabulary(self.blobs / manifest.model).tokenize(prompt.encode(), special=True))

    def _put(self, name: str, manifest: Manifest) -> None:
        known = self.find(name)
        self._entries[full_name(name).lower()] = Entry(known.name if known else full_name(name), manifest)

    def _rewritten(self, uploaded: Path) -> str:
        """The blob that is loaded: llama-quantize writes each GGUF anew, so its digest is another."""
        if not uploaded.exists():
            raise Failure(f"open {uploaded}: no such file or directory")
        try:
            read_info(uploaded)
        except (ValueError, IndexError) as error:
            raise Failure("unexpected EOF") from error
        name = f"sha256-{sha256(uploaded.name.encode())}"
        if not (self.blobs / name).exists():
            (self.blobs / name).hardlink_to(uploaded)
        return name

    def _is_used(self, blob: str) -> bool:
        manifests = [entry.manifest for entry in self._entries.values()]
        return any(blob in {manifest.model, *manifest.adapters} for manifest in manifests)

    def _forget(self, manifest: Manifest) -> None:
        for blob in {manifest.model, *manifest.adapters}:
            if not self._is_used(blob):
                (self.blobs / blob).unlink(missing_ok=True)


@cache
def _vocabulary(path: Path) -> Llama:
    return Llama(str(path), vocab_only=True, verbose=False)
