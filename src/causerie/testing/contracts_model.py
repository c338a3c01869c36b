"""What a log and a directory hold, in the plainest terms: lists and dictionaries.

It is told what happened and checks it, or says what must be answered. Written for plainness alone,
apart from any adapter, so that the two do not share their mistakes.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from causerie.chat.entry import Draft, Entry
from causerie.chat.names import Name
from causerie.ports import (
    Claimed,
    Holder,
    Located,
    Outcome,
    Rejected,
    Repeated,
    Stored,
    Taken,
    TooManyNames,
)

DAY: Final = 24 * 60 * 60 * 1_000_000
"""In microseconds."""


class LogModel:
    """The entries of each room, oldest first."""

    def __init__(self, shares_ids: Callable[[str, str], bool]) -> None:
        """`shares_ids` tells it of two rooms (`causerie.testing.contracts.Storage`)."""
        self.rooms: dict[str, list[Entry]] = {}
        """None of them is empty: the newest entry stays."""
        self._shares_ids = shares_ids

    def copy(self) -> "LogModel":
        """Copies it, as a backup does."""
        copy = LogModel(self._shares_ids)
        copy.rooms = {room: list(entries) for room, entries in self.rooms.items()}
        return copy

    def find(self, identity: str, id: str) -> list[Entry]:
        """Finds what is there under an identity and an id: one entry at most of rooms that share
        them.
        """
        return [
            entry
            for entries in self.rooms.values()
            for entry in entries
            if (entry.identity, entry.id) == (identity, id)
        ]

    def lacks_before(self, outcome: Outcome) -> bool:
        """Whether an outcome stored an entry before which there is one that is not known here."""
        if not isinstance(outcome, Stored):
            return False
        entries = self.rooms.get(outcome.entry.room)
        return outcome.entry.prev > (entries[-1].seq if entries else 0)

    def settle(self, outcome: Outcome, *, storable: bool) -> None:
        """Checks the outcome of the next draft, and takes in what it stored."""
        draft = outcome.draft
        found = self.find(draft.identity, draft.id)
        in_the_way = [entry for entry in found if self._shares_ids(draft.room, entry.room)]
        if not storable:
            assert isinstance(outcome, Rejected), "it may reuse an id, too"
        elif in_the_way:
            (earlier,) = in_the_way
            same = (earlier.room, earlier.kind, earlier.content) == (
                *(draft.room, draft.kind, draft.content),
            )
            expected = Repeated(draft, earlier) if same else Rejected(draft, "id_reused")
            assert outcome == expected
        else:
            assert isinstance(outcome, Stored)
            self.add(draft, outcome.entry)

    def add(self, draft: Draft, entry: Entry) -> None:
        """Takes in an entry, which must be the draft at the end of its room."""
        entries = self.rooms.setdefault(entry.room, [])
        last = entries[-1] if entries else None
        assert entry.prev == (last.seq if last else 0) < entry.seq
        assert entry.timestamp >= (last.timestamp if last else 0)
        for field in Draft.__struct_fields__:
            if field != "first_tried":
                assert getattr(entry, field) == getattr(draft, field)
        entries.append(entry)

    def survive(self, room: str, found: list[Entry], in_flight: list[Draft]) -> None:
        """Checks what a crash has left of a room: all that was told, and some of what was not."""
        told = self.rooms.get(room, [])
        assert found[: len(told)] == told, "what was told is lost"
        waiting = iter(in_flight)
        for entry in found[len(told) :]:
            key = (entry.identity, entry.id, room)
            same = (draft for draft in waiting if (draft.identity, draft.id, draft.room) == key)
            draft = next(same, None)
            assert draft is not None, "nobody has said this, or it was said in another order"
            self.add(draft, entry)

    def locate(
        self, room: str, *, seq: int, id: str, same_epoch: bool, upto: int, limit: int
    ) -> Located:
        """Says where a reader goes on."""
        entries = self.rooms.get(room, [])
        shown = [entry for entry in entries if entry.seq <= upto]
        first = entries[0].prev if entries else 0
        newest = shown[len(shown) - limit - 1].seq if len(shown) > limit else first
        places = [(entry.seq, entry.id) for entry in entries]
        if not first:
            places.append((0, ""))
        if not same_epoch or (seq, id) not in places:
            return Located(after=newest, recovered="none")
        behind = len([entry for entry in shown if entry.seq > seq])
        if behind > limit:
            return Located(after=newest, recovered="partial", missing=behind - limit)
        return Located(after=seq, recovered="complete")

    def trim(self, *, before: int, keep: int) -> int:
        """Removes the oldest entries of each room; says how many."""
        removed = 0
        for room, entries in self.rooms.items():
            *others, last = entries
            left = [entry for entry in others if entry.timestamp >= before]
            if keep:
                left = left[max(0, len(left) - (keep - 1)) :]
            self.rooms[room] = [*left, last]
            removed += len(others) - len(left)
        return removed

    def conversations(self, identity: str) -> list[tuple[str, str, Entry]]:
        """Lists private conversations: the room, the other's name, and the newest entry."""
        found = []
        for room in sorted(self.rooms):
            last = self.rooms[room][-1]
            if last.kind == "private" and identity in (last.identity, last.peer):
                name = last.to if identity == last.identity else last.username
                found.append((room, name, last))
        return found


class _Kept(msgspec.Struct, frozen=True):
    name: Name
    identity: str
    address: str
    created: int
    used: int


