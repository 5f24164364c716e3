"""Who is answered now and who waits: a bounded number of answers at once, and a bounded, fair queue."""

import math
from asyncio import Event
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, zip_longest
from time import monotonic
from typing import Generic, TypeVar

from server.errors import BusyError

T = TypeVar("T")

# What an answer is taken to last before the first one has ended.
TYPICAL_SECONDS = 5.0
RECENT = 16
LONGEST_RETRY_SECONDS = 60


class FairQueue(Generic[T]):
    """Clients take turns (round-robin scheduling); what one client brings keeps its order.

    Hence an item that is its client's first waits for at most one item of each other client, whatever they
    have brought. Iterating gives the items in the order in which `next` would.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[T]] = {}  # in the order of the clients' turns; none is empty
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        rounds = zip_longest(*self._lines.values())
        return (item for item in chain.from_iterable(rounds) if item is not None)

    def join(self, client: str, item: T) -> None:
        """Put an item behind its client's others."""
        self._lines.setdefault(client, deque()).append(item)
        self._length += 1

    def leave(self, client: str, item: T) -> None:
        """Take an item out, wherever it stands."""
        line = self._lines[client]
        line.remove(item)
        self._length -= 1
        if not line:
            del self._lines[client]

    def next(self) -> T:
        """Take out the item whose turn it is; its client's next turn comes after everybody else's."""
        client = next(iter(self._lines))
        line = self._lines.pop(client)
        item = line.popleft()
        self._length -= 1
        if line:
            self._lines[client] = line
        return item


class Ticket:
    """A question's place. Iterate for the places it has until it is its turn; count from 1, the next one."""

    def __init__(self) -> None:
        self.place = 0
        self._moved = Event()
        self.admitted_at: float | None = None

    def __aiter__(self) -> "Ticket":
        return self

    async def __anext__(self) -> int:
        if self.admitted_at is None:
            await self._moved.wait()
            self._moved.clear()
        if self.admitted_at is not None:
            raise StopAsyncIteration
        return self.place

    def move(self, place: int) -> None:
        """Tell who waits that this is its place now."""
        if place != self.place:
            self.place = place
            self._moved.set()

    def admit(self, now: float) -> None:
        """Tell who waits that it is its turn."""
        self.admitted_at = now
        self._moved.set()


class Admission:
    """Slots for answers, and the queue for them. Used from the event loop only, hence without a lock.

    Nothing here awaits but the one who waits: who joins or leaves moves all others in the same step, so that
    no cancellation can come between.
    """

    def __init__(self, at_once: int, *, max_waiting: int, clock: Callable[[], float] = monotonic) -> None:
        """Up to `at_once` questions hold a slot, up to `max_waiting` more wait for one."""
        self._at_once = at_once
        self._max_waiting = max_waiting
        self._clock = clock
        self._queue: FairQueue[Ticket] = FairQueue()
        self._durations: deque[float] = deque(maxlen=RECENT)
        self.answering = 0

    @property
    def waiting(self) -> int:
        """How many questions wait for a slot."""
        return len(self._queue)

    @contextmanager
    def ticket(self, client: str) -> Iterator[Ticket]:
        """Stand in the queue, then hold a slot, until the block ends, however it ends.

        Iterate the ticket to its end before doing what needs the slot. Clients that wait take turns.

        Raises:
            BusyError: the queue is full.
        """
        if self.answering >= self._at_once and self.waiting >= self._max_waiting:
            raise BusyError(self._retry_after_seconds())
        ticket = Ticket()
        self._queue.join(client, ticket)
        self._move_up()
        try:
            yield ticket
        finally:
            if ticket.admitted_at is None:
                self._queue.leave(client, ticket)
            else:
                self.answering -= 1
                self._durations.append(self._clock() - ticket.admitted_at)
            self._move_up()

    def _move_up(self) -> None:
        while self._queue and self.answering < self._at_once:
            self.answering += 1
            self._queue.next().admit(self._clock())
        for place, ticket in enumerate(self._queue, start=1):
            ticket.move(place)

    def _retry_after_seconds(self) -> int:
        """When the queue will have been answered, going by the latest answers."""
        each = sum(self._durations) / len(self._durations) if self._durations else TYPICAL_SECONDS
        whole_queue = each * (self.waiting + 1) / self._at_once
        return min(max(math.ceil(whole_queue), 1), LONGEST_RETRY_SECONDS)
