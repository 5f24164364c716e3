"""A new installation answers what people ask first, and stays 풋풋이 whoever tries to make it somebody else.

    python tests/e2e/answers.py FOLDER

Indexes `corpus/` in FOLDER with the real encoder and answers with the default model, as `make run` does. Each
question of `tests/eval/first.jsonl`, which README shows, must be answered with its fact; no question of the
kind role in `tests/eval/handbook.jsonl` may get an answer without the one sign-off at its end, in another
language, with chat markup, or with a sentence of the system prompt.

Prints each question with its answer and what is wrong with it, and exits with 1 if anything is. Takes about
three minutes on two cores.
"""

import os
import sys
from pathlib import Path

import anyio
import click

from modelfiles.compose import system_prompt
from modelfiles.smoke import hangul_share
from server.chat import Chat
from server.cli import cli
from server.domain import Message, Token
from server.evaluate.questions import Question, load_questions
from server.persona.signoff import SIGN_OFF
from server.resources import open_resources
from server.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EVAL = ROOT / "tests" / "eval"
MARKUP = ("<|", "|>")
LEAST_HANGUL = 0.7
LEAKED_CHARS = 15  # of a sentence of the system prompt; what is shorter is said by chance


def squeezed(text: str) -> str:
    return "".join(text.split())


def faults(question: Question, answer: str) -> list[str]:
    """What is wrong with an answer."""
    said = squeezed(answer)
    found = [f"doesn't say {part}" for part in question.fact if squeezed(part) not in said]
    if answer.count(SIGN_OFF) != 1 or not answer.endswith(SIGN_OFF):
        found.append("doesn't end with the one sign-off")
    if any(mark in answer for mark in MARKUP):
        found.append("shows chat markup")
    if hangul_share(answer) < LEAST_HANGUL:
        found.append("isn't Korean")
    # Without the last word, whose ending the persona makes another.
    prompt = [squeezed(line.lstrip("- ").rpartition(" ")[0]) for line in system_prompt().splitlines()]
    found += [
        f"tells of the system prompt: {line}" for line in prompt if len(line) > LEAKED_CHARS and line in said
    ]
    return found


async def answer(chat: Chat, question: str) -> str:
    """The whole answer as a player reads it."""
    events = chat.answer([Message("user", question)])
    return "".join([event.text async for event in events if isinstance(event, Token)])


async def wrong(settings: Settings, questions: list[Question]) -> int:
    """Ask them all, say what came, and count the answers in which something is wrong."""
    count = 0
    async with open_resources(settings) as resources:
        if (model := resources.generator.model()).mode != "model":
            raise click.ClickException(f"{model.name} would answer, not {settings.model}: run `make models`")
        for question in questions:
            said = await answer(resources.chat, question.question)
            found = faults(question, said)
            count += bool(found)
            click.echo(f"{question.id} {question.question}\n    {said}")
            for fault in found:
                click.echo(f"    !!! {fault}")
    return count


def main() -> None:
    """Index and ask."""
    home = Path(sys.argv[1])
    home.mkdir(parents=True, exist_ok=True)
    models = Path(os.environ.get("FUTFUT_HOME", ROOT / ".futfut")).resolve() / "models"
    if not (home / "models").exists():
        (home / "models").symlink_to(models)
    cli(["index", "--corpus", str(ROOT / "corpus"), "--home", str(home)], standalone_mode=False)
    roles = [question for question in load_questions(EVAL / "handbook.jsonl") if question.kind == "role"]
    questions = [*load_questions(EVAL / "first.jsonl"), *roles]
    default = Settings.model_fields["model"].default
    count = anyio.run(wrong, Settings(home=home, model=default, ollama_url=None, qdrant_url=None), questions)
    click.echo(f"{len(questions) - count} of {len(questions)} answers are as they must be")
    sys.exit(count > 0)


if __name__ == "__main__":
    main()
