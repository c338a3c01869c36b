"""How long what is said in a busy room waits for more. Pure.

A message costs everybody in the room one write, and many together cost hardly more than one. A room
is busy here if many messages went into it from this node at once. Then two things wait a moment:

- Few drafts, shortly after many were stored. Who answers first is often alone, on a machine that
  has much to do; sent at once, that draft would have all others wait until it is stored.
  PostgreSQL's `commit_delay` is for the same.
- What others have said, for what is on its way from here or is about to be said in answer. Else two
  nodes whose messages take turns write twice as often as each would alone.

In other rooms nobody waits.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from causerie.adapters.jetstream_outbox import Slot

MANY: Final = 16
"""Drafts into one room in one batch, from which on it pays to wait for others."""
FEW: Final = 0.5
"""As a share of the last batch. What is said at a pace of its own seldom comes to less."""
ENOUGH: Final = 0.9
"""As a share of the last batch: so many do not wait any longer."""
LONGEST: Final = 0.02
"""Seconds for which few drafts wait: on two cores that five processes shared, most answers had come
by then."""
ANSWERED_WITHIN: Final = 0.05
"""Seconds after a batch has ended, in which what is said may be an answer to it."""
HOLD: Final = 0.03
"""Seconds for which what others have said waits: as long as few drafts do, and a batch is on its
way."""


class Linger:
    """The drafts of one node."""

    __slots__ = ("_busy", "_expects_until", "_last", "_many", "_until")

    def __init__(self) -> None:
        self._busy: frozenset[str] = frozenset()
        """The rooms into which many of the last batch went."""
        self._many = 0
        """How many of it went into those."""
        self._last = 0
        """The same, once it has ended and if it was all that there was."""
        self._until = 0.0
        """Until when answers to it come."""
        self._expects_until = 0.0
        """Until when what others say may wait for it, or for answers to it; 0 once it has."""

    def begin(self, batch: Iterable[Slot]) -> None:
        """A batch begins to be sent."""
        counts = Counter(slot.draft.room for slot in batch)
        busy = {room: count for room, count in counts.items() if count >= MANY}
        self._busy = frozenset(busy)
        self._many = sum(busy.values())
        self._expects_until = float("inf")

    def end(self, now: float, *, are_all: bool) -> None:
        """The batch has its outcomes. If it was not all that there was when it began, what is left
        answers nothing.
        """
        self._last = self._many if are_all else 0
        self._until = now + ANSWERED_WITHIN
        self._expects_until = min(self._expects_until, self._until)

    def until(self, waiting: Collection[Slot], now: float) -> float:
        """When what waits is sent, if no more comes: now, or a little later."""
        if now < self._until and len(waiting) < self._last * FEW and self._is_busy(waiting):
            return now + LONGEST
        return now

    def is_enough(self, waiting: Collection[Slot]) -> bool:
        """Whether what waits is sent at once."""
        return len(waiting) >= self._last * ENOUGH or not self._is_busy(waiting)

    def _is_busy(self, waiting: Iterable[Slot]) -> bool:
        return self._busy.issuperset(slot.draft.room for slot in waiting)

    def held_until(self, rooms: Iterable[str], now: float) -> float:
        """When what others have said in these rooms is told at the latest: now, or a little later
        if much from here is on its way into each of them, or is expected.
        """
        if now < self._expects_until and self._busy.issuperset(rooms):
            return min(now + HOLD, self._expects_until)
        return now

    def let_go(self) -> None:
        """What others have said does not wait for this batch any more, nor for answers to it."""
        self._expects_until = 0.0
