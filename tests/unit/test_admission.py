"""Slots and the queue for them: bounded, fair, and nothing is lost or leaked, whoever comes and goes."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, ExitStack, aclosing
from dataclasses import dataclass, field

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from server.admission import LONGEST_RETRY_SECONDS, Admission, FairQueue, Ticket
from server.errors import BusyError

CLIENTS = "가나다라"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("joined", "served"),
    [
        ("", ""),
        ("a1 a2 a3", "a1 a2 a3"),
        ("a1 b1 c1", "a1 b1 c1"),
        ("a1 a2 a3 b1", "a1 b1 a2 a3"),
        ("a1 a2 a3 b1 b2 c1", "a1 b1 c1 a2 b2 a3"),
    ],
)
def test_turns(joined: str, served: str) -> None:
    """Clients take turns, each in the order in which it asked; the queue says so beforehand."""
    queue: FairQueue[str] = FairQueue()
    for item in joined.split():
        queue.join(item[0], item)
    foretold = list(queue)
    assert [queue.next() for _ in range(len(queue))] == foretold == served.split()
    assert not queue


@dataclass(eq=False)
class Question:
    """A ticket in the model: who holds it, and who has been admitted since it joined."""

    client: str
    ticket: Ticket
    block: AbstractContextManager[Ticket]
    own_before: int
    admitted_since: Counter[str] = field(default_factory=Counter)

    @property
    def waits(self) -> bool:
        """It isn't its turn yet."""
        return self.ticket.admitted_at is None


class Crowd(RuleBasedStateMachine):
    """Questions join and leave at random, waiting ones and those that are answered alike."""

    @initialize(at_once=st.integers(1, 3), max_waiting=st.integers(0, 6))
    def open(self, at_once: int, max_waiting: int) -> None:
        """Any number of slots, and of places to wait."""
        self.now = 0.0
        self.at_once = at_once
        self.max_waiting = max_waiting
        self.admission = Admission(at_once, max_waiting=max_waiting, clock=lambda: self.now)
        self.questions: list[Question] = []

    @rule(client=st.sampled_from(CLIENTS), seconds=st.floats(0, 100))
    def join(self, client: str, seconds: float) -> None:
        """A question comes, and is refused only where there is no place left."""
        self.now += seconds
        block = self.admission.ticket(client)
        if len(self.questions) == self.at_once + self.max_waiting:
            with pytest.raises(BusyError) as busy:
                block.__enter__()
            assert 1 <= busy.value.retry_after_seconds <= LONGEST_RETRY_SECONDS
            return
        own = sum(question.client == client for question in self.questions if question.waits)
        self.questions.append(Question(client, block.__enter__(), block, own))

    @precondition(lambda self: self.questions)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """One goes, answered or not."""
        waiting = [question for question in self.questions if question.waits]
        question = data.draw(st.sampled_from(self.questions))
        self.questions.remove(question)
        question.block.__exit__(None, None, None)
        for admitted in (other for other in waiting if not other.waits):
            for other in self.questions:
                if other.waits and other.client != admitted.client:
                    other.admitted_since[admitted.client] += 1

    @invariant()
    def slots_are_used(self) -> None:
        """No slot is given twice, none stays free while somebody waits."""
        held = sum(not question.waits for question in self.questions)
        assert self.admission.answering == held == min(self.at_once, len(self.questions))
        assert self.admission.waiting == len(self.questions) - held <= self.max_waiting

    @invariant()
    def places_are_in_order(self) -> None:
        """Each of those who wait has a place of its own, and a client's are in the order it asked."""
        waiting = [question for question in self.questions if question.waits]
        assert sorted(question.ticket.place for question in waiting) == list(range(1, len(waiting) + 1))
        for client in CLIENTS:
            own = [question.ticket.place for question in waiting if question.client == client]
            assert own == sorted(own)

    @invariant()
    def nobody_is_passed_over(self) -> None:
        """Until a question is answered no other client has more turns than its own client."""
        for question in self.questions:
            turns = question.own_before + 1
            assert all(times <= turns for times in question.admitted_since.values())

    def teardown(self) -> None:
        """When all have gone nothing is left."""
        for question in getattr(self, "questions", []):
            question.block.__exit__(None, None, None)
        if hasattr(self, "admission"):
            assert (self.admission.answering, self.admission.waiting) == (0, 0)


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_retry_after_follows_the_answers() -> None:
    """Who is refused is told how long the queue takes, going by how long the latest answers took."""
    now = 0.0
    admission = Admission(2, max_waiting=2, clock=lambda: now)

    def refused() -> int:
        with ExitStack() as stack:
            for _ in range(4):
                stack.enter_context(admission.ticket("가"))
            with pytest.raises(BusyError) as busy:
                stack.enter_context(admission.ticket("나"))
            return busy.value.retry_after_seconds

    before_any_answer = refused()
    assert 1 < before_any_answer < LONGEST_RETRY_SECONDS
    for seconds, expected in [(4.0, 6), (0.0, 1), (1000.0, LONGEST_RETRY_SECONDS)]:
        for _ in range(100):
            with admission.ticket("가"):
                now += seconds
        assert refused() == expected


