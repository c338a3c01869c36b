"""What was said in one room, as far as it is loaded.

Entries stand in the order of the log. Between two of them others may be missing: a hole, which is
shown as such. What one says oneself stands at the end until its entry comes. Times are in
milliseconds since 1970.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from causerie.client.machine.events import Entry

MOST_FORMER: Final = 200
"""Entries of a former log that are kept in sight."""


class Hole(msgspec.Struct, frozen=True):
    """Entries are missing before another one."""

    after: int
    """The seq of the last entry before it; 0: before all."""
    missing: int | None
    """How many, if that is known."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """What one has said oneself and not seen in the room yet."""

    id: str
    content: str
    reply_to: str
    at: int
    state: Literal["sending", "sent", "failed"] = "sending"
    reason: str = ""
    """Why it failed, for people."""


class Timeline:
    """One room's entries."""

    def __init__(self) -> None:
        self.entries: tuple[Entry, ...] = ()
        """In the order of the log. Replaced, never changed, so that one may compare by identity."""
        self.pending: tuple[Pending, ...] = ()
        self.former: tuple[Entry, ...] = ()
        """What stood here before the log was lost or begun again: nothing continues it."""
        self.has_earlier = True
        """Whether there may be entries before the first."""
        self.holes: Mapping[int, Hole] = {}
        """By the seq of the entry below. Replaced, never changed."""
        self._by_id: dict[str, Entry] = {}
        # What is missing before the next entry.
        self._torn: Hole | None = None

    def find(self, id: str) -> Entry | None:
        """The entry of an id, if it is loaded."""
        return self._by_id.get(id)

    def hole_before(self, seq: int) -> Hole | None:
        """The hole before an entry, if there is one."""
        return self.holes.get(seq)

    @property
    def first(self) -> int:
        """The seq of the first entry that is loaded; 0 where none is."""
        return self.entries[0].seq if self.entries else 0

    @property
    def last(self) -> int:
        """The seq of the newest entry; 0 where there is none."""
        return self.entries[-1].seq if self.entries else 0

    def add(self, entry: Entry) -> bool:
        """An entry came, live or as a replay. Answers whether it is new here."""
        if entry.seq <= self.last:
            return False  # known: a room that is joined again begins with what one has seen
        if not self.entries:
            self.has_earlier = entry.prev > 0
        self.entries = (*self.entries, entry)
        self._by_id[entry.id] = entry
        if self._torn is not None:
            self.holes = {**self.holes, entry.seq: self._torn}
            self._torn = None
        self.settle(entry.id)
        return True

    def tear(self, after: int, missing: int | None) -> None:
        """What follows is no continuation of what stands here. Where it is not known how much is
        missing, the log may be another, whose numbers begin anew: what stands here is set aside.
        """
        if missing is None:
            self.former = (*self.former, *self.entries)[-MOST_FORMER:]
            self.entries = ()
            self._by_id.clear()
            self.holes = {}
            self.has_earlier = True
        else:
            self._torn = Hole(after, missing)

    def prepend(self, page: Sequence[Entry], *, before: int, more: bool) -> None:
        """A page of what came before an entry, the first of them; 0: of the newest. Another log may
        have begun since it was asked for: then it is no longer wanted.
        """
        if before and before != self.first:
            return
        earlier = [entry for entry in page if not self.entries or entry.seq < self.first]
        self.entries = (*earlier, *self.entries)
        self._by_id |= {entry.id: entry for entry in earlier}
        # Who promises more and sends none would be asked for ever.
        self.has_earlier = more and bool(earlier)

    def fill(self, seq: int, page: Sequence[Entry], *, after: int) -> None:
        """A page of what came after `after`, for the hole before `seq`. Who asked for it twice gets
        it twice: the second is not wanted.
        """
        hole = self.holes.get(seq)
        if hole is None or hole.after != after:
            return
        found = [entry for entry in page if hole.after < entry.seq < seq]
        place = next(i for i, entry in enumerate(self.entries) if entry.seq == seq)
        following = self.entries[place]
        self.entries = (*self.entries[:place], *found, *self.entries[place:])
        self._by_id |= {entry.id: entry for entry in found}
        if not found or following.prev == found[-1].seq:
            self.holes = {key: other for key, other in self.holes.items() if key != seq}
        else:
            missing = None if hole.missing is None else max(0, hole.missing - len(found))
            self.holes = {**self.holes, seq: Hole(found[-1].seq, missing)}

    # One's own.

    def sending(self, *, id: str, content: str, reply_to: str, at: int) -> None:
        """One says something; it is kept here."""
        if id not in self._by_id and all(one.id != id for one in self.pending):
            said = Pending(id=id, content=content, reply_to=reply_to, at=at)
            self.pending = (*self.pending, said)

    def adopt(self, pending: Sequence[Pending]) -> None:
        """One has said this, and it is for here."""
        self.pending = (*self.pending, *(one for one in pending if one.id not in self._by_id))

    def sent(self, id: str) -> None:
        """It is durable."""
        self.pending = tuple(
            msgspec.structs.replace(one, state="sent") if one.id == id else one
            for one in self.pending
        )

    def failed(self, id: str, reason: str) -> bool:
        """It was not taken. Answers whether it stands here."""
        self.pending = tuple(
            msgspec.structs.replace(one, state="failed", reason=reason) if one.id == id else one
            for one in self.pending
        )
        return any(one.id == id for one in self.pending)

    def settle(self, id: str) -> None:
        """It stands in the room, or is given up."""
        if any(one.id == id for one in self.pending):
            self.pending = tuple(one for one in self.pending if one.id != id)
