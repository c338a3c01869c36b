"""How long what is said is kept: has the log remove what is older, or too much, now and then."""

from functools import partial
from typing import Final

import structlog

from causerie.ports import Failed, Log
from causerie.server.rooms import Rooms
from causerie.server.settings import Clock, HubSettings
from causerie.server.timers import Timers

FIRST_TRIM: Final = 10.0
"""Seconds from the start to the first time, so that those who come back then are served first."""
TRIM_EVERY: Final = 60.0 * 60.0
"""Seconds from the end of one time to the next."""
TRIM_AGAIN: Final = 60.0
"""Seconds after one that has failed."""

_logger = structlog.get_logger("causerie.retention")


class Retention:
    """Trims the log, as long as the hub runs; does nothing if everything is kept for ever.

    In a cluster every node does so: what one has removed, another need not.
    """

    def __init__(
        self, log: Log, rooms: Rooms, timers: Timers, clock: Clock, settings: HubSettings
    ) -> None:
        self._log = log
        self._rooms = rooms
        self._timers = timers
        self._clock = clock
        self._settings = settings
        if settings.keep_for or settings.keep_last:
            timers.at(clock.monotonic() + FIRST_TRIM, self._trim)

    def _trim(self) -> None:
        age = round(self._settings.keep_for * 1e6)
        before = max(0, self._clock.wall() - age) if age else 0
        self._log.trim(
            before=before, keep=self._settings.keep_last, done=partial(self._trimmed, before)
        )

    def _trimmed(self, before: int, answer: int | Failed) -> None:
        is_done = not isinstance(answer, Failed)
        self._timers.at(
            self._clock.monotonic() + (TRIM_EVERY if is_done else TRIM_AGAIN), self._trim
        )
        # Another node may have removed what this one remembers.
        self._rooms.forget(before=before, keep=self._settings.keep_last)
        if isinstance(answer, Failed):
            _logger.warning("the rooms cannot be trimmed now", error=answer.reason)
        elif answer:
            _logger.info("the rooms were trimmed", removed=answer)
