"""What a node knows of where rooms end. Pure.

It may be old news of a room that the node does not watch, and is never more than there is.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

ROOMS: Final = 50_000
"""Rooms that are remembered; what was heard of longest ago is forgotten."""


class Mark(NamedTuple):
    """An entry by which a stream is known again: no other stands at its seq."""

    seq: int
    room: str
    timestamp: int


class Tails:
    """The newest that is known, of each room and of the stream."""

    def __init__(self, last: int) -> None:
        """`last` is the seq of the stream's newest message."""
        self._last = last
        self._newest: Mark | None = None
        self._rooms: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def note(self, room: str, seq: int, timestamp: int) -> None:
        """Learns of an entry; the time is 0 where it is not known."""
        self._last = max(self._last, seq)
        if timestamp and seq > (self._newest.seq if self._newest is not None else 0):
            self._newest = Mark(seq, room, timestamp)
        known_seq, known_time = self._rooms.get(room, (0, 0))
        self._rooms[room] = (max(seq, known_seq), max(timestamp, known_time))
        self._rooms.move_to_end(room)
        if len(self._rooms) > ROOMS:
            self._rooms.popitem(last=False)

    def note_end(self, last: int) -> None:
        """Learns of the seq of the stream's newest message."""
        self._last = max(self._last, last)

    def knows(self, room: str) -> bool:
        """Whether anything is known of a room."""
        return room in self._rooms

    def timestamp(self, room: str) -> int:
        """The greatest time known in a room, or 0."""
        return self._rooms.get(room, (0, 0))[1]

    def in_room(self, room: str) -> int:
        """The greatest seq known in a room, or 0."""
        return self._rooms.get(room, (0, 0))[0]

    def in_stream(self) -> int:
        """The greatest seq known."""
        return self._last

    def newest(self) -> Mark | None:
        """The entry with the greatest seq of those whose times are known; None where none is."""
        return self._newest
