"""Answers through `/chat` against bare llama.cpp: the same prompts, context, threads and sampling."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from modelfiles.grammar import render
from server.generate.parameters import Parameters
from server.settings import Settings
from tests.bench.answers import Answer
from tests.bench.bare_llama import BareLlama
from tests.bench.errors import PromptsDifferError
from tests.bench.home import check_models, model_file, modelfile, with_corpus_indexed
from tests.bench.processes import serving
from tests.bench.prompts import record_prompts
from tests.bench.scale import Scale
from tests.bench.sse_client import timed_answer
from tests.bench.table import Row
from tests.bench.timing import in_turn

# Questions that take some sentences to answer, so that there is something to time.
_QUESTIONS = (
    "풋살을 처음 하는데 무엇을 준비해야 하는지 자세히 설명해 줘",
    "킥인을 차는 방법과 지켜야 할 점을 순서대로 알려 줘",
    "골키퍼가 조심해야 할 규칙을 모두 설명해 줘",
    "경고와 퇴장이 어떻게 다른지 비교해서 설명해 줘",
    "다치지 않으려면 몸을 어떻게 풀어야 하는지 차례대로 알려 줘",
)
_GREETING = (
    "안녕!"  # puts the system prompt into both caches, and nothing else that a question could find there
)
_OURS, _BARE = "FutFut", "bare llama.cpp"


def measure(scale: Scale, settings: Settings) -> Iterator[Row]:
    """A row for the time to the first text, and one for the time a token after it."""
    check_models(settings)
    indexed = with_corpus_indexed(settings)
    spec = modelfile(settings)
    # The same seed on both sides, so that they draw the same tokens as far as they compute the same.
    spec = replace(spec, parameters=(*spec.parameters, ("seed", "1")))
    parameters = Parameters.read(spec.parameters)
    questions = _QUESTIONS[: scale.chat_questions]
    with (
        TemporaryDirectory() as temporary,
        closing(BareLlama(model_file(settings), parameters, threads=settings.threads)) as bare,
    ):
        seeded = Path(temporary) / "seeded.Modelfile"
        seeded.write_text(render(spec), encoding="utf-8")
        chosen = {"model": str(seeded), "max_answer_tokens": scale.answer_tokens}
        answers = _answers(questions, indexed.model_copy(update=chosen), bare)
        first = {side: median(answer.first_seconds for answer in given) for side, given in answers.items()}
        token = {side: _seconds_a_token(given, bare) for side, given in answers.items()}
    length = median(answer.prompt_tokens for answer in answers[_BARE])
    row = Row("chat: first token", f"{len(questions)} questions", first[_OURS], _BARE, first[_BARE])
    yield replace(row, note=f"{settings.model}, prompts of {length:.0f} tokens")
    yield Row(
        *("chat: each further token", row.size, token[_OURS], _BARE, token[_BARE]),
        note=f"{1 / token[_OURS]:.1f} tokens/s, bare {1 / token[_BARE]:.1f}",
    )


def _seconds_a_token(answers: Sequence[Answer], bare: BareLlama) -> float:
    """How long each token took after an answer's first text, over all answers, since some are short."""
    seconds = sum(answer.seconds - answer.first_seconds for answer in answers)
    tokens = sum(answer.tokens - bare.tokens_of(answer.first_text) for answer in answers)
    return seconds / max(1, tokens)


def _answers(questions: Sequence[str], settings: Settings, bare: BareLlama) -> dict[str, list[Answer]]:
    """Each side's answers to the questions, in their order."""
    greeting, *prompts = record_prompts(
        questions,
        settings,
        greeting=_GREETING,
        count_tokens=bare.count_tokens,
        context_tokens=bare.context_tokens,
    )
    given: dict[str, list[Answer]] = {_OURS: [], _BARE: []}
    with serving(settings) as url, httpx.Client(trust_env=False) as client:
        timed_answer(client, url, _GREETING, rag=False)
        bare.answer(greeting.messages, 1)
        for number, (question, prompt) in enumerate(zip(questions, prompts, strict=True)):
            for side in in_turn(given, number):
                if side == _OURS:
                    answer = timed_answer(client, url, question)
                    if answer.prompt_tokens != prompt.tokens:
                        raise PromptsDifferError(question, answer.prompt_tokens, prompt.tokens)
                else:
                    answer = bare.answer(prompt.messages, settings.max_answer_tokens)
                given[side].append(answer)
    return given
