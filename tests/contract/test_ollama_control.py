"""Models registered, tried, made live and taken back: over the stand-in, and over a real Ollama."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfiles.ollama import ALIAS, PREVIOUS, Ollama
from modelfiles.ollama.audit import read_entries
from modelfiles.ollama.errors import (
    GateError,
    ModelNotHereError,
    ModelSourceError,
    NoWayBackError,
    OllamaModelMissingError,
    OllamaRefusedError,
    SwapUnderWayError,
)
from modelfiles.ollama.gate import NO_CHAT_TEMPLATE
from modelfiles.ollama.live import RETURNING, UNCHECKED
from modelfiles.ollama.lock import one_at_a_time
from modelfiles.ollama.parity import TRIMS
from modelfiles.ollama.record import read_record
from tests.contract.ollama_home import KOREAN, SYSTEM, Home
from tests.ollama_http import OllamaHttp
from tests.tiny_model import CHATML, END, TEMPLATE, write_tiny_adapter

HELLO = [{"role": "user", "content": "안녕"}]
# Each its own words, so that each is another file.
OTHER = ("▁다", "섯", "명", "이", "▁", "해", "요", ".", END)
ENDLESS = ("▁풋", "살", "은", "▁재", "밌", "어", "요", ".")
ENGLISH = ("▁Fut", "sal", "▁is", "▁fun", ".", END)


@pytest.fixture
def stand_in() -> Iterator[OllamaHttp]:
    with OllamaHttp() as server:
        yield server


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.ollama)])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A home before each of the two, with no model in it."""
    server = request.getfixturevalue("stand_in" if request.param == "stand-in" else "real_ollama")
    with Ollama(server.url) as ollama:
        made = Home(tmp_path, ollama)
        yield made
        made.empty()


def test_registered_once(home: Home) -> None:
    """A second time nothing is uploaded, created or tried; with force, it is; nothing unchecked is left."""
    name = home.write("tiny")
    first = home.registry.register(name)
    assert first.is_new
    assert home.told.uploads == 1
    assert home.ollama.tags().keys() == {"tiny"}
    assert home.ollama.tags()["tiny"].digest == first.record.digest
    home.told.lines.clear()
    second = home.registry.register(name)
    assert not second.is_new
    assert second.record == first.record
    assert home.told.lines == ["tiny: already registered, and nothing has changed"]
    assert home.registry.register(name, force=True).is_new
    assert home.ollama.tags().keys() == {"tiny"}


def test_what_ollama_has_is_what_the_modelfile_says(home: Home) -> None:
    """Template, system, stops, window and sampling arrive; the checkpoint's chat template is remembered."""
    home.registry.register(home.write("tiny", KOREAN, "LICENSE MIT", "PARAMETER use_mmap true"))
    shown = home.ollama.show("tiny")
    has = shown.parsed()
    assert (has.template, shown.system) == (CHATML, SYSTEM)
    assert has.values("num_ctx") == ("4096",)
    assert has.values("temperature") == ("0.1",)
    assert has.values("use_mmap")[0].lower() == "true"
    assert has.values("stop") == (END,)
    assert has.licenses == ("MIT",)
    record = read_record(home.models, "tiny")
    assert record is not None
    assert record.chat_template is not None
    assert record.chat_template.text == TEMPLATE


def test_a_change_is_registered(home: Home) -> None:
    """Another file or another Modelfile under the same name takes the place of the old one."""
    before = home.registry.register(home.write("tiny")).record
    after = home.registry.register(home.write("tiny", KOREAN, "PARAMETER top_k 7")).record
    assert after.files == before.files
    assert after.digest != before.digest
    assert home.ollama.show("tiny").parsed().values("top_k") == ("7",)
    assert home.registry.register(home.write("tiny", OTHER)).record.files != before.files


