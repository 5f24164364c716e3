"""Stopping the embedded engine: at once, wherever it is, and the next answer is that of a fresh one."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_cpp import llama_cpp as native

from server.generate.engine import BATCH_TOKENS, Engine
from server.generate.stop_flag import StopFlag
from tests.tiny_engine import ENDLESS, LONG_QUESTION, QUESTION, greedy, say
from tests.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "endless.gguf", ENDLESS)
    write_tiny_model(folder / "random.gguf")
    return folder


@pytest.fixture
def random_engine(models: Path) -> Iterator[Engine]:
    engine = greedy(models / "random.gguf")
    yield engine
    engine.close()


class StopsAtNode(StopFlag):
    """Is set when llama.cpp has asked `asked` times: inside a computation, always at the same place."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self.left = asked

    def watch(self, context: native.llama_context_p) -> None:
        """Count in Python, where the real flag is read natively."""

        def ask(_: object) -> bool:
            self.left -= 1
            if self.left == 0:
                self.set()
            return self.is_set()

        self.callback = native.ggml_abort_callback(ask)
        native.llama_set_abort_callback(context, self.callback, ctypes.c_void_p())


class NoticedLate(StopFlag):
    """Set between two tokens just after the engine looked: llama.cpp sees it first."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = False

    def is_set(self) -> bool:
        """What the last look could have seen."""
        before, self._seen = self._seen, super().is_set()
        return before


@pytest.mark.parametrize("asked", [1, 40, 400, 800])
def test_stopped_inside_a_computation(models: Path, asked: int) -> None:
    """Stopped anywhere in a prompt or an answer, the engine's next answer is that of a fresh one."""
    fresh, interrupted = greedy(models / "random.gguf"), greedy(models / "random.gguf")
    expected = [say(fresh, LONG_QUESTION), say(fresh, QUESTION)]
    assert expected[0][1].usage.prompt_tokens > 3 * BATCH_TOKENS
    _, finished = say(interrupted, LONG_QUESTION, stop=StopsAtNode(asked))
    assert finished.reason == "cancelled"
    assert [say(interrupted, LONG_QUESTION), say(interrupted, QUESTION)] == expected
    fresh.close()
    interrupted.close()


@pytest.mark.parametrize("piece", range(4))
def test_stopped_while_a_piece_is_computed(models: Path, piece: int) -> None:
    """Whichever piece of an answer is given up, the same question is answered from its beginning again."""
    engine = greedy(models / "endless.gguf")
    expected = say(engine, QUESTION)
    stop = NoticedLate()
    said: list[str] = []

    def deliver(text: str) -> None:
        said.append(text)
        if len(said) > piece:
            stop.set()

    finished = engine.answer(QUESTION, 24, stop, deliver)
    assert (finished.reason, len(said)) == ("cancelled", piece + 1)
    assert say(engine, QUESTION) == expected
    engine.close()


def test_stop_flag_is_seen_inside_a_computation(random_engine: Engine) -> None:
    """The native callback reads the flag: a computation that starts with it set is given up."""
    stop = StopFlag()
    stop.watch(random_engine._llama.ctx)
    tokens = random_engine.tokens(QUESTION)
    random_engine._llama.eval(tokens)
    stop.set()
    with pytest.raises(RuntimeError, match="llama_decode returned 2"):
        random_engine._llama.eval(tokens)
