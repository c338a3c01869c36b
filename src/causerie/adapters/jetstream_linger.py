"""How long few drafts wait for more before they are sent. Pure.

Who answers a batch first is often alone, on a machine that is busy. Sent at once, it would have all
others wait until it is stored, and have everybody written to for it alone. So few drafts wait a
moment, shortly after many were told. PostgreSQL's `commit_delay` is for the same.
"""

from typing import Final

MANY: Final = 16
"""Drafts in one batch, from which on it pays to wait for others."""
FEW: Final = 0.5
"""As a share of the last batch. What is said at a pace of its own seldom comes to less."""
ENOUGH: Final = 0.9
"""As a share of the last batch: so many do not wait any longer."""
LONGEST: Final = 0.004
"""Seconds."""
ANSWERED_WITHIN: Final = 0.05
"""Seconds after a batch was told, in which what is said may be an answer to it."""


class Linger:
    """The drafts of one node."""

    __slots__ = ("_last", "_until")

    def __init__(self) -> None:
        self._last = 0
        self._until = 0.0
        """Until when answers to the last batch come."""

    def told(self, count: int, now: float) -> None:
        """A batch was told that was all there was, and had so many drafts; 0 if there were more:
        what is left of them answers nothing.
        """
        self._last = count if count >= MANY else 0
        self._until = now + ANSWERED_WITHIN

    def until(self, waiting: int, now: float) -> float:
        """When so many drafts are sent, if no more come: now, or a little later."""
        if now < self._until and waiting < self._last * FEW:
            return now + LONGEST
        return now

    def is_enough(self, waiting: int) -> bool:
        """Whether so many are sent at once."""
        return waiting >= self._last * ENOUGH
