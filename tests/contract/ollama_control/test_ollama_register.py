"""Models registered and tried: over the stand-in, and over a real Ollama."""

import pytest

from modelfiles.ollama import ALIAS
from modelfiles.ollama.errors import (
    GateError,
    ModelNotHereError,
    ModelSourceError,
    OllamaModelMissingError,
    OllamaRefusedError,
)
from modelfiles.ollama.gate import NO_CHAT_TEMPLATE
from modelfiles.ollama.parity import TRIMS
from modelfiles.ollama.record import read_record
from tests.contract.ollama_home import HELLO, KOREAN, OTHER, SYSTEM, Home
from tests.tiny_model import CHATML, END, TEMPLATE, write_tiny_adapter

ENDLESS = ("▁풋", "살", "은", "▁재", "밌", "어", "요", ".")
ENGLISH = ("▁Fut", "sal", "▁is", "▁fun", ".", END)


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
