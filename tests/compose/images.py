"""The images that the stack is made from: pulled where a registry can be reached, else made on the spot."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.compose.engine import Engine
from tests.compose.files import ROOT, services
from tests.compose.programs import CACHE, NotHereError, say
from tests.real_ollama import provide

DEBIAN = "bookworm"
PYTHON = "python3,python3-venv"
PULL_SECONDS = 900
DEBOOTSTRAP_SECONDS = 1200
DEBIAN_IMAGE = f"futfut-test-debian:{DEBIAN}"
BASE_DOCKERFILE = f"""\
FROM {DEBIAN_IMAGE}
COPY pip.conf /etc/pip.conf
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
"""
# As in the image of the same name: the program, its helpers, and where it listens.
OLLAMA_DOCKERFILE = """\
FROM {base}
COPY ollama /usr/bin/ollama
COPY lib /usr/lib/ollama
RUN ldconfig /usr/lib/ollama && /usr/lib/ollama/llama-server --version
ENV OLLAMA_HOST=0.0.0.0:11434
EXPOSE 11434
ENTRYPOINT ["/bin/ollama"]
CMD ["serve"]
"""
# What an index, a proxy or an own certificate authority need to be known by inside a build, too.
_PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")


def base_image(engine: Engine) -> str:
    """The image that server/Dockerfile builds on, under the very name it has there.

    Raises:
        NotHereError: it can't be pulled, and debootstrap can't make one either.
    """
    dockerfile = (ROOT / "server/Dockerfile").read_text(encoding="utf-8")
    name: str = re.findall(r"^ARG BASE=(.*)$", dockerfile, re.MULTILINE)[0]
    if engine.is_ours:
        _make_base(engine, name)
    elif not engine.has(name) and not _pulled(engine, name):
        _make_base(engine, name)
        engine.remove_later(name)
        engine.remove_later(DEBIAN_IMAGE)
    return name


def ollama_image(engine: Engine, base: str) -> None:
    """Ollama's image under the name it has in compose.yaml: pulled, or made of a real Ollama and the base."""
    name = services()["ollama"]["image"]
    if not engine.is_ours:
        if engine.has(name) or _pulled(engine, name):
            return
        engine.remove_later(name)
    program = provide()
    with tempfile.TemporaryDirectory(prefix="futfut-image-") as context:
        folder = Path(context)
        shutil.copy2(program, folder / "ollama")
        shutil.copytree(program.parent.parent / "lib" / "ollama", folder / "lib")
        # Compiled here, llama-server wants this machine's OpenMP; a slim base has none.
        for library in _openmp_of(folder / "lib" / "llama-server"):
            shutil.copy2(library, folder / "lib")
        (folder / "Dockerfile").write_text(OLLAMA_DOCKERFILE.format(base=base), encoding="utf-8")
        engine.docker("build", "--tag", name, str(folder))


def qdrant_image(engine: Engine) -> bool:
    """Whether Qdrant's image can be had; no package registry carries its server."""
    name = services()["qdrant"]["image"]
    return engine.has(name) or (not engine.is_ours and _pulled(engine, name))


def _pulled(engine: Engine, name: str) -> bool:
    with suppress(RuntimeError, subprocess.TimeoutExpired):
        engine.docker("pull", "--quiet", name, timeout=PULL_SECONDS)
        return True
    return False


def _make_base(engine: Engine, name: str) -> None:
    """A Debian with Python, set up to reach the package index as this machine does."""
    if not engine.has(DEBIAN_IMAGE):
        engine.docker("import", str(_debian()), DEBIAN_IMAGE)
    with tempfile.TemporaryDirectory(prefix="futfut-base-") as context:
        folder = Path(context)
        (folder / "pip.conf").write_text(_pip_configuration(), encoding="utf-8")
        (folder / "ca-certificates.crt").write_text(_authorities(), encoding="utf-8")
        (folder / "Dockerfile").write_text(BASE_DOCKERFILE, encoding="utf-8")
        engine.docker("build", "--tag", name, str(folder))


def _debian() -> Path:
    """An archive of a minimal Debian with Python, made once and kept."""
    finished = CACHE / f"{DEBIAN}-{platform.machine()}.tar"
    if not finished.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        say(f"Making a Debian base once (about two minutes); it is kept in {CACHE}")
        with tempfile.TemporaryDirectory(prefix="futfut-debian-", dir=CACHE) as scratch:
            root = Path(scratch) / "root"
            _run("debootstrap", "--variant=minbase", f"--include=ca-certificates,{PYTHON}", DEBIAN, str(root))
            for leftovers in ("var/cache/apt/archives", "var/lib/apt/lists"):
                shutil.rmtree(root / leftovers)
                (root / leftovers / "partial").mkdir(parents=True)
            archive = Path(scratch) / "base.tar"
            _run("tar", "--create", f"--file={archive}", "--one-file-system", "-C", str(root), ".")
            archive.rename(finished)
    return finished


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEBOOTSTRAP_SECONDS, check=False)
    if done.returncode:
        raise NotHereError(f"{' '.join(command)} fails: {(done.stdout + done.stderr)[-1000:]}")


def _pip_configuration() -> str:
    """This machine's ways to the package index; paths stay out, for they are of this machine."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    options = dict(re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", listed, re.MULTILINE))
    lines = [f"{name} = {options[name]}" for name in _PIP_OPTIONS if name in options]
    return "\n".join(["[global]", "cert = /etc/ssl/certs/ca-certificates.crt", *lines, ""])


def _authorities() -> str:
    """The certificate authorities that this machine trusts."""
    named = (
        os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    )
    return Path(named).read_text(encoding="utf-8")


def _openmp_of(program: Path) -> list[Path]:
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout  # noqa: S607
    return [Path(found) for found in re.findall(r"libgomp\S* => (\S+)", listed)]
