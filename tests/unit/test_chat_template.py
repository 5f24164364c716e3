"""Chat templates rendered as the checkpoints were trained: held to the forms that the families publish."""

import os
from pathlib import Path

import pytest

from modelfiles.catalog import load
from modelfiles.chat_template import ChatTemplate, read_chat_template
from modelfiles.errors import ChatTemplateError
from tests.ollama_http.template import render as render_go
from tests.tiny_model import TEMPLATE, write_tiny_model

# In the forms in which Llama 3 and Zephyr have theirs: one trims messages, one counts on trimmed blocks.
LLAMA3 = (
    "{% for message in messages %}{% set text = '<|start_header_id|>' + message['role'] + '<|end_header_id|>"
    "\n\n' + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.first %}{{ bos_token }}{% endif %}{{ text }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    "{% endif %}"
)
ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\n' + message['content'] + eos_token }}
{% else %}
{{ '<|assistant|>\n' + message['content'] + eos_token }}
{% endif %}
    {% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
    {% endif %}
{% endfor %}
"""
TALK = [
    {"role": "system", "content": "짧게 답해."},
    {"role": "user", "content": "풋살은 몇 명이 해?\n\n빨리!"},
    {"role": "assistant", "content": "다섯 명이 해요 ⚽️"},
    {"role": "user", "content": "<b>{{ '킥인' }}</b>은?"},
]


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("llama3", ChatTemplate(LLAMA3, "<|begin_of_text|>", "<|eot_id|>")),
        ("zephyr", ChatTemplate(ZEPHYR, "<s>", "</s>")),
        ("chatml", ChatTemplate(TEMPLATE, "", "<|im_end|>")),
    ],
)
def test_our_templates_render_what_the_checkpoints_ask_for(name: str, template: ChatTemplate) -> None:
    """The catalogue's Go template and the family's Jinja template give the same prompt, but for BOS."""
    ours = load().templates[name].text
    messages = [(message["role"], message["content"]) for message in TALK]
    assert template.without_bos(template.render(TALK)) == render_go(ours, messages)


def test_what_templates_count_on() -> None:
    """Loop controls, JSON as it is, and the date; nothing of it escapes to HTML."""
    text = (
        "{% for message in messages %}{% if loop.index > 1 %}{% break %}{% endif %}"
        "{{ message | tojson }}{% endfor %}{{ strftime_now('%Y') | length }}"
    )
    assert ChatTemplate(text, "", "").render(TALK) == '{"role": "system", "content": "짧게 답해."}4'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ raise_exception('only user and assistant') }}", "only user and assistant"),
        ("{% for %}", "Expected an expression"),
        ("{{ messages.append(1) }}", "append"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ messages[0]['content'] + 1 }}", "concatenate"),
        ("{{ 1 // 0 }}", "by zero"),
    ],
)
def test_a_template_that_fails_is_an_error_for_people(text: str, reason: str) -> None:
    """It refuses, is broken, or reaches for what it mustn't."""
    with pytest.raises(ChatTemplateError, match=reason):
        ChatTemplate(text, "", "").render(TALK)


def test_read_from_a_file(tmp_path: Path) -> None:
    """With the texts of BOS and EOS; None where a file carries none."""
    template = read_chat_template(write_tiny_model(tmp_path / "tiny.gguf"))
    assert template == ChatTemplate(TEMPLATE, "<s>", "<|im_end|>")
    assert read_chat_template(write_tiny_model(tmp_path / "bare.gguf", template="")) is None


@pytest.mark.model
def test_the_mini_models_own() -> None:
    """Qwen's, with a system prompt of its own where none is given."""
    path = (
        Path(os.environ.get("FUTFUT_HOME", ".futfut")) / "models" / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
    )
    if not path.is_file():
        pytest.skip(f"{path} isn't there: run `make models`")
    template = read_chat_template(path)
    assert template is not None
    assert (template.bos, template.eos) == ("<|endoftext|>", "<|im_end|>")
    ours = load().templates["chatml"].text
    assert template.render(TALK) == render_go(ours, [(each["role"], each["content"]) for each in TALK])
    assert template.render(TALK[1:2]).startswith("<|im_start|>system\nYou are Qwen")
