"""One room, as a client follows it: a cursor in its log.

An entry is shown once, in the order of the log. Where one is missing (its successor's `prev` is not
the entry shown last) nothing more is shown, the room is joined again from the cursor, and the
server sends all that follows it. What cannot be had is told as a `Gap`.
"""

from typing import Literal, assert_never

import msgspec

from causerie.client.machine.events import Entry, Gap
from causerie.wire.commands import Cursor, Join
from causerie.wire.replies import Joined, RoomSummary


class Absent(msgspec.Struct, frozen=True):
    """This connection does not follow the room, and is to join it, no sooner than `not_before`
    (seconds, monotonic). Entries are passed over: they come again.
    """

    not_before: float


class Joining(msgspec.Struct, frozen=True):
    """A join is under way. Entries are passed over: they come again."""

    id: str
    resuming: bool
    """It said where to go on."""


class Starting(msgspec.Struct, frozen=True):
    """Whatever comes next is next: there is nothing that it should follow."""


class Settling(msgspec.Struct, frozen=True):
    """The server goes on from the cursor; the first entry after it is still to come."""

    epoch: str
    """The log's, as the server has just said."""
    moved: bool
    """The log was moved: seqs before and after do not compare."""
    missing: int
    """Entries that the server leaves out before the first."""


class Live(msgspec.Struct, frozen=True):
    """Each entry follows the one before: there is a cursor."""


Phase = Absent | Joining | Starting | Settling | Live

NOW = float("-inf")
"""No time to wait for."""

Followed = Literal["shown", "skipped", "broken"]


class RoomView:
    """A room, as a client follows it.

    `wanted`: the application has joined it, and it is joined again on every connection. Otherwise
    it is a private conversation, whose entries the server sends without being asked. `replay`: how
    many earlier entries a first join asks for. `most`: how many a later one asks for, to catch up.
    """

    __slots__ = (
        "_most",
        "_replay",
        "_shown",
        "cursor",
        "epoch",
        "name",
        "phase",
        "wanted",
    )

    def __init__(self, name: str, *, wanted: bool, replay: int, most: int) -> None:
        self.name = name
        self.wanted = wanted
        self.phase: Phase = Starting()
        self.epoch: str | None = None
        self.cursor: Cursor | None = None
        """The last entry shown, or the head from which it began; None while there is neither."""
        self._replay = replay
        self._most = most
        # The newest entries shown, by what stays theirs when a log is restored, or they are said
        # again to it.
        self._shown: dict[tuple[str, str], None] = {}

    def join(self, id: str) -> Join:
        """The command that joins the room where the client stands; the join is under way."""
        self.phase = Joining(id, resuming=self.cursor is not None)
        if self.cursor is None:
            return Join(id=id, room=self.name, limit=self._replay or None)
        return Join(id=id, room=self.name, since=self.cursor, epoch=self.epoch, limit=self._most)

    def joined(self, reply: Joined) -> Gap | None:
        """The server has answered the join; answers what is lost for good, if anything is."""
        assert isinstance(self.phase, Joining), "only the answer to the join under way is passed on"
        cursor = self.cursor
        if cursor is None:
            self._begin(reply, replay=self._replay)
            return None
        if reply.recovered not in {"complete", "partial"}:
            # Another log: begun again as if for the first time, save that the loss is told.
            self._replay = self._most
            self.cursor = None
            self._begin(reply, replay=self._most)
            return Gap(room=self.name, after=cursor.seq, missing=None)
        if reply.recovered == "complete" and reply.head.id == cursor.id:
            self.epoch = reply.epoch
            self.cursor = reply.head
            self.phase = Live()
            return None
        moved = self.epoch not in {None, reply.epoch} or reply.head.seq <= cursor.seq
        self.phase = Settling(epoch=reply.epoch, moved=moved, missing=reply.missing)
        return None

    def begin_at(self, summary: RoomSummary) -> None:
        """Begins at the head, without what was said before."""
        self.epoch = summary.epoch
        self.cursor = summary.head
        self.phase = Live()

    def follow(self, entry: Entry) -> tuple[Followed, Gap | None]:
        """Takes an entry; answers whether it is to be shown, and what is missing before it.

        After `broken` the room is to be joined again (`leave_behind`): the entry comes back then.
        """
        match self.phase:
            case Absent() | Joining():
                return "skipped", None
            case Starting():
                return self._advance(entry), None
            case Settling() as settling:
                return self._settle(entry, settling)
            case Live():
                assert self.cursor is not None, "one is live from a cursor on"
                if entry.prev == self.cursor.seq < entry.seq:
                    return self._advance(entry), None
                return ("skipped" if entry.seq <= self.cursor.seq else "broken"), None
            case unknown:
                assert_never(unknown)

    def give_up(self) -> Gap:
        """What came after the cursor cannot be had, or the cursor is void: what comes next is taken
        as it comes.
        """
        gap = Gap(room=self.name, after=self.cursor.seq if self.cursor else 0, missing=None)
        self.cursor = None
        self.phase = Starting()
        return gap

    def leave_behind(self, not_before: float) -> None:
        """The room is to be joined (again), no sooner than then."""
        self.phase = Absent(not_before)

    def cut(self) -> None:
        """The connection is lost. A conversation (with a cursor) goes on by itself on the next."""
        self.phase = Absent(NOW) if self.wanted else Live()

    def is_behind(self, summary: RoomSummary) -> bool:
        """Tells whether the log reaches further than the client, which follows a conversation."""
        match self.phase:
            case Live():
                return self.cursor != summary.head or self.epoch not in {None, summary.epoch}
            case Absent() | Joining() | Starting() | Settling():
                return False  # it catches up already
            case unknown:
                assert_never(unknown)

    def _begin(self, reply: Joined, *, replay: int) -> None:
        """Begins at the head, or with the first of the entries that follow."""
        self.epoch = reply.epoch
        if replay and reply.head.seq:
            self.phase = Starting()
        else:
            self.cursor = reply.head
            self.phase = Live()

    def _settle(self, entry: Entry, settling: Settling) -> tuple[Followed, Gap | None]:
        assert self.cursor is not None, "who has no cursor has nothing to settle"
        again = entry.seq <= self.cursor.seq
        if again and not settling.moved and _key(entry) in self._shown:
            return "skipped", None
        gap = None
        if settling.missing:
            gap = Gap(room=self.name, after=self.cursor.seq, missing=settling.missing)
        elif not (settling.moved or again or entry.prev == self.cursor.seq):
            # The server said that nothing is missing. It has just been asked: asking once more
            # could go on for ever.
            gap = Gap(room=self.name, after=self.cursor.seq, missing=None)
        self.epoch = settling.epoch
        return self._advance(entry), gap

    def _advance(self, entry: Entry) -> Followed:
        self.cursor = Cursor(seq=entry.seq, id=entry.id)
        self.phase = Live()
        key = _key(entry)
        if key in self._shown and entry.id:
            return "skipped"  # its log was restored or moved, and it stands elsewhere now
        self._shown[key] = None
        if len(self._shown) > self._most:
            del self._shown[next(iter(self._shown))]
        return "shown"


def _key(entry: Entry) -> tuple[str, str]:
    # An id alone is only its author's: another's message could be hidden under it.
    return entry.id, entry.username
