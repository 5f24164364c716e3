"""Many clients of one service, who all ask at once and each in another way."""

import asyncio
from dataclasses import dataclass

import httpx

from tests.ollama.futfut_process import ASK_SECONDS, QUESTION, asked, events_of, text_of

PERSISTENT = 20
KINDS = ("streamed", "whole", "query")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question: the answer's text, the places it had, the seconds before its turn."""

    kind: str
    text: str
    places: tuple[int, ...] = ()
    waited: float = 0.0


class Crowd:
    """Clients who all ask at once, a few of them again and again until it is enough.

    Attributes:
        answers: what came of their questions.
        failures: questions of which nothing came, and why.
        enough: to be set when nobody needs to ask again.
    """

    def __init__(self, url: str) -> None:
        self.answers: list[Answer] = []
        self.failures: list[str] = []
        self.enough = asyncio.Event()
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=ASK_SECONDS,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )

    async def ask(self, number: int) -> None:
        """Be one of them; each asks in one of three ways."""
        kind = KINDS[number % len(KINDS)]
        while True:
            try:
                self.answers.append(await self._ask(kind))
            except (httpx.HTTPError, LookupError, ValueError) as error:
                self.failures.append(f"{kind}: {error!r}")
            if number >= PERSISTENT or self.enough.is_set() or self.failures:
                return

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _ask(self, kind: str) -> Answer:
        body = {"query": QUESTION} if kind == "query" else asked(stream=kind == "streamed")
        response = await self._http.post("/query" if kind == "query" else "/chat", json=body)
        if response.status_code != 200:
            raise ValueError(f"{response.status_code} {response.text}")
        if kind == "query":
            return Answer(kind, response.json()["response"])
        if kind == "whole":
            return Answer(kind, response.json()["message"]["content"])
        events = list(events_of(response.text.splitlines()))
        name, done = events[-1]
        if name != "done":
            raise ValueError(f"{name} {done}")
        places = tuple(data["place"] for name, data in events if name == "queue")
        return Answer(kind, text_of(events), places, done["timings"]["admitted_ms"] / 1000)
