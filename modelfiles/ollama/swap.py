"""Change the model that answers while it answers, and change it back.

The service always asks Ollama for the alias `futfut`. A swap loads the new model beside the live one,
proves it fit, and copies its name over the alias: a question that has begun stays with the runner it has,
the next one goes to the new. What was live is copied to `futfut:previous` before, so that the way back
needs nothing but Ollama.

Killed at any moment, the alias stands for the old model or the new one. Killed between the two copies, it
stands for the old one, and so does `futfut:previous`: there is then no way further back.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from modelfiles.ollama.attempt import Attempt
from modelfiles.ollama.audit import AskedBy, Entry, write_entry
from modelfiles.ollama.errors import AuditError, NoWayBackError, OllamaModelMissingError
from modelfiles.ollama.gate import gate
from modelfiles.ollama.live import RETURNING, Live, live, name_of, way_back
from modelfiles.ollama.lock import one_at_a_time
from modelfiles.ollama.record import Record, read_record
from modelfiles.ollama.register import Registry
from modelfiles.ollama.wire import ALIAS
from modelfiles.smoke import QUESTIONS

# Ollama reads the alias when a question arrives, and takes the runner a moment later: a question that came
# just before the switch must still find the old one loaded.
SETTLE_SECONDS = 1.0


class Outcome(msgspec.Struct, frozen=True):
    """What a swap came to: what is live now, and how that went.

    `switched` is false if it was live already. `beside_each_other` and `seconds` are those of `Attempt`.
    """

    live: Live
    switched: bool
    beside_each_other: bool | None = None
    seconds: dict[str, float] = {}
    warnings: tuple[str, ...] = ()


class Swap:
    """Swaps of the live model of one Ollama server."""

    def __init__(
        self, registry: Registry, *, asked_by: AskedBy, settle_seconds: float = SETTLE_SECONDS
    ) -> None:
        self._registry = registry
        self._ollama = registry.ollama
        self._say = registry.progress.say
        self._asked_by = asked_by
        self._settle_seconds = settle_seconds

    def live(self) -> Live | None:
        """The model that answers; None if none has been chosen yet.

        Raises:
            OllamaError: Ollama can't be asked.
        """
        return live(self._ollama, self._registry.catalog)

    def use(self, name: str) -> Outcome:
        """Make a model the one that answers; registers it first if it isn't, or has changed.

        Args:
            name: a model (`big`), a model at a level (`big-q5_k_m`), or one of your own by its Modelfile.

        Raises:
            CatalogError, ModelfileError, ModelSourceError: there is no such model, or not its file.
            SwapUnderWayError: another process is at work on the models.
            GateError: it isn't fit. What was live still is.
            AuditError: it is live, and only the audit log doesn't say so.
            OllamaError: Ollama can't, or doesn't answer.
        """
        source = self._registry.locate(name)
        with one_at_a_time(self._registry.home, f"making {source.name} the live model"):
            record, before = self._registry.current(source), self.live()
            if record and before and record.digest == before.digest:
                self._say(f"{source.name}: live already, since {before.since.astimezone():%Y-%m-%d %H:%M:%S}")
                return Outcome(before, switched=False, warnings=record.warnings)

            def change(attempt: Attempt) -> Record:
                if record is None:
                    with attempt.step("register"):
                        admitted = self._registry.admit(source, attempt.load)
                else:
                    admitted = record
                    attempt.load(source.name)
                    self._say(f"{source.name}: trying it (its prompts, and three questions)")
                    with attempt.step("gate"):
                        gate(self._ollama, source.name, source.modelfile, record.chat_template)
                # What is remembered in the home may be lost, and the model be the live one all the same.
                if before is None or admitted.digest != before.digest:
                    attempt.switch(source.name, settle_seconds=self._settle_seconds)
                return admitted

            return self._audited("use", source.name, before, change)

    def rollback(self) -> Outcome:
        """Make the model that was live before live again; the one that is left is then the previous one.

        It has passed the gate before: now it is asked one question.

        Raises:
            NoWayBackError: nothing was live before.
            SwapUnderWayError, GateError, AuditError, OllamaError: as for `use`.
        """
        with one_at_a_time(self._registry.home, "returning to the previous model"):
            before = self.live()
            if before is None:
                raise NoWayBackError("no model is live yet")
            tags = self._ollama.tags()
            if (target := way_back(before.digest, tags)) is None:
                raise NoWayBackError(f"{before.name} is live, and nothing is known of another before it")
            name = name_of(target.digest, tags, self._registry.catalog)
            record = read_record(self._registry.models_dir, name)
            template = record.chat_template if record and record.digest == target.digest else None

            def change(attempt: Attempt) -> Record | None:
                self._ollama.copy(target.name, RETURNING)
                attempt.load(RETURNING)
                self._say(f"{name}: asking it a question")
                with attempt.step("gate"):
                    modelfile = self._ollama.show(RETURNING).parsed()
                    gate(self._ollama, RETURNING, modelfile, template, questions=QUESTIONS[:1])
                attempt.switch(RETURNING, settle_seconds=self._settle_seconds)
                return record

            return self._audited("rollback", name, before, change)

    def _surely_live(self) -> Live:
        if (now := self.live()) is None:
            raise OllamaModelMissingError("looking at what is live", ALIAS, "it was removed meanwhile")
        return now

    def _audited(
        self,
        action: Literal["use", "rollback"],
        asked_for: str,
        before: Live | None,
        change: Callable[[Attempt], Record | None],
    ) -> Outcome:
        """Make a change and write it down; where it fails, what was live is put right again."""
        attempt = Attempt(self._ollama, asked_for, before, self._say)
        entry = Entry(
            when=datetime.now(UTC),
            asked_by=self._asked_by,
            action=action,
            asked_for=asked_for,
            result="failed",
            seconds=attempt.seconds,
            from_name=before.name if before else None,
            from_digest=before.digest if before else None,
        )
        try:
            record, now = change(attempt), self._surely_live()
        except BaseException as error:  # Ctrl-C, too, is a try that failed
            attempt.restore()
            entry = replace(entry, reason=str(error) or type(error).__name__)
            try:
                write_entry(self._registry.home, entry, f"{action} has failed")
            except AuditError as unwritten:
                # What made the attempt fail is the error to be told.
                self._say(str(unwritten))
            raise
        self._say(f"{now.name}: live")
        beside = attempt.beside_each_other
        entry = replace(
            entry,
            result="live",
            to_name=now.name,
            to_digest=now.digest,
            level=now.level,
            beside_each_other=beside,
        )
        write_entry(self._registry.home, entry, f"{now.name} is live")
        return Outcome(
            now,
            switched=before is None or now.digest != before.digest,
            beside_each_other=beside,
            seconds=attempt.seconds,
            warnings=record.warnings if record else (),
        )
