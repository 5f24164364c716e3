"""What a real Ollama can't be made to show: faults of the server, and a model that says what it must not."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfiles.file_hash import file_hash
from modelfiles.ollama import ALIAS, Ollama, Registry
from modelfiles.ollama.audit import read_entries
from modelfiles.ollama.errors import (
    AuditError,
    GateError,
    OllamaError,
    OllamaMemoryError,
    OllamaRefusedError,
    OllamaReplyError,
    OllamaSilentError,
    OllamaUnreachableError,
    VerdictError,
)
from modelfiles.verdict import Verdict, write_verdict
from tests.contract.ollama_home import Home
from tests.ollama_http import HANG_UP, LOAD_FAILED, OUT_OF_MEMORY, Failure, OllamaHttp

KOREAN = ("▁다", "섯", "명", "이", "▁", "해", "요", ".", "<|im_end|>")


@pytest.fixture
def server() -> Iterator[OllamaHttp]:
    with OllamaHttp() as served:
        yield served


@pytest.fixture
def home(server: OllamaHttp, tmp_path: Path) -> Iterator[Home]:
    with Ollama(server.url) as ollama:
        yield Home(tmp_path, ollama)


def test_no_room_beside_the_live_one(home: Home, server: OllamaHttp) -> None:
    """The live one leaves memory, and the new one is loaded in its place; that is told, and written down."""
    home.swap.use(home.write("one"))
    server.refuse(OUT_OF_MEMORY, "/api/generate")
    outcome = home.swap.use(home.write("other", KOREAN))
    assert outcome.beside_each_other is False
    assert "other: no room beside one, which leaves memory first" in home.told.lines
    assert read_entries(home.path)[-1].beside_each_other is False


def test_the_old_one_is_brought_back(home: Home, server: OllamaHttp) -> None:
    """It made room for one that then failed: it is live as before, and in memory."""
    live = home.swap.use(home.write("one")).live
    server.say(ALIAS, "풋살은 재밌어요.")
    server.speech.default = ("Futsal is fun.",)
    server.refuse(OUT_OF_MEMORY, "/api/generate")
    with pytest.raises(GateError, match="isn't Korean"):
        home.swap.use(home.write("other", KOREAN))
    assert home.swap.live() == live
    assert [loaded.digest for loaded in home.ollama.loaded()] == [live.digest]
    assert home.ollama.tags().keys() == {"one", ALIAS}


def test_what_failed_leaves_memory(home: Home, server: OllamaHttp) -> None:
    """Registered once, it fails today: it isn't live, nor does it keep the memory."""
    home.swap.use(home.write("one"))
    live = home.swap.use(other := home.write("other", KOREAN)).live
    server.say("one", "Futsal is fun.")
    for swap in (home.swap.rollback, lambda: home.swap.use(str(Path(other).with_stem("one")))):
        with pytest.raises(GateError, match="isn't Korean"):
            swap()
        assert home.swap.live() == live
        assert [loaded.digest for loaded in home.ollama.loaded()] == [live.digest]


def test_an_audit_log_that_cant_be_written(home: Home, server: OllamaHttp) -> None:
    """The swap has happened, and the error says so; where it fails, that is the error that is told."""
    (home.path / "audit").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(AuditError, match=r"^one is live, but that couldn't be written to .*models\.jsonl"):
        home.swap.use(home.write("one"))
    live = home.swap.live()
    assert live is not None
    assert live.name == "one"
    server.speech.default = ("Futsal is fun.",)
    with pytest.raises(GateError, match="isn't Korean"):
        home.swap.use(home.write("other", KOREAN))
    assert home.told.lines[-1].startswith("use has failed, but that couldn't be written to")


def test_ctrl_c(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted while it is tried, a model leaves memory again, and that it was tried is written down."""
    live = home.swap.use(home.write("one")).live

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("modelfiles.ollama.register.gate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        home.swap.use(home.write("other", KOREAN))
    assert home.swap.live() == live
    assert [loaded.digest for loaded in home.ollama.loaded()] == [live.digest]
    assert read_entries(home.path)[-1].reason == "KeyboardInterrupt"


def test_no_room_at_all(home: Home, server: OllamaHttp) -> None:
    """With nothing to make room, the error says to choose a smaller one; nothing is left of the model."""
    server.runners.load_failure = OUT_OF_MEMORY
    with pytest.raises(OllamaMemoryError, match=r"runs out of memory .* Choose a smaller level"):
        home.swap.use(home.write("one"))
    assert home.ollama.tags() == {}
    assert read_entries(home.path)[-1].result == "failed"


def test_a_load_that_fails(home: Home, server: OllamaHttp) -> None:
    """In Ollama's own words; what was live still is."""
    live = home.swap.use(home.write("one")).live
    server.runners.load_failure = LOAD_FAILED
    with pytest.raises(OllamaRefusedError, match="error loading model"):
        home.swap.use(home.write("other", KOREAN))
    assert home.swap.live() == live


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (
            ("풋살은 다섯 명이 해서 재밌어요. 같이 해 볼까요?", "<|im_start|>"),
            r"the answer shows markup \(<\|im_start\|>\)",
        ),
        (("풋살은 ", "축구.") * 200, "doesn't end by itself within 300 tokens"),
        (("요",) * 40, "Ollama gave it up"),
        (("",), "the answer is empty"),
        (("It is futsal.", " 풋살"), "isn't Korean, 17% of its letters are Hangul: 'It is futsal. 풋살'"),
    ],
)
def test_what_must_not_be_said(home: Home, server: OllamaHttp, said: tuple[str, ...], fault: str) -> None:
    """Markup, no end, nothing, English: each is a reason, with the question that it answers."""
    server.speech.default = said
    with pytest.raises(GateError, match=fault) as caught:
        home.registry.register(home.write("one"))
    assert len(caught.value.reasons) == 3
    assert home.ollama.tags() == {}


