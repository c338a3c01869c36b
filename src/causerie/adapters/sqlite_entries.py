"""Entries in SQLite: how they are stored, and how their rows are read.

In here no number of a room is left out, and what is removed are its first entries (sqlite_trim.py):
the entry before `seq` is the one at `seq - 1`, or was, and how many lie between two is their
difference.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import apsw
import msgspec

from causerie.adapters.numbering import Tail, number
from causerie.adapters.sqlite_places import Placed, Places, as_json, hash_id
from causerie.chat.entry import Draft, Entry
from causerie.ports import Head, Outcome, Stored

ROW: Final = """
    e.seq, author.identity, e.id, e.private, e.username, e.content, e.timestamp, e.recipient,
    peer.identity, e.reply_to
"""
ROW_JOINS: Final = """
    JOIN identities AS author ON author.key = e.author
    LEFT JOIN identities AS peer ON peer.key = e.peer
"""

_AT_PLACES: Final = f"""
    SELECT {ROW} FROM json_each(?) AS wanted
    CROSS JOIN entries AS e ON e.place = wanted.value {ROW_JOINS}
"""  # noqa: S608 no input is in it
_SAID_AT: Final = f"""
    SELECT room.name, {ROW} FROM json_each(?) AS wanted
    CROSS JOIN entries AS e ON e.place = wanted.value
    JOIN rooms AS room ON room.key = e.room
    {ROW_JOINS}
"""  # noqa: S608 no input is in it
_ROOM = """
    SELECT r.key, one.identity, other.identity FROM rooms AS r
    LEFT JOIN identities AS one ON one.key = r.one
    LEFT JOIN identities AS other ON other.key = r.other
    WHERE r.name = ?
"""
_KEY: Final = "SELECT key FROM rooms WHERE name = ?"
_IDENTITIES = """
    SELECT i.identity, i.key FROM jsonb_each(?) AS wanted
    CROSS JOIN identities AS i ON i.identity = wanted.value
"""
_ADD_IDENTITIES = """
    INSERT INTO identities (key, identity) SELECT value ->> 0, value ->> 1 FROM jsonb_each(?)
"""
_ADD_ROOMS = """
    INSERT INTO rooms (key, name, one, other)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM jsonb_each(?)
"""
_ADD_ENTRIES = """
    INSERT INTO entries (
        place, room, seq, author, id, timestamp, private, username, content, recipient, peer,
        reply_to
    )
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11
    FROM jsonb_each(?)
"""
_ADD_CONVERSATIONS = """
    INSERT INTO conversations (identity, name, peer_name)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?) WHERE true
    ON CONFLICT (identity, name) DO UPDATE SET peer_name = excluded.peer_name
    WHERE peer_name <> excluded.peer_name