async def places(ticket: Ticket) -> list[int]:
    return [place async for place in ticket]


@pytest.mark.anyio
async def test_places_are_told() -> None:
    """Who waits is told its place at once and whenever it changes, not when it stays."""
    admission = Admission(1, max_waiting=5)
    with ExitStack() as answered, ExitStack() as leaves:
        first = answered.enter_context(admission.ticket("가"))
        assert await places(first) == []
        second = leaves.enter_context(admission.ticket("가"))
        with admission.ticket("가") as third:
            assert [await anext(second), await anext(third)] == [1, 2]
            with admission.ticket("나"):
                assert await anext(third) == 3  # the other client's turn comes first
            assert await anext(third) == 2
            leaves.close()
            assert await anext(third) == 1
            with admission.ticket("가"):
                with anyio.move_on_after(0.01) as nothing_changed:
                    await anext(third)
                assert nothing_changed.cancelled_caught
                answered.close()
                assert await places(third) == []


@pytest.mark.anyio
async def test_stepping_back_and_forth_unseen() -> None:
    """Who reads late is told where it stands, not each place it had."""
    admission = Admission(1, max_waiting=5)
    with admission.ticket("가"), ExitStack() as others:
        for _ in range(3):
            others.enter_context(admission.ticket("가"))
        with admission.ticket("가") as last:
            others.close()
            assert await anext(last) == 1


@pytest.mark.anyio
@given(
    arrivals=st.lists(
        st.tuples(st.sampled_from(CLIENTS), st.integers(0, 3), st.integers(0, 12), st.booleans()),
        max_size=24,
    ),
    at_once=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
async def test_random_cancellations(arrivals: list[tuple[str, int, int, bool]], at_once: int) -> None:
    """Tasks that are cancelled at any moment leave nothing behind, and the others are all answered."""
    admission = Admission(at_once, max_waiting=len(arrivals))
    answered: list[int] = []
    most = 0

    async def answer(client: str, turns: int) -> AsyncGenerator[int]:
        nonlocal most
        with admission.ticket(client) as ticket:
            async for place in ticket:
                yield place
            most = max(most, admission.answering)
            for _ in range(turns):
                await checkpoint()

    async def ask(number: int, client: str, turns: int, scope: anyio.CancelScope) -> None:
        with scope:
            async with aclosing(answer(client, turns)) as events:
                async for _ in events:
                    await checkpoint()
            answered.append(number)

    async def leave(scope: anyio.CancelScope, after: int) -> None:
        for _ in range(after):
            await checkpoint()
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        for number, (client, turns, after, leaves) in enumerate(arrivals):
            scope = anyio.CancelScope()
            tasks.start_soon(ask, number, client, turns, scope)
            if leaves:
                tasks.start_soon(leave, scope, after)
    assert (admission.answering, admission.waiting) == (0, 0)
    assert most <= at_once
    assert {number for number, arrival in enumerate(arrivals) if not arrival[3]} <= set(answered)
