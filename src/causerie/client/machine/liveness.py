"""Whether a connection still lives, and how far away the server is."""

import math
from collections.abc import Callable
from typing import Literal

LONGEST_QUIET = 25.0
"""Seconds. A proxy cuts an idle connection at 60."""

SHORTEST_SHARE = 0.4
"""Of the longest quiet: pings come at random, so that a room's clients do not ping in step."""

MEASURED_EVERY = 60.0
"""Seconds. The round trip is measured that often in a busy room, too."""

FIRST_MEASURED = 2.0
"""Seconds on average, until a new connection is measured. What passed before its welcome says more
about a program that starts, and a server that looks a name up, than about the way between them."""

PROBE = 5.0
"""Seconds that the server has to answer when it is doubtful whether the connection lives."""

LATE = 5.0
"""Seconds. Whoever is asked for its verdict later than that after its deadline was asleep."""

Verdict = Literal["alive", "ping", "dead"]


class Liveness:
    """The signs of life of one connection. `now` is in seconds, monotonic.

    `heartbeat` is the server's, in seconds; two of them without a byte mean a dead link. `chance`
    answers numbers in [0, 1).
    """

    __slots__ = (
        "_chance",
        "_dead_at",
        "_heartbeat",
        "_measured_at",
        "_ping",
        "_ping_at",
        "_quiet",
    )

    def __init__(self, heartbeat: float, chance: Callable[[], float], now: float) -> None:
        self._heartbeat = heartbeat
        self._chance = chance
        self._quiet = self._draw()
        self._measured_at = now + FIRST_MEASURED * (0.5 + chance()) - MEASURED_EVERY
        self._ping: tuple[str, float] | None = None
        self._ping_at = now
        self._dead_at = now
        self.heard(now)

    def heard(self, now: float) -> None:
        """Something came, or would have come if anybody had read it."""
        self._dead_at = now + 2 * self._heartbeat
        self._ping_at = min(now + self._quiet, self._measured_at + MEASURED_EVERY)

    def check(self, now: float) -> Verdict:
        """Tells what to do: nothing, send a ping (and say `pinged`), or give the link up."""
        if now - self.deadline() > LATE:
            self.probe(now)
        if now >= self._dead_at:
            return "dead"
        return "ping" if now >= self._ping_at else "alive"

    def pinged(self, id: str, now: float) -> None:
        """A ping went out."""
        self._ping = (id, now)
        # Whatever becomes of this one, the next is not sent at once.
        self._measured_at = now
        self._quiet = self._draw()
        self._ping_at = now + self._quiet

    def pong(self, id: str | None, now: float) -> int | None:
        """Milliseconds of the round trip, if this answers the last ping."""
        if self._ping is None or self._ping[0] != id:
            return None
        sent_at = self._ping[1]
        self._ping = None
        return math.ceil((now - sent_at) * 1000)

    def probe(self, now: float) -> None:
        """Makes the link prove at once that it lives."""
        self._ping_at = now
        self._dead_at = now + PROBE

    def deadline(self) -> float:
        """When `check` has something to say."""
        return min(self._ping_at, self._dead_at)

    def _draw(self) -> float:
        longest = min(LONGEST_QUIET, self._heartbeat)
        return longest * (SHORTEST_SHARE + (1 - SHORTEST_SHARE) * self._chance())