"""

GREATEST: Final = 2**63 - 1
"""The greatest number that SQLite knows; no seq comes near it."""

_Value = TypeVar("_Value")


class _Lru(OrderedDict[str, _Value]):
    """A cache that forgets what was used longest ago, when it is trimmed."""

    def use(self, key: str) -> _Value | None:
        """Finds a value and notes its use."""
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value

    def trim(self, size: int) -> None:
        """Forgets all but so many."""
        while len(self) > size:
            self.popitem(last=False)


class Plan(msgspec.Struct, frozen=True, eq=False):
    """What is to become of a batch."""

    outcomes: list[Outcome]
    writes: list[tuple[str, str]]
    """Statements, each with its one argument: to be carried out in order, all or none."""
    placed: list[Placed]
    """Where the new entries will be."""


class Entries:
    """The writer's view of the tables: numbers batches, and knows where rooms end.

    One thread uses it, and nobody else writes entries, so that a plan holds until the next one is
    made. When a plan is carried out, the caller must call `carried_out`, and otherwise `forget`;
    and when what was carried out is committed, `committed`.
    """

    def __init__(
        self, connection: apsw.Connection, epoch: str, places: Places, *, cache: int = 10_000
    ) -> None:
        """Remembers the ends of so many rooms, and the keys of so many identities."""
        self._connection = connection
        self._epoch = epoch
        self._places = places
        self._cache = cache
        self._tails: _Lru[Tail] = _Lru()
        self._identities: _Lru[int] = _Lru()
        self._next_place = self._next_key("entries", "place")

    def carried_out(self, plan: Plan) -> None:
        """Notes that what was planned last is in the database, if it will be committed."""
        # A plan without entries has nothing written into the indexes; one before it, which was
        # not carried out, may have wanted to.
        if plan.placed:
            self._places.wrote()
            self._places.add(plan.placed)

    def committed(self) -> None:
        """Lets others find what was carried out."""
        self._places.committed()

    def forget(self) -> None:
        """Remembers nothing, for what it knew may have been undone."""
        self._tails.clear()
        self._identities.clear()
        self._next_place = self._next_key("entries", "place")

    def head(self, room: str, *, recent: int) -> Head:
        """Tells where a room ends, with so many of its newest entries."""
        tail = self._tail(room)
        self._tails.trim(self._cache)
        places = self._places.by_room_back(
            self._connection, tail.key, before=tail.seq + 1, limit=recent
        )
        return Head(
            epoch=self._epoch,
            seq=tail.seq,
            id=tail.id,
            timestamp=tail.timestamp,
            members=tail.members,
            recent=tuple(read_places(self._connection, room, places)),
        )

    def plan(self, drafts: Sequence[Draft], *, now: int) -> Plan:
        """Decides about a batch, as if every plan before it had been carried out.

        Raises:
            UnicodeEncodeError: at least one draft is not text.
        """
        self._find_identities(drafts)
        hashes = self._hashes(drafts)
        outcomes = number(drafts, now=now, stored=self._earlier(hashes), tail=self._tail)
        entries = [outcome.entry for outcome in outcomes if type(outcome) is Stored]
        plan = self._plan(outcomes, entries, hashes)
        self._tails.trim(self._cache)
        self._identities.trim(self._cache)
        return plan

    def plan_copies(self, entries: Sequence[Entry]) -> Plan:
        """Decides about entries of another log, none of which is here, as `plan` does: each comes
        last in its room, and is the same otherwise.
        """
        self._find_identities(entries)
        copies = []
        for entry in entries:
            end = self._tail(entry.room)
            copies.append(msgspec.structs.replace(entry, seq=end.seq + 1, prev=end.seq))
            end.move_to(copies[-1])
        plan = self._plan([], copies, {})
        self._tails.trim(self._cache)
        self._identities.trim(self._cache)
        return plan

    def _find_identities(self, drafts: Sequence[Draft | Entry]) -> None:
        """Makes sure that the keys of all identities that have one are remembered."""
        known = self._identities
        unknown = set()
        for draft in drafts:
            if known.use(draft.identity) is None:
                unknown.add(draft.identity)
            if draft.peer and known.use(draft.peer) is None:
                unknown.add(draft.peer)
        if unknown:
            known.update(self._connection.execute(_IDENTITIES, (as_json(list(unknown)),)))

    def _hashes(self, drafts: Sequence[Draft]) -> dict[tuple[str, str], int]:
        """By what the ids of a batch are found, those of identities that have said something."""
        known = self._identities
        return {
            (draft.identity, draft.id): hash_id(known[draft.identity], draft.id)
            for draft in drafts
            if draft.identity in known
        }

    def _earlier(self, hashes: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], Entry]:
        """Finds the entries that are stored under the ids of a batch."""
        if not hashes:
            return {}
        places = self._places.by_id(self._connection, list(hashes.values()))
        entries = said_at(self._connection, places)
        return {(entry.identity, entry.id): entry for entry in entries}

    def _tail(self, room: str) -> Tail:
        tail = self._tails.use(room)
        if tail is None:
            tail = self._tails[room] = self._find_tail(room)
        return tail

    def _find_tail(self, room: str) -> Tail:
        row = self._connection.execute(_ROOM, (room,)).fetchone()
        if row is None:
            return Tail()
        key, one, other = row
        members = () if one is None else (one,) if one == other else (one, other)
        places = self._places.by_room_back(self._connection, key, before=GREATEST, limit=1)
        (last,) = read_places(self._connection, room, places)
        return Tail(key=key, seq=last.seq, id=last.id, timestamp=last.timestamp, members=members)

    def _plan(
        self,
        outcomes: list[Outcome],
        entries: Sequence[Entry],
        hashes: Mapping[tuple[str, str], int],
    ) -> Plan:
        if not entries:
            return Plan(outcomes, [], [])
        writes = []
        identities = self._new_identities(entries)
        if identities:
            writes.append((_ADD_IDENTITIES, as_json(identities)))
        rooms = self._new_rooms(entries)
        if rooms:
            writes.append((_ADD_ROOMS, as_json(rooms)))
        keys = self._identities
        tails = self._tails
        rows = [
            (
                place,
                tails[entry.room].key,
                entry.seq,
                keys[entry.identity],
                entry.id,
                entry.timestamp,
                entry.kind == "private",
                entry.username,
                entry.content,
                entry.to or None,
                keys[entry.peer] if entry.peer else None,
                entry.reply_to or None,
            )
            for place, entry in enumerate(entries, self._next_place)
        ]
        self._next_place += len(rows)
        writes.append((_ADD_ENTRIES, as_json(rows)))
        conversations = self._conversations(entries)
        if conversations:
            writes.append((_ADD_CONVERSATIONS, as_json(conversations)))
        placed = [
            (row[0], row[1], row[2], hashes.get((entry.identity, entry.id)) or _hash_of(row))
            for row, entry in zip(rows, entries, strict=True)
        ]
        return Plan(outcomes, writes + self._places.writes(len(rows)), placed)

    def _new_identities(self, entries: Sequence[Entry]) -> list[tuple[int, str]]:
        keys = self._identities
        new = {entry.identity for entry in entries if entry.identity not in keys}
        new.update(entry.peer for entry in entries if entry.peer and entry.peer not in keys)
        rows = list(enumerate(sorted(new), self._next_key("identities"))) if new else []
        keys.update((identity, key) for key, identity in rows)
        return rows

    def _new_rooms(self, entries: Sequence[Entry]) -> list[tuple[int, str, int | None, int | None]]:
        new = {entry.room: None for entry in entries if not self._tails[entry.room].key}
        rows: list[tuple[int, str, int | None, int | None]] = []
        for key, room in enumerate(new, self._next_key("rooms") if new else 0):
            tail = self._tails[room]
            tail.key = key
            members = [self._identities[identity] for identity in tail.members]
            one, other = (members[0], members[-1]) if members else (None, None)
            rows.append((key, room, one, other))
        return rows

    def _conversations(self, entries: Sequence[Entry]) -> list[tuple[int, str, str]]:
        keys = self._identities
        names = {}
        for entry in entries:
            if entry.peer:
                # The author last: who writes to themselves is called by the name they wrote to.
                names[keys[entry.peer], entry.room] = entry.username
                names[keys[entry.identity], entry.room] = entry.to
        return [(identity, room, name) for (identity, room), name in names.items()]

    def _next_key(self, table: str, column: str = "key") -> int:
        newest = self._connection.execute(f"SELECT max({column}) FROM {table}").fetchone()  # noqa: S608 ours
        assert newest is not None, "an aggregate has a row"
        (key,) = newest
        return (key or 0) + 1


def room_key(connection: apsw.Connection, room: str) -> int:
    """The number by which the tables know a room; 0 if there is nothing in it."""
    row = connection.execute(_KEY, (room,)).fetchone()
    return row[0] if row is not None else 0


def read_places(connection: apsw.Connection, room: str, places: Sequence[int]) -> list[Entry]:
    """Reads the entries at some places, all of one room, in their order in the log."""
    if not places:
        return []
    rows = connection.execute(_AT_PLACES, (as_json(sorted(places)),))
    return [entry_of(room, row) for row in rows]


def said_at(connection: apsw.Connection, places: Sequence[int]) -> list[Entry]:
    """Reads the entries at some places, of any rooms."""
    rows = connection.execute(_SAID_AT, (as_json(places),)) if places else ()
    return [entry_of(room, row) for room, *row in rows]


def entry_of(room: str, row: Sequence[Any]) -> Entry:
    """Makes an entry of a row with the columns of `ROW`."""
    seq, identity, id, private, username, content, timestamp, to, peer, reply_to = row
    return Entry(
        room=room,
        seq=seq,
        prev=seq - 1,
        identity=identity,
        id=id,
        kind="private" if private else "message",
        username=username,
        content=content,
        timestamp=timestamp,
        to=to or "",
        peer=peer or "",
        reply_to=reply_to or "",
    )


def _hash_of(row: Sequence[Any]) -> int:
    """By what an entry is found whose author had said nothing before the batch."""
    return hash_id(row[3], row[4])