def test_a_lost_record_or_model_is_made_good(home: Home) -> None:
    """What is remembered and what Ollama has must agree; without the file, both still do."""
    name = home.write("tiny")
    home.registry.register(name)
    home.ollama.delete("tiny")
    assert home.registry.register(name).is_new
    (home.models / ".registered" / "tiny.json").write_text("{")
    assert home.registry.register(name).is_new
    (home.models / "tiny.gguf").unlink()
    assert not home.registry.register(name).is_new
    home.ollama.delete("tiny")
    with pytest.raises(ModelNotHereError, match=r"there is no .*tiny\.gguf"):
        home.registry.register(name)


def test_a_wrong_template_is_refused(home: Home) -> None:
    """The reasons say which prompt differs and where; the model is gone again."""
    name = home.write("tiny", template=CHATML.replace("<|im_end|>\n", "<|im_end|>"))
    with pytest.raises(GateError) as caught:
        home.registry.register(name)
    assert caught.value.name == "tiny"
    assert any(
        reason.startswith(
            "a history: Ollama's prompt isn't the one that the checkpoint's chat template gives"
        )
        for reason in caught.value.reasons
    )
    assert home.ollama.tags() == {}
    assert read_record(home.models, "tiny") is None


def test_a_chat_template_that_refuses_is_a_reason(home: Home) -> None:
    """A template that can't take a system prompt is no crash."""
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + TEMPLATE
    with pytest.raises(GateError, match=r"a system prompt: the chat template can't render .* no system"):
        home.registry.register(home.write("tiny", chat_template=refusing))


def test_what_cannot_be_proved_is_said(home: Home) -> None:
    """Without a chat template, and with one that trims what Ollama's can't, a model passes with a warning."""
    bare = home.registry.register(home.write("bare", chat_template="")).record
    assert bare.warnings == (NO_CHAT_TEMPLATE,)
    trimming = TEMPLATE.replace("message.content", "message.content | trim")
    assert home.registry.register(home.write("trims", chat_template=trimming)).record.warnings == (TRIMS,)
    assert f"trims: note that {TRIMS}" in home.told.lines


def test_one_that_failed_leaves_an_earlier_one_alone(home: Home) -> None:
    """What passed stays registered, and live, when the next version of it fails."""
    home.swap.use(home.write("tiny"))
    digest = home.ollama.tags()["tiny"].digest
    with pytest.raises(GateError):
        home.swap.use(home.write("tiny", template="{{- range .Messages }}{{ .Content }}{{ end }}"))
    assert {name: tag.digest for name, tag in home.ollama.tags().items()} == {"tiny": digest, ALIAS: digest}
    assert home.ollama.chat(ALIAS, HELLO, {}).done_reason == "stop"


def test_ollama_refuses_what_is_no_model(home: Home) -> None:
    """A broken file is refused by Ollama itself, in its words, and leaves nothing."""
    name = home.write("tiny")
    (home.models / "tiny.gguf").write_bytes((home.models / "tiny.gguf").read_bytes()[:300])
    with pytest.raises(OllamaRefusedError, match="Ollama refuses while creating tiny:unchecked: "):
        home.registry.register(name)
    assert home.ollama.tags() == {}


def test_an_adapter_goes_with_its_model(home: Home) -> None:
    """ADAPTER is uploaded, and the model runs with it."""
    write_tiny_adapter(home.models / "lora.gguf")
    record = home.registry.register(home.write("tiny", KOREAN, "ADAPTER ./lora.gguf")).record
    assert record.files.keys() == {"tiny.gguf", "lora.gguf"}
    assert len(home.ollama.show("tiny").parsed().adapters) == 1


def test_first_use(home: Home) -> None:
    """The first model that is used is registered, and live; there is no way back from it."""
    assert home.swap.live() is None
    with pytest.raises(NoWayBackError, match="no model is live yet"):
        home.swap.rollback()
    outcome = home.swap.use(home.write("tiny"))
    assert outcome.switched
    assert outcome.seconds.keys() == {"load", "register", "switch"}
    assert (outcome.live.name, outcome.live.context_tokens, outcome.live.previous) == ("tiny", 4096, None)
    assert outcome.live.digest == home.ollama.tags()["tiny"].digest
    assert outcome.live == home.swap.live()
    with pytest.raises(NoWayBackError, match="tiny is live, and nothing is known of another"):
        home.swap.rollback()


