"""What has come of a watched room, put into its order. Pure.

NATS publishes each entry again as it stores it, with the seq of the one before in its room. That
may be lost, come twice or late. So an entry is let through when the one that it names has been, and
what is missing is read from the stream.
"""

from typing import Final, NamedTuple

from causerie.chat.entry import Entry

HELD: Final = 1_000
"""Entries that wait for one before them; what comes further on is read from the stream later."""


class Gap(NamedTuple):
    """Entries that have not come: those with `after` < seq <= `upto`."""

    after: int
    upto: int


class Chain:
    """The entries of one room, from its head on: each once, in order, none missing.

    Begins without a head: what comes before `begin` waits. After each call that may leave a gap
    (`take`, `begin`, `note`), ask `gap`, read that from the stream, and `take` what was read in
    order, each with the one read before it as its `prev`.
    """

    __slots__ = ("_held", "_known", "head", "last")

    def __init__(self) -> None:
        self.head: int | None = None
        """The seq of the last entry that was let through; None before `begin`."""
        self.last: Entry | None = None
        """That entry, where it has come by here."""
        self._held: dict[int, Entry] = {}
        """Entries that wait, by the seq that each names as the one before."""
        self._known = 0
        """The greatest seq that is known to be in the stream."""

    def begin(self, head: int) -> list[Entry]:
        """Takes the room's head, and lets through what has come after it."""
        assert self.head is None, "it begins once"
        self.head = head
        return self._let_through()

    def take(self, entry: Entry) -> list[Entry]:
        """Takes an entry, and lets through what follows the head now."""
        if self.head is not None and entry.seq <= self.head:
            return []
        self._held[entry.prev] = entry
        through = [] if self.head is None else self._let_through()
        if len(self._held) > HELD:
            last = max(self._held.values(), key=_seq)
            del self._held[last.prev]
            self.note(last.seq)
        return through

    def note(self, seq: int) -> None:
        """Learns that the stream has an entry of the room with this seq."""
        self._known = max(self._known, seq)

    def skip(self, upto: int) -> list[Entry]:
        """Learns that what was missing up to a seq is gone from the stream, and lets through what
        follows on that.
        """
        assert self.head is not None, "before it has begun nothing is missing"
        self.head = max(self.head, upto)
        return self._let_through()

    def gap(self) -> Gap | None:
        """Tells what is missing; the oldest, where there are several gaps."""
        head = self.head
        if head is None:
            return None
        if self._held:
            first = min(self._held.values(), key=_seq)
            # Where an entry names one before the head, the head was never in this log, which has
            # been put back to an older copy: what is there is what counts.
            return Gap(head, first.prev if first.prev > head else first.seq)
        return Gap(head, self._known) if self._known > head else None

    def _let_through(self) -> list[Entry]:
        through: list[Entry] = []
        assert self.head is not None, "it has begun"
        while (entry := self._held.pop(self.head, None)) is not None:
            if entry.seq > self.head:
                through.append(entry)
                self.head = entry.seq
                self.last = entry
        if self._held:
            head = self.head
            for prev in [prev for prev, held in self._held.items() if held.seq <= head]:
                del self._held[prev]
        return through


def _seq(entry: Entry) -> int:
    return entry.seq
