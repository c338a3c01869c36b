"""A room with listeners on this node: who gets what, up to where, as the same bytes.

A listener is a cursor in the room's log. It is *live* when it stands at the shown head: then each
new entry reaches it by `distribute`. Otherwise it is *behind*, and `causerie.server.catchup` brings
it forward, from the ring of recent entries or from the log. Joining, coming back and reading slowly
are the same case.

The shown head (`shown`) is the newest entry that anybody may be shown. What is published is
gathered in `_gathered` and handed to the live listeners once a turn; `sent` is the newest entry
handed out. The set of live listeners changes only while nothing is gathered, or else a newcomer
would be given twice what its catch-up had already brought.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from causerie.chat.presence import Presence
from causerie.chat.typing import Typing
from causerie.ports import Head
from causerie.server.frames import VARIANTS, FramedEntry, Variant

if TYPE_CHECKING:
    from causerie.server.connection import Connection
    from causerie.server.timers import Timer

RUN_BYTES = 32 * 1024
"""How much one listener is brought forward at a time, and the most that one turn gathers before it
is written: no more than this waits in the memory of a connection that suddenly stops reading."""


class Listener:
    """One connection's cursor in one room."""

    __slots__ = ("connection", "cursor", "live", "queued", "replay_upto", "room", "snapshot_due")

    def __init__(
        self, connection: "Connection", room: "LiveRoom", cursor: int, replay_upto: int
    ) -> None:
        self.connection = connection
        self.room = room
        self.cursor = cursor
        """The newest entry given to the connection; out of date while live."""
        self.replay_upto = replay_upto
        """Entries up to this one had been said before the connection joined."""
        self.live = False
        self.queued = False
        self.snapshot_due = False
        """It has missed signals, and is told who is here when it is live again."""


