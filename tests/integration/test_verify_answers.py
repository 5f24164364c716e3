"""How answers end: by the model's own doing, or only because Ollama cuts them where they should end."""

from dataclasses import replace
from pathlib import Path

import pytest

from convert.verify.measure import trial_of, try_out, wrong_answers
from convert.verify.questions import QUESTIONS
from modelfiles.catalog import load
from modelfiles.compose import modelfile_for
from modelfiles.grammar import Modelfile
from modelfiles.progress import Unseen
from tests.tiny_model import END, TEMPLATE, write_tiny_model

MINI = modelfile_for(load(), "mini")
KOREAN = ["풋", "살", "은", "▁재", "밌", "어", "요"]
# Messages end in a token that llama.cpp doesn't know to end anything.
OTHER_END = TEMPLATE.replace(END, "<s>")
WORDS_BEGIN = (
    "{% for message in messages %}{{ '### ' + message.role + ':\n' + message.content }}{% endfor %}{{ '\n' }}"
)


def wrong(folder: Path, script: list[str], template: str = TEMPLATE, modelfile: Modelfile = MINI) -> str:
    """What is wrong with the answers, which are all the same; empty if nothing is."""
    model = write_tiny_model(folder / "model.gguf", script, template=template)
    job = trial_of(model, modelfile, "풋살은 재밌어요.", 1)
    tried = try_out(job, Unseen())
    assert tried is not None
    found = wrong_answers(tried, job, modelfile)
    assert len(found) in {0, len(QUESTIONS)}
    return found[0] if found else ""


def stopping(*stops: str) -> Modelfile:
    return replace(MINI, template=None, parameters=tuple(("stop", stop) for stop in stops))


@pytest.mark.parametrize(
    ("script", "template", "modelfile"),
    [
        ([*KOREAN, END], TEMPLATE, MINI),
        ([*KOREAN, END], TEMPLATE, stopping()),
        ([*KOREAN, "<s>"], OTHER_END, stopping("<s>")),
        ([*KOREAN, "▁끝", END], TEMPLATE, stopping("끝")),
    ],
    ids=["end token", "end token without stops", "stop behind messages", "operator's own word"],
)
def test_an_answer_that_ends_by_itself(
    tmp_path: Path, script: list[str], template: str, modelfile: Modelfile
) -> None:
    """In its end token, in the token that the chat template ends messages with, or where an operator says."""
    assert wrong(tmp_path, script, template, modelfile) == ""


@pytest.mark.parametrize(
    ("script", "template", "modelfile", "shown"),
    [
        ([*KOREAN, "<|im_start|>", END], TEMPLATE, MINI, "<|im_start|>"),
        ([*KOREAN, "<|", "im_end", "|>"], TEMPLATE, MINI, END),
        ([*KOREAN, "<s>"], TEMPLATE, stopping("<s>"), "<s>"),
        ([*KOREAN, "<|im_start|>", "▁다", END], TEMPLATE, stopping(), "<|im_start|>"),
        ([*KOREAN, "###", "▁user:"], WORDS_BEGIN, stopping("### user:"), "### user:"),
    ],
    ids=["next turn", "end as text", "foreign token", "token that nothing cuts", "next turn in words"],
)
def test_an_answer_that_is_only_cut_off_is_a_fault(
    tmp_path: Path, script: list[str], template: str, modelfile: Modelfile, shown: str
) -> None:
    """Though Ollama, which cuts there, would show none of it."""
    assert f"the answer shows markup ({shown}): '풋살은 재밌어요" in wrong(
        tmp_path, script, template, modelfile
    )
