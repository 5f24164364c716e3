"""Models made live and taken back: over the stand-in, and over a real Ollama."""

import shutil
import subprocess
import sys
import threading

import pytest

from modelfiles.ollama import ALIAS, PREVIOUS
from modelfiles.ollama.audit import read_entries
from modelfiles.ollama.errors import (
    GateError,
    NoWayBackError,
    SwapUnderWayError,
)
from modelfiles.ollama.live import RETURNING, UNCHECKED
from modelfiles.ollama.lock import one_at_a_time
from modelfiles.ollama.record import read_record
from tests.contract.ollama_home import HELLO, KOREAN, OTHER, Home
from tests.tiny_model import END


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


def test_an_alias_whose_model_lost_its_name_has_its_digest(home: Home) -> None:
    """Removed by hand, the model still answers under the alias; it has no other name than its digest."""
    home.swap.use(home.write("tiny"))
    home.ollama.delete("tiny")
    live = home.swap.live()
    assert live is not None
    assert live.name == live.digest[:12]
    assert home.ollama.chat(ALIAS, HELLO, {}).done_reason == "stop"