def test_nobody_answers(tmp_path: Path) -> None:
    """The error says where it was looked for and how to start one; waiting is bounded."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with Ollama(url) as ollama, pytest.raises(OllamaUnreachableError) as caught:
            ollama.wait(0.5)
        home = Home(tmp_path, Ollama(url))
        with pytest.raises(OllamaUnreachableError):
            home.swap.use(home.write("one"))
        home.ollama.close()
    assert url in str(caught.value)
    assert "ollama serve" in str(caught.value)


def test_one_that_is_still_starting_is_waited_for(server: OllamaHttp) -> None:
    """As beside a container that starts at the same time."""
    server.kill()
    later = threading.Timer(0.5, server.start)
    later.start()
    with Ollama(server.url) as ollama:
        ollama.wait(30)
        assert ollama.tags() == {}
    later.join()


def test_silence(server: OllamaHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for without a limit; the error says what was under way."""
    server.add("one")
    server.say("one", 5.0, "풋살")
    monkeypatch.setattr("modelfiles.ollama.client.LONG_SECONDS", 0.2)
    with Ollama(server.url) as ollama, pytest.raises(OllamaSilentError, match="while answering as one"):
        ollama.chat("one", [{"role": "user", "content": "안녕"}], {})


def test_a_lost_connection(server: OllamaHttp) -> None:
    """Closed in the middle of an answer, it is out of reach."""
    server.add("one")
    server.say("one", HANG_UP)
    with Ollama(server.url) as ollama, pytest.raises(OllamaUnreachableError):
        ollama.chat("one", [{"role": "user", "content": "안녕"}], {})


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["parsing GGUF"], OllamaReplyError),
        (["parsing GGUF", Failure("no space left on device")], OllamaRefusedError),
        ([Failure("failed to allocate buffer")], OllamaMemoryError),
    ],
)
def test_a_creation_that_ends_badly(
    home: Home,
    server: OllamaHttp,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[str | Failure],
    kind: type[OllamaError],
) -> None:
    """Every line of its progress is read: without `success`, it hasn't succeeded."""

    def create(_: object) -> Iterator[str]:
        for line in lines:
            if isinstance(line, Failure):
                raise line
            yield line

    monkeypatch.setattr(server.library, "create", create)
    with pytest.raises(OllamaError) as caught:
        home.registry.register(home.write("one"))
    assert type(caught.value) is kind


def test_what_answers_is_not_ollama(server: OllamaHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page, or JSON of another form, is told as such."""
    monkeypatch.setattr(server.library, "tags", lambda: [{"id": 1}])
    with Ollama(server.url) as ollama, pytest.raises(OllamaReplyError, match="doesn't speak as Ollama"):
        ollama.tags()
    with Ollama(server.url + "/elsewhere") as ollama, pytest.raises(OllamaRefusedError, match="status 404"):
        ollama.wait(0)


def test_what_failed_verification(home: Home) -> None:
    """It isn't registered, and nothing of it is uploaded, unless one insists; made again, it may pass."""
    name = home.write("tiny")
    file = home.registry.locate(name).file
    reasons = ("it diverges by 0.4, at most 0.1 is allowed",)
    sha256 = file_hash(file, home.told)
    write_verdict(file, Verdict(sha256, passed=False, reasons=reasons))
    with pytest.raises(VerdictError, match=r"it diverges by 0\.4") as failed:
        home.registry.register(name)
    assert failed.value.reasons == reasons
    assert "--accept-failed" in str(failed.value)
    assert home.told.uploads == 0
    insisting = Registry(home.ollama, home.registry.catalog, home.path, home.told, accept_failed=True)
    assert insisting.register(name).is_new
    assert f"{failed.value.name}: registered though it failed verification" in home.told.lines
