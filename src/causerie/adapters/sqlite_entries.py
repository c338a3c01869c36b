"""Entries in SQLite: how they are stored, and how their rows are read.

In here no number of a room is left out and nothing is deleted: the entry before `seq` is the one
at `seq - 1`, and how many lie between two is their difference.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import apsw
import msgspec

from causerie.adapters.numbering import Tail, number
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

READ_BACK: Final = f"""
    SELECT {ROW} FROM entries AS e {ROW_JOINS}
    WHERE e.room = (SELECT key FROM rooms WHERE name = ?) AND e.seq < ?
    ORDER BY e.seq DESC LIMIT ?
"""  # noqa: S608 no input is in it

_TAIL = """
    SELECT r.key, e.seq, e.id, e.timestamp, one.identity, other.identity FROM rooms AS r
    JOIN entries AS e
        ON e.room = r.key AND e.seq = (SELECT max(seq) FROM entries WHERE room = r.key)
    LEFT JOIN identities AS one ON one.key = r.one
    LEFT JOIN identities AS other ON other.key = r.other
    WHERE r.name = ?
"""
_IDENTITIES = """
    SELECT i.identity, i.key FROM jsonb_each(?) AS wanted
    CROSS JOIN identities AS i ON i.identity = wanted.value
"""
_EARLIER = f"""
    SELECT room.name, {ROW} FROM jsonb_each(?) AS wanted
    CROSS JOIN entries AS e INDEXED BY entries_by_id
        ON e.id = wanted.value ->> 0 AND e.author = wanted.value ->> 1
    JOIN rooms AS room ON room.key = e.room
    {ROW_JOINS}
"""  # noqa: S608 no input is in it
_ADD_IDENTITIES = """
    INSERT INTO identities (key, identity) SELECT value ->> 0, value ->> 1 FROM jsonb_each(?)
"""
_ADD_ROOMS = """
    INSERT INTO rooms (key, name, one, other)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM jsonb_each(?)
"""
_ADD_ENTRIES = """
    INSERT INTO entries (
        room, seq, author, id, timestamp, private, username, content, recipient, peer, reply_to
    )
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10
    FROM jsonb_each(?)
"""
_ADD_CONVERSATIONS = """
    INSERT INTO conversations (identity, name, peer_name)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?) WHERE true
    ON CONFLICT (identity, name) DO UPDATE SET peer_name = excluded.peer_name
    WHERE peer_name <> excluded.peer_name
"""

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


class Entries:
    """The writer's view of the tables: numbers batches, and knows where rooms end.

    One thread uses it, and nobody else writes entries, so that a plan holds until the next one is
    made. If a plan is not carried out, the caller must call `forget`.
    """

    def __init__(self, connection: apsw.Connection, epoch: str, *, cache: int = 10_000) -> None:
        """Remembers the ends of so many rooms, and the keys of so many identities."""
        self._connection = connection
        self._epoch = epoch
        self._cache = cache
        self._tails: _Lru[Tail] = _Lru()
        self._identities: _Lru[int] = _Lru()

    def forget(self) -> None:
        """Remembers nothing, for what it knew may have been undone."""
        self._tails.clear()
        self._identities.clear()

    def head(self, room: str, *, recent: int) -> Head:
        """Tells where a room ends, with so many of its newest entries."""
        tail = self._tail(room)
        self._tails.trim(self._cache)
        rows = self._connection.execute(READ_BACK, (room, tail.seq + 1, recent)).fetchall()
        return Head(
            epoch=self._epoch,
            seq=tail.seq,
            id=tail.id,
            timestamp=tail.timestamp,
            members=tail.members,
            recent=tuple(entry_of(room, row) for row in reversed(rows)),
        )

    def plan(self, drafts: Sequence[Draft], *, now: int) -> Plan:
        """Decides about a batch, as if every plan before it had been carried out.

        Raises:
            UnicodeEncodeError: at least one draft is not text.
        """
        self._find_identities(drafts)
        outcomes = number(drafts, now=now, stored=self._earlier(drafts), tail=self._tail)
        entries = [outcome.entry for outcome in outcomes if type(outcome) is Stored]
        plan = Plan(outcomes, self._writes(entries) if entries else [])
        self._tails.trim(self._cache)
        self._identities.trim(self._cache)
        return plan

    def _find_identities(self, drafts: Sequence[Draft]) -> None:
        """Makes sure that the keys of all identities that have one are remembered."""
        known = self._identities
        unknown = set()
        for draft in drafts:
            if known.use(draft.identity) is None:
                unknown.add(draft.identity)
            if draft.peer and known.use(draft.peer) is None:
                unknown.add(draft.peer)
        if unknown:
            known.update(self._connection.execute(_IDENTITIES, (_json(list(unknown)),)))

    def _earlier(self, drafts: Sequence[Draft]) -> dict[tuple[str, str], Entry]:
        """Finds the entries that are stored under the ids of a batch."""
        known = self._identities
        wanted = [(draft.id, known[draft.identity]) for draft in drafts if draft.identity in known]
        if not wanted:
            return {}
        entries = [
            entry_of(room, row)
            for room, *row in self._connection.execute(_EARLIER, (_json(wanted),))
        ]
        return {(entry.identity, entry.id): entry for entry in entries}

    def _tail(self, room: str) -> Tail:
        tail = self._tails.use(room)
        if tail is None:
            tail = self._tails[room] = self._find_tail(room)
        return tail

    def _find_tail(self, room: str) -> Tail:
        row = self._connection.execute(_TAIL, (room,)).fetchone()
        if row is None:
            return Tail()
        key, seq, id, timestamp, one, other = row
        members = () if one is None else (one,) if one == other else (one, other)
        return Tail(key=key, seq=seq, id=id, timestamp=timestamp, members=members)

    def _writes(self, entries: Sequence[Entry]) -> list[tuple[str, str]]:
        writes = []
        identities = self._new_identities(entries)
        if identities:
            writes.append((_ADD_IDENTITIES, _json(identities)))
        rooms = self._new_rooms(entries)
        if rooms:
            writes.append((_ADD_ROOMS, _json(rooms)))
        keys = self._identities
        tails = self._tails
        rows = [
            (
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
            for entry in entries
        ]
        writes.append((_ADD_ENTRIES, _json(rows)))
        conversations = self._conversations(entries)
        if conversations:
            writes.append((_ADD_CONVERSATIONS, _json(conversations)))
        return writes

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

    def _next_key(self, table: str) -> int:
        newest = self._connection.execute(f"SELECT max(key) FROM {table}").fetchone()  # noqa: S608 ours
        assert newest is not None, "an aggregate has a row"
        (key,) = newest
        return (key or 0) + 1


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


def _json(rows: Sequence[object]) -> str:
    return msgspec.json.encode(rows).decode()
