"""How well a node reaches NATS. Pure: time comes in as an argument, in seconds of one clock."""

from typing import Final, Literal

Health = Literal["ok", "degraded", "away"]
"""`degraded`: what is said waits, and it should not be for long; `away`: nobody can be served."""

DEGRADED_AFTER: Final = 1.0
"""Seconds for which an append may be unanswered."""
AWAY_AFTER: Final = 3.0
"""Seconds for which the connection may be lost."""
AWAY_UNANSWERED: Final = 10.0
"""Seconds for which nothing may be answered though there is a connection and something waits: the
server that it leads to has lost the others, and no new leader was found in the time that this
takes. Where other streams answer, it is one stream alone that has no leader."""


class HealthWatch:
    """Judges by the connection, by what waits for an answer, and by whether the node could say
    that it lives: where nothing is appended, that alone tells that nothing can be.

    After each call, and when `deadline` is there, ask `judge`.
    """

    def __init__(self) -> None:
        """Begins without a connection, which is not held against it until it has been there."""
        self._lost_at: float | None = None
        self._asked: dict[object, float] = {}
        """Of each log, since when its oldest append waits."""
        self._answered_at = float("-inf")
        self._is_leaseless = False

    def connected(self) -> None:
        """There is a connection."""
        self._lost_at = None

    def lost(self, now: float) -> None:
        """There is none any more."""
        if self._lost_at is None:
            self._lost_at = now

    def waits(self, log: object, since: float | None, now: float) -> None:
        """Says since when the oldest append to a log waits for its answer; None if none does."""
        if self._asked.get(log, since) != since:
            self._answered_at = now
        if since is None:
            self._asked.pop(log, None)
        else:
            self._asked[log] = since

    def leaseless(self, *, is_leaseless: bool) -> None:
        """Says whether the others take the node for gone, for it cannot tell them that it lives."""
        self._is_leaseless = is_leaseless

    def judge(self, now: float) -> Health:
        """Tells how it stands."""
        if self._is_leaseless:
            return "away"
        if self._is_over(self._lost_at, AWAY_AFTER, now):
            return "away"
        if self._is_over(self._unanswered_since, AWAY_UNANSWERED, now):
            return "away"
        if self._lost_at is not None or self._is_over(self._asked_at, DEGRADED_AFTER, now):
            return "degraded"
        return "ok"

    def deadline(self, now: float) -> float | None:
        """Tells when the judgement will be another, if nothing happens; None if it will not."""
        times = []
        if self._lost_at is not None:
            times.append(self._lost_at + AWAY_AFTER)
        if self._asked_at is not None:
            times.append(self._asked_at + DEGRADED_AFTER)
        if self._unanswered_since is not None:
            times.append(self._unanswered_since + AWAY_UNANSWERED)
        return min((time for time in times if time > now), default=None)

    @property
    def _asked_at(self) -> float | None:
        """Since when the oldest of all waits."""
        return min(self._asked.values(), default=None)

    @property
    def _unanswered_since(self) -> float | None:
        """Since when something waits and nothing is answered."""
        asked = self._asked_at
        return None if asked is None else max(asked, self._answered_at)

    @staticmethod
    def _is_over(since: float | None, limit: float, now: float) -> bool:
        # Compared as `deadline` adds up: a difference may be rounded to the other side.
        return since is not None and now >= since + limit
