"""How long all connections together may be read in one turn of the event loop.

The loop reads every socket that is ready before it does anything else. Where thousands have
something to say in the same instant, or come in it, that would be the one thing which it does for
many milliseconds, while what is durable waits to be told. So what comes after the first few of them
is kept, and read in later turns, in the order in which it came.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

SHARE: Final = 0.006
"""Seconds of a turn. With 2,000 rooms that speak in the same instant, and 10,000 clients that come
back in one, the loop is held for 17 to 24 ms then, and for 32 to 90 without it; as much is acked,
and as soon all is caught up. With 0.012 it is held for 17 to 31 ms.
"""


class LoopShare:
    """The time for reading; all connections of one loop have one."""

    __slots__ = ("_clock", "_is_counting", "_until", "_waiting")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._clock = clock
        self._is_counting = False
        self._until = 0.0
        self._waiting: deque[Callable[[], None]] = deque()

    def is_spent(self) -> bool:
        """Whether what has come now is to be read `later`; asked once for each time that something
        has come, in the loop.
        """
        if self._is_counting:
            return bool(self._waiting) or self._clock() >= self._until
        self._begin()
        return False

    def later(self, read: Callable[[], None]) -> None:
        """Has something read in a later turn, behind what waits already. It must not raise."""
        if not self._is_counting:
            self._begin()
        self._waiting.append(read)

    def _begin(self) -> None:
        self._is_counting = True
        self._until = self._clock() + SHARE
        asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._is_counting = False
        if self._waiting:
            self._begin()
            # Who has still more to be read waits again, behind all others.
            for _ in range(len(self._waiting)):
                if self._clock() >= self._until:
                    break
                self._waiting.popleft()()
