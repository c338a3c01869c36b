"""One write a turn: what a turn of the event loop brings for a connection leaves in one piece.

The system call that sends is nearly the whole cost of a delivery, so the number of writes is what
counts. Entries are gathered in their rooms, everything else in `Connection.out`; `flush` writes.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from causerie.server.frames import FramedEntry
from causerie.server.live_room import RUN_BYTES, LiveRoom

if TYPE_CHECKING:
    from causerie.server.connection import Connection


class Turn:
    """What this turn of the event loop has brought and not yet written."""

    def __init__(self, schedule: Callable[[Callable[[], None]], None]) -> None:
        self._schedule = schedule
        self._scheduled = False
        self._rooms: dict[LiveRoom, None] = {}
        self._connections: list[Connection] = []
        self._gathered = 0

    def publish(self, room: LiveRoom, entries: Iterable[FramedEntry]) -> None:
        """Shows new entries of a room. Written at the end of the turn, or earlier if so much has
        come that a connection which stops reading would leave too much in memory.
        """
        for framed in entries:
            if self._gathered >= RUN_BYTES:
                self.flush()
            self._gathered += room.publish(framed)
            self._rooms[room] = None
        self._need_flush()

    def push(self, connection: "Connection", frames: bytes) -> None:
        """Gives a connection frames to be written with the turn's others."""
        if connection.out:
            connection.out += frames
        else:
            connection.out = frames
            if not connection.is_paused:
                self._connections.append(connection)
                self._need_flush()

    def flush(self) -> None:
        """Writes all that this turn has brought: one write for each connection."""
        self._scheduled = False
        self._gathered = 0
        if self._rooms:
            rooms, self._rooms = self._rooms, {}
            for room in rooms:
                room.distribute(self.push)
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.write_out()
        # What a write has set off (a pause, an abort) may have pushed something in its turn.
        self._scheduled = False
        if self._connections:
            self._need_flush()

    def _need_flush(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._schedule(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        if self._scheduled:
            self.flush()
