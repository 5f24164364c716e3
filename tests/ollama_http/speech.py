"""How the stand-in answers `/api/chat` and `/api/generate`: by a script, in Ollama's lines."""

import asyncio
import enum
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.ollama_http.exchange import Exchange
from tests.ollama_http.failure import Failure
from tests.ollama_http.library import Library
from tests.ollama_http.manifest import NAME, Entry, Json, now
from tests.ollama_http.runners import Runners
from tests.ollama_http.template import TemplateError, render

# An answer is broken off after so many repeats of a piece, and its last line isn't sent.
MAX_REPEATS = 30
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


class Cut(enum.Enum):
    """What ends a connection."""

    HANG_UP = enum.auto()


HANG_UP = Cut.HANG_UP
# A piece of the answer, which is a token; seconds of silence; a raw line; an error; the connection's end.
Step = str | float | bytes | Failure | Cut


class Speech:
    """Answers from scripts by manifest digest.

    Attributes:
        default: the script of a model that has none.
        miscounted: how many tokens `prompt_eval_count` is off by.
    """

    def __init__(self, library: Library, runners: Runners) -> None:
        self.scripts: dict[str, Sequence[Step]] = {}
        self.default: Sequence[Step] = ("풋살은 ", "재밌어요.")
        self.miscounted = 0
        self._library = library
        self._runners = runners

    async def answer(self, exchange: Exchange) -> bool:
        """Answer a request; False if the connection is to be closed before the answer's end."""
        body = exchange.body()
        chat = exchange.call.path == "/api/chat"
        entry = self._entry(str(body.get("model") or ""), chat=chat)
        keep = _seconds(body.get("keep_alive"))
        asked = body.get("messages") if chat else body.get("prompt")
        head = {"model": body["model"], "created_at": now()}
        nothing: Json = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
        if not asked and keep == 0:
            self._runners.expire(entry)
            await exchange.reply({**head, **nothing, "done": True, "done_reason": "unload"})
            return True
        if asked and not chat:
            raise Failure("the stand-in generates from chats only", 501)
        began = time.monotonic_ns()
        options = {**entry.manifest.parameters, **(body.get("options") or {})}
        async with self._runners.use(entry, options, keep=keep, shift=body.get("shift")) as runner:
            loaded = time.monotonic_ns() - began
            if not asked:
                await exchange.reply({**head, **nothing, "done": True, "done_reason": "load"})
                return True
            prompt = self._prompt(entry, body["messages"])
            if body.get("_debug_render_only"):
                rendered: Json = {"message": {"role": "", "content": ""}, "done": False}
                await exchange.reply({**head, **rendered, "_debug_info": {"rendered_template": prompt}})
                return True
            async with runner.slots:
                metrics = {
                    "load_duration": loaded,
                    "prompt_eval_count": self._library.count_tokens(entry.manifest, prompt) + self.miscounted,
                    "prompt_eval_duration": 1_000_000,
                }
                limit = int(options.get("num_predict", -1))
                return await self._say(exchange, self._script(entry), limit, metrics, began)

    def _entry(self, name: str, *, chat: bool) -> Entry:
        if chat and not NAME.fullmatch(name):
            raise Failure("model is required", 400)
        entry = self._library.find(name)
        if entry is None:
            raise Failure(f"model '{name}' not found", 404)
        return entry

    def _script(self, entry: Entry) -> Sequence[Step]:
        return self.scripts.get(entry.manifest.digest, self.default)

    def _prompt(self, entry: Entry, asked: Sequence[Json]) -> str:
        manifest = entry.manifest
        messages = [*manifest.messages, *asked]
        if asked[0]["role"] != "system" and manifest.system:
            messages.insert(0, {"role": "system", "content": manifest.system})
        try:
            return render(manifest.template, [(message["role"], message["content"]) for message in messages])
        except TemplateError as error:
            raise Failure(str(error), 501) from error

    async def _say(
        self, exchange: Exchange, script: Sequence[Step], limit: int, metrics: Mapping[str, int], began: int
    ) -> bool:
        body = exchange.call.body or {}
        pieces: list[str] = []
        repeats = 0

        def line(content: str, **last: Any) -> Json:
            said = {"message": {"role": "assistant", "content": content}, "done": bool(last)}
            return {"model": body["model"], "created_at": now(), **said, **last}

        streamed = body.get("stream") is not False
        for step in script:
            if limit >= 0 and len(pieces) >= limit:
                break
            match step:
                case str():
                    repeats = repeats + 1 if pieces and pieces[-1].strip() == step.strip() else 0
                    if repeats > MAX_REPEATS:
                        await (exchange.end() if streamed else exchange.reply(line("".join(pieces))))
                        return True
                    pieces.append(step)
                    if streamed:
                        await exchange.line(line(step))
                case bytes():
                    await exchange.line(step)
                case Failure():
                    raise step.again()
                case Cut():
                    return False
                case _:
                    await asyncio.sleep(step)
        reason = "length" if 0 <= limit <= len(pieces) else "stop"
        last = line(
            "" if streamed else "".join(pieces),
            done_reason=reason,
            total_duration=time.monotonic_ns() - began,
            **{key: value for key, value in metrics.items() if value},
            # The token that ends an answer counts, too.
            eval_count=len(pieces) + (reason == "stop"),
            eval_duration=1_000_000,
        )
        await (exchange.line(last) if streamed else exchange.reply(last))
        await exchange.end()
        return True


def _seconds(keep_alive: str | float | None) -> float | None:
    """A Go duration such as `1h30m`, or seconds; endless if negative."""
    if keep_alive is None:
        return None
    if isinstance(keep_alive, str):
        parts = re.findall(r"([\d.]+)(ms|s|m|h)", keep_alive)
        seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
        keep_alive = -1 if keep_alive.startswith("-") else seconds
    return keep_alive if keep_alive >= 0 else float("inf")