class LiveRoom:
    """The room's shown head, its ring of recent entries, its listeners, members and typists."""

    __slots__ = (
        "_by_seq",
        "_gathered",
        "_runs",
        "_successors",
        "epoch",
        "head_id",
        "listeners",
        "live",
        "members",
        "name",
        "pins",
        "presence",
        "sent",
        "shown",
        "timer",
        "typing",
    )

    def __init__(self, name: str, head: Head, grace: float) -> None:
        self.name = name
        self.epoch = head.epoch
        self.shown = self.sent = head.seq
        self.head_id = head.id
        self.members = head.members
        """A private conversation: the two identities."""
        self.presence = Presence(grace)
        self.typing = Typing()
        self.listeners: dict[Connection, Listener] = {}
        self.live: tuple[dict[Connection, Listener], ...] = tuple({} for _ in VARIANTS)
        """The live ones, by variant."""
        self.pins = 0
        """How many operations under way need the room to stay."""
        self.timer: Timer | None = None
        self._gathered: list[FramedEntry] = []
        self._by_seq: dict[int, FramedEntry] = {}
        self._successors: dict[int, FramedEntry] = {}
        self._runs: dict[tuple[int, int, Variant], tuple[bytes, int]] = {}

    # The ring: the newest entries, framed, in the order of the log.

    def remember(self, framed: FramedEntry) -> None:
        """Puts an entry at the end of the ring."""
        self._by_seq[framed.seq] = framed
        self._successors[framed.entry.prev] = framed

    def forget(self, framed: FramedEntry) -> None:
        """Takes the oldest entry out of the ring."""
        if self._by_seq.pop(framed.seq, None) is not None:
            del self._successors[framed.entry.prev]

    def forget_oldest(self, *, before: int, keep: int) -> None:
        """Takes out the entries said earlier than a time, and all but the newest `keep` (0: none
        for that); the newest one of all stays.
        """
        recent = list(self._by_seq.values())
        surplus = len(recent) - keep if keep else 0
        for index, framed in enumerate(recent[:-1]):
            if index >= surplus and framed.entry.timestamp >= before:
                break
            self.forget(framed)

    @property
    def remembered(self) -> int:
        """How many entries are in the ring."""
        return len(self._by_seq)

    def recent(self, seq: int) -> FramedEntry | None:
        """The entry at a seq, if it is in the ring."""
        return self._by_seq.get(seq)

    def run(self, listener: Listener) -> tuple[bytes, int] | None:
        """What a listener is given next out of the ring: its frames, about `RUN_BYTES` of them, and
        the seq of the last. None if the ring does not reach back to its cursor.

        Many who stand at the same place are given the same bytes: the runs are kept until
        `forget_runs`.
        """
        cursor, variant = listener.cursor, listener.connection.variant
        replay = cursor < listener.replay_upto
        upto = min(self.shown, listener.replay_upto) if replay else self.shown
        key = (cursor, upto if replay else -1, variant)
        if (known := self._runs.get(key)) is not None:
            return known
        frames: list[bytes] = []
        size = 0
        while size < RUN_BYTES and cursor < upto:
            framed = self._successors.get(cursor)
            if framed is None:
                break
            frame = framed.frame(variant, replay=replay)
            frames.append(frame)
            size += len(frame)
            cursor = framed.seq
        if not frames:
            return None
        found = self._runs[key] = (b"".join(frames), cursor)
        return found

    def forget_runs(self) -> None:
        """Lets go of the bytes kept for those who stand at the same place."""
        self._runs.clear()

    # The listeners.

    def admit(self, listener: Listener) -> None:
        """Adds a listener, behind."""
        self.listeners[listener.connection] = listener

    def dismiss(self, listener: Listener) -> None:
        """Removes a listener."""
        self.listeners.pop(listener.connection, None)
        self.live[listener.connection.variant].pop(listener.connection, None)
        listener.live = False

    def go_live(self, listener: Listener, push: Callable[["Connection", bytes], None]) -> None:
        """A listener stands at the shown head: from now on entries reach it as they come."""
        assert listener.cursor == self.shown, "only who has seen all that was shown is live"
        self.distribute(push)
        self.live[listener.connection.variant][listener.connection] = listener
        listener.live = True

    def fall_behind(self, listener: Listener) -> None:
        """A listener cannot be written to: it is served from the log when it can be again."""
        del self.live[listener.connection.variant][listener.connection]
        listener.live = False
        listener.cursor = self.sent
        listener.snapshot_due = True

    def note_missed_signal(self) -> None:
        """Who came or went is told to the live ones only: the others are owed a snapshot."""
        if len(self.listeners) > sum(map(len, self.live)):
            for listener in self.listeners.values():
                listener.snapshot_due |= not listener.live

    # New entries.

    def publish(self, framed: FramedEntry) -> int:
        """Moves the shown head to a new entry, which is in the ring; answers about how many bytes
        were gathered. The live listeners get it when `distribute` is called, later in this turn.
        """
        size = 0
        for variant, live in enumerate(self.live):
            if live:
                size = len(framed.frame(VARIANTS[variant]))
                break
        self._gathered.append(framed)
        self.shown = framed.seq
        self.head_id = framed.entry.id
        return size

    def distribute(self, push: Callable[["Connection", bytes], None]) -> None:
        """Gives what was gathered to all live listeners; each variant as one piece of bytes.

        All pieces are made before the first is given, so that an entry that cannot be framed leaves
        nobody with half of them.
        """
        if not self._gathered:
            return
        pieces = [
            (live, b"".join([framed.frame(variant) for framed in self._gathered]))
            for variant, live in zip(VARIANTS, self.live, strict=True)
            if live
        ]
        self.sent = self.shown
        self._gathered.clear()
        for live, piece in pieces:
            for connection in live:
                push(connection, piece)

    def skip(self, seq: int, id: str) -> None:
        """Moves the shown head and gives nobody what was gathered. The live listeners have to be
        ended; when they come back they are served from the log.
        """
        self._gathered.clear()
        self.shown = self.sent = seq
        self.head_id = id
