"""How long everybody had to wait for one: what held the event loop, and the collector's part in it.

While the loop does one thing it does nothing else, so that the longest it was held is the least
that some message took longer than it had to. It is found by a timer that is due every few
milliseconds: by how much it is late, the loop was held.
"""

import asyncio
import gc
import time
from typing import Final, NamedTuple

LOOK_EVERY: Final = 0.005
"""Seconds. Two hundred times a second cost 1.2 % of a core, which is why nobody watches unasked."""


class Longest(NamedTuple):
    """The longest pauses, in seconds."""

    held: float
    """Of the loop, the collector's included."""
    collected: float
    """Of the garbage collector, which holds up all threads."""


class Pauses:
    """Watches a loop from `start` to `stop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._held = 0.0
        self._collected = 0.0
        self._collecting_since = 0.0

    def start(self) -> None:
        """Begins to watch."""
        gc.callbacks.append(self._collector_says)
        self._arm()

    def stop(self) -> None:
        """Watches no more."""
        gc.callbacks.remove(self._collector_says)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take(self) -> Longest:
        """The longest since it was asked last."""
        longest = Longest(self._held, self._collected)
        self._held = self._collected = 0.0
        return longest

    def _arm(self) -> None:
        self._due = self._loop.time() + LOOK_EVERY
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._held = max(self._held, self._loop.time() - self._due)
        self._arm()

    def _collector_says(self, phase: str, _info: object) -> None:
        if phase == "start":
            self._collecting_since = time.monotonic()
        else:
            self._collected = max(self._collected, time.monotonic() - self._collecting_since)
