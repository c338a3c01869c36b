"""What the hub can be told to do otherwise."""

from dataclasses import dataclass
from typing import Protocol

UNAVAILABLE_RETRY = 1_000
"""Milliseconds after which to ask again a log, or a directory, that could not be read."""


class Clock(Protocol):
    """Where the hub reads the time."""

    def monotonic(self) -> float:
        """Seconds; never goes back."""

    def wall(self) -> int:
        """Microseconds since 1970 (UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """The hub's limits and times. Times are in seconds, sizes in bytes."""

    rate: float = 20.0
    """Commands a second and connection; twice as many may come at once. 0: no limit."""
    content: int = 4_000
    """Code points of a message."""
    frame: int = 64 * 1024
    """A client's message."""
    reply: int = 32 * 1024
    """Where a page of history stops. It waits in memory for a client that asks and does not read,
    and so is no longer than what a listener is given at a time (`live_room.RUN_BYTES`)."""
    rooms: int = 100
    """Rooms that one connection may join."""
    in_flight: int = 256
    """Messages of one connection that wait for the disk; what comes beyond waits to be read."""
    strikes: int = 200
    """Errors at once after which a connection is closed (flooding); they heal at 10 a second."""
    grace: float = 15.0
    """From a cut to the announcement that somebody has left."""
    greeting: float = 1.0
    """How long a plain client may take to teach its unit of time before it is greeted."""
    heartbeat: float = 27.0
    """Between two pings; two unanswered ones end a connection."""
    probe: float = 5.0
    """How long the silent holder of a name has to answer when somebody else asks for it."""
    plain_replay: int = 100
    """Entries that `since` replays at most."""
    keep_for: float = 0.0
    """After so long what was said is removed, but for the newest entry of each room. 0: never."""
    keep_last: int = 0
    """Of each room the newest so many entries are kept, and the others removed. 0: all are kept."""
    ring: int = 32 * 1024 * 1024
    """Memory for recent entries, of all rooms together."""
    catch_up: int = 256 * 1024
    """Bytes a turn for those who are behind, so that they do not hold up those who are live."""
    version: str = "causerie"
    """Product and version, told in welcome."""

    @property
    def burst(self) -> float:
        """Commands that may come at once: one at least, or a low rate would allow none at all."""
        return max(1.0, 2 * self.rate) if self.rate else 0.0
