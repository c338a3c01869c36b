"""What survives a crash of the in-memory server, and how it is looked at."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import islice

from causerie.adapters.naming_rules import Kept
from causerie.adapters.numbering import members
from causerie.chat.entry import Entry
from causerie.ports import Conversation, Head, Located


class MemoryStore:
    """The entries, the kept names, and the epoch.

    A server that dies and comes back is a new `causerie.adapters.memory.MemoryLog` and a new
    `MemoryDirectory` over the same store. What the methods tell is as `causerie.ports.Log` says.
    """

    def __init__(self, epoch: str = "epoch-1") -> None:
        """Holds nothing yet."""
        self.epoch = epoch
        self.rooms: dict[str, list[Entry]] = {}
        """The entries of each room, oldest first."""
        self.by_id: dict[tuple[str, str], Entry] = {}
        """The same, by (identity, id)."""
        self.names: dict[str, Kept] = {}
        """The kept names by their folded form."""
        self.writers: set[object] = set()
        """The logs that may write: the one made last, or all nodes of a cluster. The steps that
        another left scheduled, as it died, come to nothing."""
        self.followers: list[Callable[[Entry], None]] = []
        """Who is told of each entry, in a cluster."""
        self._conversations: dict[str, dict[str, str]] = {}
        """By identity and room, the name of the other."""

    def copy(self) -> "MemoryStore":
        """Makes a backup; a server started on it is one whose data folder was restored."""
        copy = MemoryStore(self.epoch)
        copy.rooms = {room: list(entries) for room, entries in self.rooms.items()}
        copy.by_id = dict(self.by_id)
        copy.names = dict(self.names)
        copy._conversations = {who: dict(rooms) for who, rooms in self._conversations.items()}
        return copy

    def begin_again(self, epoch: str) -> None:
        """Loses everything and begins another log, as a server does on an empty data folder.

        To be called while no server runs on it.
        """
        self.epoch = epoch
        self.rooms.clear()
        self.by_id.clear()
        self.names.clear()
        self._conversations.clear()

    def add(self, entry: Entry) -> None:
        """Appends an entry that is numbered already."""
        self.rooms.setdefault(entry.room, []).append(entry)
        self.by_id[entry.identity, entry.id] = entry
        if entry.peer:
            # The author last: who writes to themselves is called by the name they were written to.
            self._conversations.setdefault(entry.peer, {})[entry.room] = entry.username
            self._conversations.setdefault(entry.identity, {})[entry.room] = entry.to
        for follower in self.followers:
            follower(entry)

    def head(self, room: str, *, recent: int = 0) -> Head:
        """Tells where a room ends, with so many of its newest entries."""
        entries = self.rooms.get(room)
        if not entries:
            return Head(epoch=self.epoch, seq=0, id="", timestamp=0)
        first, last = entries[0], entries[-1]
        return Head(
            epoch=self.epoch,
            seq=last.seq,
            id=last.id,
            timestamp=last.timestamp,
            members=members(first.identity, first.peer) if first.peer else (),
            recent=tuple(entries[-recent:]) if recent else (),
        )

    def read(self, room: str, *, after: int, upto: int, limit: int) -> Sequence[Entry]:
        """Reads forward."""
        entries = self.rooms.get(room, [])
        start = bisect_right(entries, after, key=_seq)
        return entries[start : min(start + limit, bisect_right(entries, upto, key=_seq))]

    def read_back(self, room: str, *, before: int, limit: int) -> Sequence[Entry]:
        """Reads backward."""
        entries = self.rooms.get(room, [])
        end = bisect_left(entries, before, key=_seq)
        return entries[max(0, end - limit) : end]

    def locate(self, room: str, *, seq: int, id: str, epoch: str, upto: int, limit: int) -> Located:
        """Finds where a reader goes on."""
        entries = self.rooms.get(room, [])
        end = bisect_right(entries, upto, key=_seq)
        newest = _before(entries, end - limit)
        if epoch != self.epoch or not _holds(entries, seq, id):
            return Located(after=newest, recovered="none")
        missing = end - bisect_right(entries, seq, key=_seq) - limit
        if missing > 0:
            return Located(after=newest, recovered="partial", missing=missing)
        return Located(after=seq, recovered="complete")

    def locate_time(self, room: str, *, timestamp: int, upto: int, limit: int) -> int:
        """Finds the seq after which all is later."""
        entries = self.rooms.get(room, [])
        end = bisect_right(entries, upto, key=_seq)
        later = bisect_right(entries, timestamp, hi=end, key=lambda entry: entry.timestamp)
        return _before(entries, max(later, end - limit))

    def conversations(self, identity: str, *, after: str, limit: int) -> Sequence[Conversation]:
        """Lists private conversations."""
        names = self._conversations.get(identity, {})
        rooms = (room for room in sorted(names) if room > after)
        return [
            Conversation(room=room, peer_name=names[room], head=self.head(room))
            for room in islice(rooms, limit)
        ]

    def trim(self, *, before: int, keep: int) -> int:
        """Removes the oldest entries; tells how many."""
        removed = 0
        for entries in self.rooms.values():
            count = max(
                bisect_left(entries, before, key=lambda entry: entry.timestamp),
                len(entries) - keep if keep else 0,
            )
            gone = entries[: min(count, len(entries) - 1)]
            for entry in gone:
                del self.by_id[entry.identity, entry.id]
            del entries[: len(gone)]
            removed += len(gone)
        return removed


def _seq(entry: Entry) -> int:
    return entry.seq


def _holds(entries: Sequence[Entry], seq: int, id: str) -> bool:
    """Tells whether the entry at `seq` has that id; 0 with an empty id is before all entries, of
    which none was removed.
    """
    if seq == 0:
        return not id and not _before(entries, 0)
    index = bisect_left(entries, seq, key=_seq)
    return index < len(entries) and (entries[index].seq, entries[index].id) == (seq, id)


def _before(entries: Sequence[Entry], index: int) -> int:
    """Tells the seq of the entry before an index, which may be gone; 0 before the first."""
    if index > 0:
        return entries[index - 1].seq
    return entries[0].prev if entries else 0
