"""How long to wait before the next attempt.

Full jitter: a delay is anything between nothing and a ceiling that doubles, so that the clients of
a server that has come back do not come back in step (Brooker, "Exponential Backoff And Jitter",
AWS 2015). For the first minute the ceiling stays low: most cuts are short, and people wait.
"""

import re
from collections.abc import Callable

FIRST_CEILING = 1.0
"""Seconds; doubled with every attempt."""

EARLY_CEILING = 4.0
"""Seconds; the ceiling grows no further in the first minute of an outage."""

EARLY = 60.0
"""Seconds from the beginning of an outage."""

LAST_CEILING = 30.0
"""Seconds; the ceiling never grows further."""

LONGEST_WISH = 3600.0
"""Seconds; a server that asks for a longer delay is given no more."""

_WISH = re.compile(r"\bretry-after=(?P<milliseconds>[0-9]{1,12})\b")
_MANY = 16  # doublings; more change nothing and would overflow at some point


class Backoff:
    """The delays of one client's attempts. `chance` answers numbers in [0, 1)."""

    __slots__ = ("_attempts", "_began_at", "_chance")

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._attempts = 0
        self._began_at: float | None = None

    def delay(self, now: float, wish: float = 0.0) -> float:
        """Seconds to wait from `now`, when an attempt has failed or a connection was lost.

        `wish` is the least delay that the server asks for; the jitter comes on top of it.
        """
        if self._began_at is None:
            self._began_at = now
        limit = EARLY_CEILING if now - self._began_at < EARLY else LAST_CEILING
        ceiling = min(limit, FIRST_CEILING * 2 ** min(self._attempts, _MANY))
        self._attempts += 1
        return float(wish + self._chance() * ceiling)

    def settled(self) -> None:
        """Ends the outage: the next delay is a first one again."""
        self._attempts = 0
        self._began_at = None


def wish_of(reason: str) -> float:
    """The delay in seconds that a close reason asks for (`retry-after=<ms>`), or 0."""
    wish = _WISH.search(reason)
    return min(int(wish["milliseconds"]) / 1000, LONGEST_WISH) if wish else 0.0