class DirectoryModel:
    """The names in use, and the kept ones, by folded name."""

    def __init__(self, names_per_address: int) -> None:
        self._names_per_address = names_per_address
        self.in_use: dict[str, tuple[Name, str]] = {}
        self.borrowed: dict[str, str] = {}
        """Of names in use that were not kept since they were claimed, the address."""
        self.kept: dict[str, _Kept] = {}
        self.claims: list[tuple[str, str]] = []
        """By whom which name was claimed, the last at the end."""

    def copy(self) -> "DirectoryModel":
        """Copies it, as a backup does: without what is borrowed."""
        copy = DirectoryModel(self._names_per_address)
        copy.kept = dict(self.kept)
        copy.claims = [(who, folded) for who, folded in self.claims if folded in self.kept]
        return copy

    def find(self, folded: str, now: int) -> Holder | None:
        """Says who holds a name."""
        kept = self.kept.get(folded)
        if folded in self.in_use:
            name, identity = self.in_use[folded]
            return Holder(identity=identity, display=name.display, kept=kept is not None)
        if kept is not None and now - kept.used < 90 * DAY:
            return Holder(identity=kept.identity, display=kept.name.display, kept=True)
        return None

    def claim(
        self,
        name: Name,
        identity: str,
        *,
        address: str,
        now: int,
        replacing: str | None,
        returning: bool,
        answer: Claimed | Taken | TooManyNames,
    ) -> None:
        """Checks the answer to a claim, and takes in what it changed."""
        instead = self._last(identity) if returning else None
        if instead == name:
            instead = None
        name = instead or name
        rivals = {}
        for folded, other in self._names().items():
            holder = self.find(folded, now)
            if other.skeleton == name.skeleton and holder and holder.identity != identity:
                rivals[folded] = holder
        in_the_way = {
            folded: holder
            for folded, holder in rivals.items()
            if holder.kept or holder.identity != replacing
        }
        if in_the_way:
            assert isinstance(answer, Taken)
            assert in_the_way[answer.folded] == answer.holder
            return
        kept = self.kept.get(name.folded)
        mine = kept is not None and kept.identity == identity
        borrowed = self.in_use.get(name.folded, (name, ""))[1] == identity
        if address and not mine and not borrowed:
            times = [each.created for each in self.kept.values() if each.address == address]
            recent = sorted(time for time in times if now - time < DAY)
            pending = sum(self.borrowed.get(folded) == address for folded in self.in_use)
            if len(recent) + pending >= self._names_per_address:
                waits = [created + DAY - now for created in recent[-self._names_per_address :]]
                waits += [60_000_000] * pending
                assert answer == TooManyNames(retry_after=-(-min(waits) // 1000))
                return
        keeps = any(other.identity == identity for other in self.kept.values())
        holder = Holder(identity=identity, display=name.display, kept=keeps)
        assert answer == Claimed(holder, instead)
        for folded, other in self._names().items():
            owner = self.kept.get(folded)
            if other.skeleton == name.skeleton:
                if folded in rivals:
                    del self.in_use[folded]
                elif owner is not None and owner.identity != identity:
                    del self.kept[folded]
        self.in_use[name.folded] = (name, identity)
        if not borrowed:
            self.borrowed[name.folded] = "" if mine else address
        self.claims.append((identity, name.folded))
        if mine and kept is not None:
            self.kept[name.folded] = msgspec.structs.replace(kept, name=name, used=now)
        elif keeps:
            self.keep(name, identity, now=now)

    def keep(self, name: Name, identity: str, *, now: int) -> None:
        """Keeps a name that the identity uses."""
        used_by = self.in_use.get(name.folded, (name, None))[1]
        if used_by == identity and name.folded not in self.kept:
            self.in_use[name.folded] = (name, identity)
            address, self.borrowed[name.folded] = self.borrowed[name.folded], ""
            self.kept[name.folded] = _Kept(name, identity, address, now, now)

    def sweep(self, *, now: int) -> None:
        """Notes that names are used. What counts does not change."""
        for folded, (_, identity) in self.in_use.items():
            kept = self.kept.get(folded)
            if kept is not None and kept.identity == identity:
                self.kept[folded] = msgspec.structs.replace(kept, used=now)

    def release(self, folded: str, identity: str, *, now: int) -> None:
        """Gives up a name, or notes that it was used."""
        if folded in self.in_use and self.in_use[folded][1] == identity:
            del self.in_use[folded]
        kept = self.kept.get(folded)
        if kept is not None and kept.identity == identity:
            self.kept[folded] = msgspec.structs.replace(kept, used=now)

    def _last(self, identity: str) -> Name | None:
        """The name that one who comes back gets: of those in use, else of those kept."""
        names = [folded for who, folded in self.claims if who == identity]
        used = [name for folded in names if (name := self._used_by(folded, identity))]
        kept = [
            self.kept[folded].name
            for folded in names
            if folded in self.kept and self.kept[folded].identity == identity
        ]
        return next(reversed(used or kept), None)

    def _used_by(self, folded: str, identity: str) -> Name | None:
        name, user = self.in_use.get(folded, (None, None))
        return name if user == identity else None

    def _names(self) -> dict[str, Name]:
        names = {folded: kept.name for folded, kept in self.kept.items()}
        names.update({folded: name for folded, (name, _) in self.in_use.items()})
        return names
