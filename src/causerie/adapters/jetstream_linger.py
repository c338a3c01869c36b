"""How long what is said in a busy room waits for more. Pure.

A message costs everybody in the room one write, and many together cost hardly more than one. A room
is busy here if many messages went into it from this node at once. Then two things wait a moment:

- Few drafts, shortly after many were told. Who answers first is often alone, on a machine that has
  much to do; sent at once, that draft would have all others wait until it is stored. PostgreSQL's
  `commit_delay` is for the same.
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
"""Seconds after a batch was told, in which what is said may be an answer to it."""


class Linger:
    """The drafts of one node."""

    __slots__ = ("_busy", "_expects_until", "_last", "_many", "_until")

    def __init__(self) -> None:
        self._busy: frozenset[str] = frozenset()
        """The rooms into which many of the last batch went."""
        self._many = 0
        """How many of it went into those."""
        self._last = 0
        """The same, once it was told and if it was all that there was."""
        self._until = 0.0
        """Until when answers to it come."""
        self._expects_until = 0.0
        """Until when what others say may wait for it, or for answers to it."""

    def sent(self, batch: Iterable[Slot]) -> None:
        """A batch is on its way."""
        counts = Counter(slot.draft.room for slot in batch)
        busy = {room: count for room, count in counts.items() if count >= MANY}
        self._busy = frozenset(busy)
        self._many = sum(busy.values())
        self._expects_until = float("inf")

    def told(self, now: float, *, are_all: bool) -> None:
        """The batch was told. If it was not all that there was, what is left answers nothing."""
        self._last = self._many if are_all else 0
        self._until = self._expects_until = now + ANSWERED_WITHIN

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

    def expects(self, rooms: Iterable[str], now: float) -> bool:
        """Whether what others have said in these rooms waits: something from here is on its way
        into each of them, or is expected.
        """
        return now < self._expects_until and self._busy.issuperset(rooms)

    def expects_no_more(self) -> None:
        """What others have said has waited long enough for this batch."""
        self._expects_until = 0.0
