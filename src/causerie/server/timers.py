"""All that is due at some time, behind one timer of the event loop."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Timer:
    """One thing that is due. `cancel` it when it no longer is."""

    __slots__ = ("action", "when")

    def __init__(self, when: float, action: Callable[[], None]) -> None:
        self.when = when
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Sees to it that nothing is done."""
        self.action = None


class Timers:
    """A queue of timers. Time is in seconds, monotonic.

    `arm` is called with a time whenever `run` should be called at that time and not only later.
    """

    def __init__(self, arm: Callable[[float], None]) -> None:
        self._arm = arm
        self._queue: list[tuple[float, int, Timer]] = []
        self._order = count()

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        """Has something done at a time."""
        timer = Timer(when, action)
        heappush(self._queue, (when, next(self._order), timer))
        if self._queue[0][2] is timer:
            self._arm(when)
        return timer

    def run(self, now: float) -> None:
        """Does all that is due, in order. What one of them raises is raised; the others that are
        due are armed for at once.
        """
        try:
            while self._queue and self._queue[0][0] <= now:
                timer = heappop(self._queue)[2]
                if timer.action is not None:
                    timer.action()
        finally:
            if self._queue:
                self._arm(self._queue[0][0])

    def deadline(self) -> float | None:
        """When `run` is to be called next."""
        return self._queue[0][0] if self._queue else None