def test_swap_and_back(home: Home) -> None:
    """The alias stands for the new one, and so back and forth as often as one likes."""
    one, other = home.write("one"), home.write("other", OTHER)
    first = home.swap.use(one).live
    outcome = home.swap.use(other)
    assert (outcome.live.name, outcome.live.previous) == ("other", "one")
    assert outcome.beside_each_other is True
    assert outcome.live.since >= first.since
    for name, previous in (("one", "other"), ("other", "one")):
        back = home.swap.rollback()
        assert (back.live.name, back.live.previous) == (name, previous)
    tags = home.ollama.tags()
    assert tags.keys() == {"one", "other", ALIAS, PREVIOUS}
    assert tags[ALIAS].digest == tags["other"].digest
    assert tags[PREVIOUS].digest == tags["one"].digest


def test_only_the_live_model_stays_in_memory(home: Home) -> None:
    """The old one goes when the new one has taken over; one that was only registered, when it was tried."""
    home.swap.use(home.write("one"))
    home.swap.use(home.write("other", OTHER))
    live = home.swap.live()
    home.registry.register(home.write("third", ("▁재", "밌", "어", "요", END)))
    assert live is not None
    gone = threading.Event()
    for _ in range(200):
        if [loaded.digest for loaded in home.ollama.loaded()] == [live.digest]:
            break
        gone.wait(0.05)
    else:
        pytest.fail(f"loaded: {home.ollama.loaded()}")


def test_using_what_is_live_does_nothing(home: Home) -> None:
    """It says so; no line in the audit log, and the way back stays."""
    one, other = home.write("one"), home.write("other", OTHER)
    home.swap.use(one)
    home.swap.use(other)
    outcome = home.swap.use(other)
    assert not outcome.switched
    assert outcome.live.previous == "one"
    assert home.told.lines[-1].startswith("other: live already, since 20")
    assert len(read_entries(home.path)) == 2


def test_a_lost_home_costs_no_way_back(home: Home) -> None:
    """Using what is live, with nothing remembered of it, tries it again and changes nothing else."""
    one, other = home.write("one"), home.write("other", OTHER)
    home.swap.use(one)
    before = home.swap.use(other).live
    shutil.rmtree(home.models / ".registered")
    outcome = home.swap.use(other)
    assert not outcome.switched
    assert outcome.live == before
    assert read_record(home.models, "other") is not None


def test_the_same_file_under_other_settings(home: Home) -> None:
    """Ollama has one runner for both: the new one isn't unloaded with the old."""
    home.swap.use(home.write("tiny"))
    outcome = home.swap.use(home.write("tiny", KOREAN, "PARAMETER top_k 7"))
    assert outcome.switched
    assert outcome.live.name == "tiny"
    assert len(home.ollama.loaded()) == 1
    back = home.swap.rollback()
    assert home.ollama.show(ALIAS).parsed().values("top_k") == ()
    assert back.live.name == back.live.digest[:12]


def test_the_audit_log_has_every_try(home: Home) -> None:
    """Swaps, returns and failures, with who, from, to, and why not."""
    home.swap.use(home.write("one"))
    home.swap.use(home.write("other", OTHER))
    home.swap.rollback()
    with pytest.raises(GateError):
        home.swap.use(home.write("wrong", template="{{- range .Messages }}{{ .Content }}{{ end }}"))
    entries = read_entries(home.path)
    assert [(entry.action, entry.result) for entry in entries] == [
        ("use", "live"),
        ("use", "live"),
        ("rollback", "live"),
        ("use", "failed"),
    ]
    assert [(entry.from_name, entry.to_name) for entry in entries] == [
        (None, "one"),
        ("one", "other"),
        ("other", "one"),
        ("one", None),
    ]
    assert {entry.asked_by for entry in entries} == {"futfut-convert"}
    assert "isn't fit to answer players" in str(entries[-1].reason)
    assert entries[1].seconds.keys() == {"load", "register", "switch", "unload"}


