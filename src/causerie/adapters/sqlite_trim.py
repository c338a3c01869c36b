"""Removing the oldest entries of a log in SQLite, a slice at a time.

What is to go is found by the thread that reads: of a room that is a seq up to which, and since the
newest stays and all else only comes after it, it is still to go when the thread that writes gets to
it. That removes a slice in a transaction, from the table and both indexes, with whatever else it
has to commit; and does what has come meanwhile before it removes the next. So a crash leaves every
room without so many of its first entries, and otherwise whole.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import apsw

from causerie.adapters.sqlite_places import Places, Seen, as_json, hash_id
from causerie.adapters.sqlite_writer import begin
from causerie.ports import Failed

ROOMS: Final = 100
"""Rooms that are looked through at a time."""
SLICE: Final = 100
"""Entries that are removed at a time. Each may be on a page of its own, in the table and in the
index of ids."""

_ROOMS_AFTER: Final = "SELECT key FROM rooms WHERE key > ? ORDER BY key LIMIT ?"
_TIME: Final = "SELECT timestamp FROM entries WHERE place = ?"
_AT_PLACES: Final = """
    SELECT e.place, e.seq, e.author, e.id FROM json_each(?) AS wanted
    CROSS JOIN entries AS e ON e.place = wanted.value
"""
_REMOVE: Final = "DELETE FROM entries WHERE place IN (SELECT value FROM json_each(?))"
_REMOVE_BY_ROOM: Final = "DELETE FROM places_by_room WHERE room = ? AND seq <= ?"
_REMOVE_BY_ID: Final = """
    DELETE FROM places_by_id
    WHERE (hash, place) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))
"""


class Surplus(NamedTuple):
    """What a room has too much."""

    room: int
    upto: int
    """The seq of the last that is to go."""


class Looked(NamedTuple):
    """What was found in some rooms."""

    surplus: list[Surplus]
    last_room: int | None
    """The last room that was looked at; None if there are none left."""


class Trim:
    """One pass through all rooms.

    `read` has something looked up by the thread that has the connection `reading`, and `write` has
    something done by the one that has `writing`. `done` is called once, in the end, with how many
    entries were removed.
    """

    def __init__(
        self,
        places: Places,
        *,
        reading: apsw.Connection,
        writing: apsw.Connection,
        read: Callable[[Callable[[Seen], Looked], Callable[[Looked | Failed], None]], None],
        write: Callable[[Callable[[], int], Callable[[int | Failed], None]], None],
        before: int,
        keep: int,
        done: Callable[[int | Failed], None],
    ) -> None:
        self._places = places
        self._reading = reading
        self._writing = writing
        self._read = read
        self._write = write
        self._before = before
        self._keep = keep
        self._done = done
        self._surplus: list[Surplus] = []
        self._last_room: int | None = 0
        self._removed = 0

    def go_on(self) -> None:
        """Takes the next step."""
        if self._surplus:
            self._write(self._remove, self._have_removed)
        elif self._last_room is not None:
            last_room = self._last_room
            self._read(lambda seen: self._look(seen, last_room), self._have_looked)
        else:
            self._done(self._removed)

    def _have_looked(self, answer: Looked | Failed) -> None:
        if isinstance(answer, Failed):
            self._done(answer)
        else:
            self._surplus, self._last_room = answer
            self.go_on()

    def _have_removed(self, answer: int | Failed) -> None:
        if isinstance(answer, Failed):
            self._done(answer)
        else:
            self._removed += answer
            self.go_on()

    # What the thread that reads does.

    def _look(self, seen: Seen, after: int) -> Looked:
        """Looks through the rooms after one."""
        rooms: list[Any] = self._reading.execute(_ROOMS_AFTER, (after, ROOMS)).fetchall()
        found = [
            surplus for (room,) in rooms if (surplus := self._surplus_of(seen, room)) is not None
        ]
        return Looked(found, rooms[-1][0] if rooms else None)

    def _surplus_of(self, seen: Seen, room: int) -> Surplus | None:
        first = seen.first(self._reading, room)
        head = seen.head(self._reading, room)
        upto = head - self._keep if self._keep else 0
        if self._before:
            upto = max(upto, self._last_earlier(seen, room, max(first, upto + 1), head))
        upto = min(upto, head - 1)
        return Surplus(room, upto) if upto >= first else None

    def _last_earlier(self, seen: Seen, room: int, first: int, head: int) -> int:
        """The seq of the last entry, from a first one on, that is older than any may be; before the
        first if it is not. Times increase with seq.
        """
        earlier, later = first - 1, head
        # Mostly the first is young enough.
        middle = first
        while later - earlier > 1:
            if self._time(seen, room, middle) < self._before:
                earlier = middle
            else:
                later = middle
            middle = (earlier + later) // 2
        return earlier

    def _time(self, seen: Seen, room: int, seq: int) -> int:
        (place,) = seen.by_room(self._reading, room, after=seq - 1, upto=seq, limit=1)
        rows: list[Any] = self._reading.execute(_TIME, (place,)).fetchall()
        ((timestamp,),) = rows
        return int(timestamp)

    # What the thread that writes does.

    def _remove(self) -> int:
        """Removes a slice; tells how many entries that is."""
        begin(self._writing)
        removed = 0
        while self._surplus and removed < SLICE:
            room, upto = self._surplus[-1]
            limit = SLICE - removed
            count = self._remove_from(room, upto, limit)
            if count < limit:
                self._surplus.pop()
            removed += count
        return removed

    def _remove_from(self, room: int, upto: int, limit: int) -> int:
        connection = self._writing
        places = self._places.by_room(connection, room, after=0, upto=upto, limit=limit)
        if not places:
            return 0
        rows: list[Any] = connection.execute(_AT_PLACES, (as_json(places),)).fetchall()
        last = max(seq for _place, seq, _author, _id in rows)
        hashes = [(hash_id(author, id), place) for place, _seq, author, id in rows]
        connection.execute(_REMOVE, (as_json(places),))
        connection.execute(_REMOVE_BY_ROOM, (room, last))
        connection.execute(_REMOVE_BY_ID, (as_json(hashes),))
        self._places.forget(room, last)
        return len(places)
