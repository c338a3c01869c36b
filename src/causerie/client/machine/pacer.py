"""The rate at which commands go out, so that the server need refuse none.

A token bucket like the server's, a little smaller: what leaves evenly may arrive bunched.
"""

SHARE = 0.9
"""Of the server's limits."""

WHOLE = 0.9999
"""A token, but for what the rounding of times takes off it."""


class Pacer:
    """How many commands may still go out. `now` is in seconds, monotonic."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        """`rate` (commands a second; 0: no limit) and `burst` are as in welcome."""
        self._rate = rate * SHARE
        self._burst = max(1.0, burst * SHARE)
        # The hello that was just answered was a command, too.
        self._tokens = self._burst - 1.0
        self._at = now

    def take(self, now: float) -> bool:
        """Counts a command, if one may go out now."""
        if not self._rate:
            return True
        self._refill(now)
        if self._tokens < WHOLE:
            return False
        self._tokens -= 1.0
        return True

    def force(self, now: float) -> None:
        """Counts a command that goes out in any case."""
        self._refill(now)
        self._tokens -= 1.0

    def ready_at(self) -> float:
        """When `take` will answer yes, as far as is known."""
        if not self._rate or self._tokens >= WHOLE:
            return self._at
        return self._at + (1.0 - self._tokens) / self._rate

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
