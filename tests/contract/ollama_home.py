"""A home with tiny models of one's own, for tests of what is done to Ollama."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelfiles.catalog import load
from modelfiles.ollama import Ollama, Registry, Swap
from modelfiles.progress import Advance
from tests.tiny_model import CHATML, END, TEMPLATE, write_tiny_model

KOREAN = ("▁풋", "살", "은", "▁재", "밌", "어", "요", ".", END)
# Other words, so that it is another file.
OTHER = ("▁다", "섯", "명", "이", "▁", "해", "요", ".", END)
HELLO = [{"role": "user", "content": "안녕"}]
SYSTEM = "너는 풋풋이야.\n짧게 답해."


class Told:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.uploads = 0

    def say(self, line: str) -> None:
        """Keep the line."""
        self.lines.append(line)

    @contextmanager
    def bar(self, label: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Count the uploads, each to its end."""
        self.uploads += label == "uploading"
        came = [done]
        yield came.append
        assert sum(came) == total


class Home:
    """A home, an Ollama, and Modelfiles in a folder of their own."""

    def __init__(self, folder: Path, ollama: Ollama, *, settle_seconds: float = 0.05) -> None:
        """Everything is below `folder`; swaps settle much faster than deployed ones unless told otherwise."""
        self.path = folder / "home"
        self.models = self.path / "models"
        self.models.mkdir(parents=True)
        self.ollama = ollama
        self.told = Told()
        self.registry = Registry(ollama, load(), self.path, self.told)
        self.swap = Swap(self.registry, asked_by="futfut-convert", settle_seconds=settle_seconds)
        self._modelfiles = folder / "mine"
        self._modelfiles.mkdir()

    def write(
        self,
        name: str,
        script: tuple[str, ...] = KOREAN,
        *lines: str,
        template: str = CHATML,
        chat_template: str = TEMPLATE,
        context_tokens: int = 4096,
    ) -> str:
        """Write a model that says a script, and its Modelfile; the name to ask for it by."""
        write_tiny_model(self.models / f"{name}.gguf", script, template=chat_template)
        path = self._modelfiles / f"{name}.Modelfile"
        text = [
            f"FROM ./{name}.gguf",
            f'TEMPLATE """{template}"""',
            f'SYSTEM """{SYSTEM}"""',
            f"PARAMETER num_ctx {context_tokens}",
            "PARAMETER temperature 0.1",
            f"PARAMETER stop {END}",
            *lines,
        ]
        path.write_text("\n".join([*text, ""]), encoding="utf-8")
        return str(path)

    def empty(self) -> None:
        """Remove every model from Ollama."""
        for name in self.ollama.tags():
            self.ollama.unload(name)
        for name in self.ollama.tags():
            self.ollama.delete(name)
