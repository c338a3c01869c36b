"""Where in the table of entries an entry is: by its room and seq, and by its author and id.

The table is in the order of commits. Two indexes lead into it, and an index that is given keys in
no order has a page changed for nearly every key, however many a transaction brings: four times what
the entry itself takes, the more the larger the log has grown, and all of it to be synced before an
ack. So the newest entries are looked for in memory, a *generation* of `GENERATION` of them, and
enter the indexes with the next one: in the order of the index, a slice with each batch, so that a
page is changed once for all of a slice that belongs there. It is how a log-structured merge tree
puts off its work (O'Neil et al., 1996), with the table of entries for its log.

A note in the table `meta` says up to which place the indexes are complete. What lies behind it is
read into memory when a log is opened; that some of it is in an index already does no harm. A merge
begins anew then: where there is so much that earlier ones cannot have had the time to end, since
too little was said between two starts, it is done at once.

The writer's thread adds; any thread may look, with a connection of its own. It takes down first
what there is in memory (`Places.seen`), for what leaves that is in the indexes by then: committed,
since until then another connection does not see it. Nor does another thread see what of the memory
is not committed yet.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import apsw
import msgspec

_GREATEST: Final = 2**63 - 1
"""The greatest number that SQLite knows."""

GENERATION: Final = 16_384
"""Entries; two generations in memory take 5 MB."""

_UP_TO: Final = "SELECT value FROM meta WHERE key = 'indexed'"
_NEWEST: Final = "SELECT place, room, seq, author, id FROM entries WHERE place > ? ORDER BY place"
_BY_ID: Final = """
    SELECT i.place FROM json_each(?) AS wanted CROSS JOIN places_by_id AS i ON i.hash = wanted.value
"""
_BY_ROOM: Final = """
    SELECT place FROM places_by_room WHERE room = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""
_BY_ROOM_BACK: Final = """
    SELECT place FROM places_by_room WHERE room = ? AND seq < ? ORDER BY seq DESC LIMIT ?
"""
_HEAD: Final = "SELECT max(seq) FROM places_by_room WHERE room = ?"
_FIRST: Final = "SELECT min(seq) FROM places_by_room WHERE room = ?"
_ADD_BY_ID: Final = """
    INSERT OR IGNORE INTO places_by_id (hash, place)
    SELECT value ->> 0, value ->> 1 FROM jsonb_each(?)
"""
_ADD_BY_ROOM: Final = """
    INSERT OR IGNORE INTO places_by_room (room, seq, place)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?)
"""
_SET_UP_TO: Final = "UPDATE meta SET value = json_extract(?, '$') WHERE key = 'indexed'"


Placed = tuple[int, int, int, int]
"""An entry's place in the table, and what leads there: its room, its seq, and `hash_id`."""


