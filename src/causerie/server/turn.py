"""One write a turn: what a turn of the event loop brings for a connection leaves in one piece.

The system call that sends is nearly the whole cost of a delivery, so the number of writes is what
counts. Entries are gathered in their rooms, everything else in `Connection.out`; `flush` writes.

Under load a turn is stretched: when handing out the last commits took long, what is committed next
waits for most of that time before it is handed out too, together with whatever else is committed
until then. So the writing never takes much more than half of the loop's time, and the busier a
server is, the more goes into each write. A quiet room never waits: its last writes were over at
once. Nor do many small rooms: what comes until then is for others, and would only keep those
waiting who have something to say next.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from causerie.server.frames import FramedEntry
from causerie.server.live_room import RUN_BYTES, LiveRoom
from causerie.server.settings import Clock
from causerie.server.timers import Timer, Timers

if TYPE_CHECKING:
    from causerie.server.connection import Connection

GATHERING = 0.7
"""How long to gather after writing, in units of the time that the writing took. At 1,000 messages a
second to 500 members p99 is 8 to 10 ms and a delivery costs 1.7 µs; with 1.0 it is 9 to 11 ms and
1.5 µs, with 0.4 it is 10 to 12 ms and 1.8 µs."""

SHARED_BY = 8
"""Writes for each room that was handed out, at least, for which it pays to gather."""

LONGEST_GATHERING = 0.004
"""Seconds. However long the writing took, nothing waits for more than this."""


class Turn:
    """What this turn of the event loop has brought and not yet written."""

    def __init__(
        self,
        schedule: Callable[[Callable[[], None]], None],
        timers: Timers,
        clock: Clock,
        *,
        failed: Callable[[LiveRoom, Exception], None],
    ) -> None:
        """Makes a turn that has brought nothing.

        `failed` is told of a room whose new entries could not be handed out, because of a fault of
        ours; the other rooms are served.
        """
        self._failed = failed
        self._schedule = schedule
        self._timers = timers
        self._clock = clock
        self._scheduled = False
        self._is_telling = False
        self._rooms: dict[LiveRoom, None] = {}
        self._connections: list[Connection] = []
        self._gathered = 0
        self._not_before = float("-inf")
        self._due: Timer | None = None

    def later(self, action: Callable[[], None]) -> None:
        """Has something done in the next turn."""
        self._schedule(action)

    def begin(self) -> None:
        """A commit is about to be told: what it brings is written together, see `end`."""
        self._is_telling = True

    def end(self) -> None:
        """A commit has been told: writes what it brought, now or when the gathering is over."""
        self._is_telling = False
        if self._clock.monotonic() >= self._not_before:
            self.flush()
        elif self._due is None:
            self._due = self._timers.at(self._not_before, self.flush)

    def publish(self, room: LiveRoom, framed: FramedEntry) -> None:
        """Shows a new entry of a room. It is written with the turn, or earlier if so much has come
        that a connection which stops reading would leave too much in memory.
        """
        if self._gathered >= RUN_BYTES:
            self.flush()
        self._gathered += room.publish(framed)
        self._rooms[room] = None

    def push(self, connection: "Connection", frames: bytes) -> None:
        """Gives a connection frames to be written with the turn's others."""
        if connection.out:
            connection.out += frames
        else:
            connection.out = frames
            if not connection.is_paused:
                self._connections.append(connection)
                if not self._scheduled and not self._is_telling:
                    self._scheduled = True
                    self._schedule(self.write)

    def flush(self) -> None:
        """Hands out all new entries, and writes: one write for each connection."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._gathered = 0
        if not self._rooms:
            self.write()
            return
        begun = self._clock.monotonic()
        self._scheduled = True  # what follows is written here
        rooms, self._rooms = self._rooms, {}
        for room in rooms:
            try:
                room.distribute(self.push)
            except Exception as fault:  # noqa: BLE001 `failed` logs it
                self._failed(room, fault)
        writes = len(self._connections)
        self.write()
        if writes >= SHARED_BY * len(rooms):
            ended = self._clock.monotonic()
            self._not_before = ended + min((ended - begun) * GATHERING, LONGEST_GATHERING)

    def write(self) -> None:
        """Writes what connections were given; new entries that are being gathered go on waiting."""
        self._scheduled = False
        connections, self._connections = self._connections, []
        for connection in connections:
            try:
                connection.write_out()
            except Exception as fault:  # noqa: BLE001 `fail` logs it
                connection.fail(fault)
