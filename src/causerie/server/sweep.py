"""Cutting whoever takes too long, with one timer for all of them."""

import asyncio
from typing import Protocol


class Abortable(Protocol):
    """What can be cut."""

    def abort(self) -> None:
        """Cuts at once."""


class Sweep:
    """Whoever has been asked to hurry, each cut when `timeout` seconds are over.

    The timer is coarse: it is armed only while somebody is watched, and goes off four times in
    `timeout`, so that a cut may be a quarter late. Watching costs nothing but a place in a dict.
    """

    __slots__ = ("_armed", "_period", "_timeout", "_watched")

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._period = timeout / 4
        self._armed = False
        # All have the same time, so that the order of insertion is that of the deadlines.
        self._watched: dict[Abortable, float] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def watch(self, who: Abortable) -> None:
        """Gives somebody `timeout` seconds from now; changes nothing for who is watched already."""
        if who in self._watched:
            return
        loop = asyncio.get_running_loop()
        if not self._armed:
            self._arm(loop)
        self._watched[who] = loop.time() + self._timeout

    def forget(self, who: Abortable) -> None:
        """Gives somebody all the time in the world."""
        self._watched.pop(who, None)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed = True
        loop.call_later(self._period, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed = False
        now = loop.time()
        overdue = []
        for who, deadline in self._watched.items():
            if deadline > now:
                break
            overdue.append(who)
        for who in overdue:
            del self._watched[who]
        if self._watched:
            self._arm(loop)
        for who in overdue:
            who.abort()