def hash_id(author: int, id: str) -> int:
    """What an entry is found by that has this id of this author: 64 bits, signed. Whoever finds one
    has to see whether it is the right one.
    """
    digest = blake2b(b"%d %s" % (author, id.encode()), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


class Places:
    """Both indexes, and the newest entries, which are not in them yet."""

    def __init__(self, connection: apsw.Connection, *, generation: int = GENERATION) -> None:
        """Reads what is not in the indexes, and if that is very much, writes it into them.
        `connection` is the writer's.
        """
        self._generation = generation
        self._generations: tuple[_Generation, ...] = (_Generation(),)
        """The newest last; the first of two is on its way into the indexes."""
        self._merge: _Merge | None = None
        self._merged = 0
        """How many generations are in the indexes, and in memory until that is committed."""
        self._added = 0
        """The last place in memory."""
        self._committed = 0
        """The last place that other threads may find in memory."""
        rows: list[tuple[str]] = list(connection.execute(_UP_TO))
        ((up_to,),) = rows
        self.add(
            (place, room, seq, hash_id(author, id))
            for place, room, seq, author, id in connection.execute(_NEWEST, (int(up_to),))
        )
        if self._generations[0].size >= 2 * generation:
            with connection:
                for statement, argument in self.writes(generation):
                    connection.execute(statement, (argument,))
            self.wrote()
        self.committed()

    # What the writer's thread calls.

    def add(self, placed: Iterable[Placed]) -> None:
        """Notes entries that are in the table. Those of a room come in their order."""
        newest = self._generations[-1]
        newest.add(placed)
        self._added = newest.last or self._added
        if self._merge is None and newest.size >= self._generation:
            self._merge = _Merge(newest, batches_in=self._generation)
            self._generations = (*self._generations, _Generation())

    def writes(self, count: int) -> list[tuple[str, str]]:
        """What is to be written into the indexes with `count` new entries: statements, each with
        its one argument. `wrote` has to follow if they were carried out.
        """
        return self._merge.writes(count) if self._merge is not None and count else []

    def wrote(self) -> None:
        """What `writes` gave last is in the indexes."""
        if self._merge is not None and self._merge.wrote():
            self._merge = None
            self._merged += 1

    def forget(self, room: int, upto: int) -> None:
        """Finds a room's entries up to a seq no more, which are gone from the table and the
        indexes. Their ids may still lead to where they were.
        """
        for generation in self._generations:
            generation.forget(room, upto)

    def committed(self) -> None:
        """All that was added and written so far is durable: other threads find it from now on."""
        self._committed = self._added
        if self._merged:
            self._generations, self._merged = self._generations[self._merged :], 0

    # What any thread calls.

    def seen(self) -> "Seen":
        """What other threads find. Whoever looks things up as they were at one moment asks for this
        before that: what leaves the memory afterwards is still in here, and what is said afterwards
        is not.
        """
        upto = self._committed
        return Seen(self._generations, upto)

    # What the writer's thread calls to look.

    def by_id(self, connection: apsw.Connection, hashes: Sequence[int]) -> list[int]:
        """As `Seen.by_id`, with what is not committed yet."""
        return self._all().by_id(connection, hashes)

    def by_room(
        self, connection: apsw.Connection, room: int, *, after: int, upto: int, limit: int
    ) -> list[int]:
        """As `Seen.by_room`, with what is not committed yet."""
        return self._all().by_room(connection, room, after=after, upto=upto, limit=limit)

    def by_room_back(
        self, connection: apsw.Connection, room: int, *, before: int, limit: int
    ) -> list[int]:
        """As `Seen.by_room_back`, with what is not committed yet."""
        return self._all().by_room_back(connection, room, before=before, limit=limit)

    def _all(self) -> "Seen":
        return Seen(self._generations, self._added)


class Seen(NamedTuple):
    """The newest entries, up to one, and the indexes for all before them, in any thread."""

    generations: "tuple[_Generation, ...]"
    last: int
    """The last place in memory that is found."""

    def by_id(self, connection: apsw.Connection, hashes: Sequence[int]) -> list[int]:
        """The places of all entries that one of these leads to, some of them perhaps twice."""
        wanted = set(hashes)
        found: list[int] = []
        for generation in self.generations:
            found += [generation.by_id[known] for known in generation.by_id.keys() & wanted]
            found += [place for known, place in generation.twins if known in wanted]
        found += [place for (place,) in connection.execute(_BY_ID, (as_json(hashes),))]
        return found

    def by_room(
        self, connection: apsw.Connection, room: int, *, after: int, upto: int, limit: int
    ) -> list[int]:
        """The places of a room's entries after one seq and up to another, at most `limit`."""
        stretches = self._stretches(room)
        indexed_upto = min(upto, _indexed_before(stretches) - 1)
        found: list[int] = []
        if after < indexed_upto:
            rows = connection.execute(_BY_ROOM, (room, after, indexed_upto, limit))
            found = [place for (place,) in rows]
        for stretch in stretches:
            shown = min(upto, stretch.last_up_to(self.last))
            found += stretch.after(after, shown, limit - len(found))
        return found

    def by_room_back(
        self, connection: apsw.Connection, room: int, *, before: int, limit: int
    ) -> list[int]:
        """The places of a room's entries before a seq, the last of them first, at most `limit`."""
        stretches = self._stretches(room)
        found: list[int] = []
        for stretch in reversed(stretches):
            shown = min(before, stretch.last_up_to(self.last) + 1)
            found += stretch.before(shown, limit - len(found))
        if len(found) < limit:
            indexed = min(before, _indexed_before(stretches))
            rows = connection.execute(_BY_ROOM_BACK, (room, indexed, limit - len(found)))
            found += [place for (place,) in rows]
        return found

    def head(self, connection: apsw.Connection, room: int) -> int:
        """The seq of a room's last entry; 0 if it has none."""
        for stretch in reversed(self._stretches(room)):
            last = stretch.last_up_to(self.last)
            if last >= stretch.first:
                return last
        rows: list[tuple[int | None]] = list(connection.execute(_HEAD, (room,)))
        ((head,),) = rows
        return head or 0

    def first(self, connection: apsw.Connection, room: int) -> int:
        """The seq of a room's first entry that is left; 1 if it has never had one."""
        stretches = self._stretches(room)
        if _indexed_before(stretches) > 0:
            rows: list[tuple[int | None]] = list(connection.execute(_FIRST, (room,)))
            ((first,),) = rows
            if first is not None:
                return first
        left = (stretch.first_left for stretch in stretches if stretch.is_left)
        return next(left, 1)

    def _stretches(self, room: int) -> "list[_Stretch]":
        """The newest part of a room, in its order."""
        found = [generation.by_room.get(room) for generation in self.generations]
        return [stretch for stretch in found if stretch is not None]


def _indexed_before(stretches: "Sequence[_Stretch]") -> int:
    """The seq before which the index counts, of a room of which this is in memory; 0 for nowhere.
    What is gone is so at once in memory, and in the index when that is committed: but of a room the
    first go first.
    """
    if not stretches:
        return _GREATEST
    return 0 if stretches[0].gone else stretches[0].first


class _Stretch:
    """The places of a room's entries from a first seq on, without a gap."""

    __slots__ = ("first", "gone", "places")

    def __init__(self, first: int, place: int) -> None:
        self.first = first
        self.places = [place]
        self.gone = 0
        """How many of them, from the first on, lead nowhere any more."""

    @property
    def is_left(self) -> bool:
        """Whether any of its entries is."""
        return self.gone < len(self.places)

    @property
    def first_left(self) -> int:
        """The seq of the first that is left."""
        return self.first + self.gone

    def forget(self, upto: int) -> None:
        """Those up to a seq are gone."""
        self.gone = max(self.gone, min(len(self.places), upto + 1 - self.first))

    def last_up_to(self, place: int) -> int:
        """The seq of the last one that is not behind a place; before the first if all are."""
        return self.first + bisect_right(self.places, place) - 1

    def after(self, seq: int, upto: int, limit: int) -> list[int]:
        """At most so many after one seq, up to another."""
        start = max(self.gone, seq + 1 - self.first)
        end = min(start + max(0, limit), upto + 1 - self.first)
        return self.places[start : max(start, end)]

    def before(self, seq: int, limit: int) -> list[int]:
        """At most so many before a seq, the last first."""
        end = max(self.gone, min(len(self.places), seq - self.first))
        return self.places[max(self.gone, end - limit) : end][::-1]


class _Generation:
    """Some of the newest entries, in the order of their places."""

    __slots__ = ("by_id", "by_room", "gone", "last", "size", "twins")

    def __init__(self) -> None:
        self.by_id: dict[int, int] = {}
        self.twins: list[tuple[int, int]] = []
        """More with a hash that is in `by_id`: there are none, unless somebody has looked for some
        for a long time."""
        self.by_room: dict[int, _Stretch] = {}
        self.gone: set[int] = set()
        """The places that lead nowhere any more."""
        self.size = 0
        self.last = 0

    def add(self, placed: Iterable[Placed]) -> None:
        """Takes more."""
        by_id, by_room = self.by_id, self.by_room
        for place, room, seq, found_by in placed:
            if by_id.setdefault(found_by, place) != place:
                self.twins.append((found_by, place))
            stretch = by_room.get(room)
            if stretch is None:
                # Nobody is to find it empty.
                by_room[room] = _Stretch(seq, place)
            else:
                assert seq == stretch.first + len(stretch.places), "none left out, none twice"
                stretch.places.append(place)
            self.size += 1
            self.last = place

    def forget(self, room: int, upto: int) -> None:
        """A room's entries up to a seq are gone."""
        stretch = self.by_room.get(room)
        if stretch is not None:
            known = stretch.gone
            stretch.forget(upto)
            self.gone.update(stretch.places[known : stretch.gone])


class _At(NamedTuple):
    """How far a merge has come."""

    hash: int = 0
    room: int = 0
    within: int = 0
    """The room."""


class _Merge:
    """A generation on its way into the indexes, in their order.

    Only numbers are sorted at once: to make the rows of a whole generation takes 20 ms, in which
    nothing would be stored.
    """

    def __init__(self, generation: _Generation, *, batches_in: int) -> None:
        """All of it will be written when `batches_in` entries have come."""
        self._generation = generation
        self._hashes = sorted(generation.by_id)
        self._rooms = sorted(generation.by_room)
        self._for_each = -(-generation.size // batches_in)
        self._at = _At()
        self._next = _At()

    def writes(self, count: int) -> list[tuple[str, str]]:
        """The next slice."""
        at, generation = self._at, self._generation
        size = count * self._for_each
        hashes = self._hashes[at.hash : at.hash + size]
        by_id = [(known, generation.by_id[known]) for known in hashes]
        if not at.hash:
            by_id += generation.twins
        if generation.gone:
            by_id = [row for row in by_id if row[1] not in generation.gone]
        by_room: list[tuple[int, int, int]] = []
        room, within = at.room, at.within
        while room < len(self._rooms) and len(by_room) < size:
            name = self._rooms[room]
            stretch = generation.by_room[name]
            within = max(within, stretch.gone)
            places = stretch.places[within : within + size - len(by_room)]
            first = stretch.first + within
            by_room += [(name, seq, place) for seq, place in enumerate(places, first)]
            within += len(places)
            if within == len(stretch.places):
                room, within = room + 1, 0
        self._next = _At(at.hash + len(hashes), room, within)
        writes = [(_ADD_BY_ID, as_json(by_id)), (_ADD_BY_ROOM, as_json(by_room))]
        if self._is_all(self._next):
            writes.append((_SET_UP_TO, as_json(str(generation.last))))
        return writes

    def wrote(self) -> bool:
        """The slice is written; tells whether that was the last one."""
        self._at = self._next
        return self._is_all(self._at)

    def _is_all(self, at: _At) -> bool:
        return at.hash == len(self._hashes) and at.room == len(self._rooms)


def as_json(value: Any) -> str:
    """A value as the one argument of a statement that goes through it by `json_each`."""
    return msgspec.json.encode(value).decode()
