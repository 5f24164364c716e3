"""A hub on this machine: it answers what huggingface-hub asks of a model repository, and fails on demand."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

_LARGE = (".safetensors", ".gguf", "tokenizer.json", "tokenizer.model", ".bin")
_BLOCK = 10_000


class Request(NamedTuple):
    """A request that the hub has seen."""

    method: str
    path: str
    range: str | None
    token: str | None


@dataclass
class Hub:
    """One repository, how the server misbehaves, and the requests that it has seen.

    `commits` holds the files of each commit, `branches` the commit of each branch. `sent` are bytes that are
    sent instead of a file's own, `failures` statuses that the next requests are answered with.
    """

    commits: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    repository: str = "org/name"
    about: Mapping[str, object] = field(default_factory=dict)
    sent: dict[str, bytes] = field(default_factory=dict)
    etag: str | None = None
    cut_after: int | None = None
    tells_length: bool = True
    honours_range: bool = True
    status: int = 200
    status_of_get: int = 200
    error_code: str = ""
    error_message: str = ""
    failures: list[int] = field(default_factory=list)
    page: bytes | None = None
    seconds_a_block: float = 0
    bytes_out: int = 0
    port: int = 0
    requests: list[Request] = field(default_factory=list)

    def push(self, commit: str, files: Mapping[str, bytes], branch: str = "main") -> None:
        """Move the branch to a new commit with exactly these files."""
        self.commits[commit] = files
        self.branches[branch] = commit

    def gets(self, name: str = "") -> list[str | None]:
        """The Range headers of the GET requests for files whose path ends so, in order."""
        return [
            request.range
            for request in self.requests
            if request.method == "GET" and "/resolve/" in request.path and request.path.endswith(name)
        ]

    def commit_of(self, revision: str) -> str | None:
        """The commit that a revision means; None if there is none."""
        return self.branches.get(revision) or (revision if revision in self.commits else None)

    def description(self, commit: str) -> dict[str, object]:
        """What the hub's API tells of the repository, with each file's size and hashes."""
        files = [_described(name, content) for name, content in self.commits[commit].items()]
        return {"id": self.repository, "sha": commit, "siblings": files, **self.about}


def git_blob_id(content: bytes) -> str:
    """What git calls a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  # git's own choice


@contextmanager
def serving(hub: Hub) -> Iterator[None]:
    """Answer at `hub.port` while the block lasts."""
    handler = type("_Bound", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def point_hub_at(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Make huggingface-hub ask a port of this machine: it reads HF_ENDPOINT when it is imported."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        f"http://127.0.0.1:{port}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
    )


def _described(name: str, content: bytes) -> dict[str, object]:
    described: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": git_blob_id(content)}
    if name.endswith(_LARGE):
        sha256 = hashlib.sha256(content).hexdigest()
        pointer = f"version 1\noid sha256:{sha256}\nsize {len(content)}\n".encode()
        described["blobId"] = git_blob_id(pointer)
        described["lfs"] = {"size": len(content), "sha256": sha256, "pointerSize": len(pointer)}
    return described


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(
            Request(self.command, path, self.headers.get("Range"), self.headers.get("Authorization"))
        )
        is_file = "/resolve/" in path
        wanted_status = self.hub.failures.pop(0) if self.hub.failures else self.hub.status
        if is_file and self.command == "GET":
            wanted_status = max(wanted_status, self.hub.status_of_get)
        if wanted_status != 200:
            self.refuse(wanted_status, self.hub.error_code)
        elif self.hub.page is not None:
            self.whole(self.hub.page, "text/html")
        elif is_file:
            self.file(path)
        else:
            self.api(path)

    def api(self, path: str) -> None:
        repository, _, revision = path.removeprefix("/api/models/").partition("/revision/")
        commit = self.hub.commit_of(revision)
        if repository != self.hub.repository:
            self.refuse(401, "RepoNotFound")
        elif commit is None:
            self.refuse(404, "RevisionNotFound")
        else:
            self.whole(json.dumps(self.hub.description(commit)).encode(), "application/json")

    def file(self, path: str) -> None:
        _, _, place = path.partition("/resolve/")
        revision, _, name = place.partition("/")
        commit = self.hub.commit_of(revision)
        if commit is None or name not in self.hub.commits[commit]:
            self.refuse(404, "EntryNotFound" if commit else "RevisionNotFound")
            return
        own = self.hub.commits[commit][name]
        content = self.hub.sent.get(name, own)
        range_ = self.headers.get("Range") if self.hub.honours_range else None
        start = int(range_.removeprefix("bytes=").rstrip("-")) if range_ else 0
        self.send_response(206 if range_ else 200)
        self.send_header("ETag", self.hub.etag or f'"{hashlib.sha256(own).hexdigest()}"')
        self.send_header("X-Repo-Commit", commit)
        if range_:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.hub.tells_length or self.command == "HEAD":
            self.send_header("Content-Length", str(len(content) - start))
        else:
            self.close_connection = True
        self.end_headers()
        if self.command == "GET":
            self.body(content[start:])

    def body(self, data: bytes) -> None:
        if self.hub.cut_after is not None and len(data) > self.hub.cut_after:
            data, self.hub.cut_after = data[: self.hub.cut_after], None
            self.close_connection = True
        for start in range(0, len(data), _BLOCK):
            try:
                self.wfile.write(data[start : start + _BLOCK])
            except ConnectionError:  # the client was killed
                self.close_connection = True
                return
            self.hub.bytes_out += len(data[start : start + _BLOCK])
            time.sleep(self.hub.seconds_a_block)

    def whole(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status: int, error_code: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if error_code:
            self.send_header("X-Error-Code", error_code)
        if self.hub.error_message:
            self.send_header("X-Error-Message", self.hub.error_message)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Keep the test's output clean."""