def test_one_at_a_time(home: Home) -> None:
    """While another process or thread is at it, one is told since when."""
    name = home.write("tiny")
    with one_at_a_time(home.path, "trying something"), pytest.raises(SwapUnderWayError) as caught:
        home.swap.use(name)
    assert caught.value.since is not None
    assert str(caught.value).startswith("Another process is trying something since 20")
    with one_at_a_time(home.path, "registering"), pytest.raises(SwapUnderWayError):
        home.registry.register(name)
    home.registry.register(name)


def test_a_lock_goes_with_its_process(home: Home) -> None:
    """Whoever held it was killed: the next one needs no mending."""
    code = (
        "import sys, time; from pathlib import Path; from modelfiles.ollama.lock import one_at_a_time\n"
        "with one_at_a_time(Path(sys.argv[1]), 'a'): print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(home.path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(SwapUnderWayError), one_at_a_time(home.path, "b"):
            pass
        holder.kill()
    with one_at_a_time(home.path, "b"):
        pass


def test_what_a_killed_run_left_is_tidied(home: Home) -> None:
    """An unchecked model and a half return are no obstacle, and are gone afterwards."""
    one, other = home.write("one"), home.write("other", OTHER)
    home.swap.use(one)
    home.swap.use(other)
    # As if killed in the middle of a rollback: between its two copies.
    home.ollama.copy("one", "third" + UNCHECKED)
    home.ollama.copy(PREVIOUS, RETURNING)
    home.ollama.copy(ALIAS, PREVIOUS)
    live = home.swap.live()
    assert live is not None
    assert (live.name, live.previous) == ("other", "one")
    back = home.swap.rollback()
    assert (back.live.name, back.live.previous) == ("one", "other")
    # As if killed behind its second copy.
    home.ollama.copy(ALIAS, RETURNING)
    assert home.swap.live() == back.live
    assert home.swap.rollback().live.name == "other"
    home.registry.register(other, force=True)
    assert home.ollama.tags().keys() == {"one", "other", ALIAS, PREVIOUS}


@pytest.mark.parametrize("name", ["futfut", "FutFut"])
def test_the_alias_is_nobodys_name(home: Home, name: str) -> None:
    """A Modelfile that is called so would be live before it has been tried."""
    with pytest.raises(ModelSourceError, match="the name which the service asks for"):
        home.registry.register(home.write(name))
    assert home.ollama.tags() == {}


def test_a_missing_model_is_named(home: Home) -> None:
    """Whatever is asked of it, the error says how to register it."""
    for ask in (home.ollama.load, home.ollama.unload, home.ollama.show, home.ollama.delete):
        with pytest.raises(OllamaModelMissingError, match="futfut-convert register nobody"):
            ask("nobody")
    with pytest.raises(OllamaModelMissingError):
        home.ollama.copy("nobody", ALIAS)


def test_an_alias_whose_model_lost_its_name_has_its_digest(home: Home) -> None:
    """Removed by hand, the model still answers under the alias; it has no other name than its digest."""
    home.swap.use(home.write("tiny"))
    home.ollama.delete("tiny")
    live = home.swap.live()
    assert live is not None
    assert live.name == live.digest[:12]
    assert home.ollama.chat(ALIAS, HELLO, {}).done_reason == "stop"


@pytest.mark.ollama
def test_what_a_model_says_decides(real_home: Home) -> None:
    """One that never stops and one that speaks English are refused, for that reason and no other."""
    with pytest.raises(GateError) as caught:
        real_home.registry.register(real_home.write("endless", ENDLESS))
    assert all("doesn't end by itself within 300 tokens" in reason for reason in caught.value.reasons)
    with pytest.raises(GateError) as caught:
        real_home.registry.register(real_home.write("english", ENGLISH))
    assert all("the answer isn't Korean, 0% of its letters" in reason for reason in caught.value.reasons)
    assert real_home.ollama.tags() == {}


@pytest.fixture
def real_home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    with Ollama(request.getfixturevalue("real_ollama").url) as ollama:
        made = Home(tmp_path, ollama)
        yield made
        made.empty()
