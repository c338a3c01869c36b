"""Brings those who are behind to the head, a little at a time, so that they hold up nobody.

Round-robin with a budget of bytes a turn: ten thousand who come back at once share the turns with
those who stayed. Who stands at the head goes live in that very turn. What the ring of recent
entries does not hold is read from the log, once for all who stand at the same place.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from causerie.chat.entry import Entry
from causerie.ports import Failed, Log
from causerie.server.frames import INFLATED, FramedEntry, Variant
from causerie.server.live_room import RUN_BYTES, Listener, LiveRoom
from causerie.server.turn import Turn
from causerie.wire.codes import CloseCode

READ_ENTRIES = 100
"""Entries read from the log at a time."""

DEFLATING = 8
"""So many bytes that go out as they are take as long as one that is compressed first."""

READS_AT_ONCE = 16
"""Pages of entries under way or not yet handed out: what comes back is kept until its turn."""


class Page:
    """A read of the log: what comes after a place, for those who stand there."""

    __slots__ = ("_runs", "after", "entries", "room", "unserved", "upto", "waiting")

    def __init__(self, room: LiveRoom, after: int) -> None:
        self.room = room
        self.after = after
        self.upto = 0
        """The newest that may be read, once it is asked for."""
        self.entries: Sequence[FramedEntry] = ()
        """Empty before the answer."""
        self.waiting: list[Listener] = []
        """Those who wait for the answer."""
        self.unserved = 0
        """How many wait for their turn since it came."""
        self._runs: dict[tuple[Variant, int], tuple[bytes, int]] = {}

    def run(self, listener: Listener) -> tuple[bytes, int]:
        """What a listener is given of it: its frames, about `RUN_BYTES` of them, and the seq of the
        last. Many are given the same bytes.
        """
        variant = listener.connection.variant
        replay_upto = min(listener.replay_upto, self.entries[-1].seq)
        if (known := self._runs.get((variant, replay_upto))) is not None:
            return known
        frames: list[bytes] = []
        size = 0
        cursor = self.after
        for framed in self.entries:
            frame = framed.frame(variant, replay=framed.seq <= replay_upto)
            frames.append(frame)
            size += len(frame)
            cursor = framed.seq
            if size >= RUN_BYTES:
                break
        found = self._runs[variant, replay_upto] = (b"".join(frames), cursor)
        return found


class CatchUp:
    """The listeners that are behind and can be written to, in the order of their turns."""

    def __init__(
        self,
        log: Log,
        turn: Turn,
        schedule: Callable[[Callable[[], None]], None],
        *,
        went_live: Callable[[Listener], None],
        unpin: Callable[[LiveRoom], None],
        budget: int,
    ) -> None:
        self._log = log
        self._turn = turn
        self._schedule = schedule
        self._went_live = went_live
        self._unpin = unpin
        self._budget = budget
        self._left = budget
        self._ready: deque[tuple[Listener, Page | None]] = deque()
        self._scheduled = False
        self._pages: dict[tuple[LiveRoom, int], Page] = {}
        self._unread: deque[Page] = deque()
        self._reads = 0

    def begin(self, listener: Listener) -> None:
        """A new listener is live at once if it stands at the head, or else is caught up."""
        if listener.cursor >= listener.room.shown and not listener.connection.is_paused:
            self._live(listener)
        else:
            self.enqueue(listener)

    def hand_out(self, room: LiveRoom) -> None:
        """Gives the live listeners what a room has gathered, before one of them is changed."""
        room.distribute(self._turn.push)

    def enqueue(self, listener: Listener) -> None:
        """A listener is behind and can be written to. Does nothing for one that is in the queue,
        is live, or waits for a read of the log.
        """
        if listener.live or listener.queued:
            return
        listener.queued = True
        self._append(listener, None)

    def pump(self) -> None:
        """Brings listeners forward until the turn's budget is spent."""
        self._scheduled = False
        self._left = self._budget
        rooms: dict[LiveRoom, None] = {}
        while self._ready and self._left > 0:
            listener, page = self._ready.popleft()
            listener.queued = False
            if self._listens(listener) and not listener.connection.is_paused:
                rooms[listener.room] = None
                listener.connection.contain(self._advance, listener, page)
            if page is not None:
                page.unserved -= 1
                self._finish_if_served(page)
        for room in rooms:
            room.forget_runs()
        self._turn.write()
        if self._ready:
            self._need_pump()

    def _append(self, listener: Listener, page: Page | None) -> None:
        if page is not None:
            page.unserved += 1
        self._ready.append((listener, page))
        self._need_pump()

    def _need_pump(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._schedule(self.pump)

    def _advance(self, listener: Listener, page: Page | None) -> None:
        """Brings a listener forward once; what that takes is left of the budget no more."""
        room = listener.room
        if listener.cursor >= room.shown:
            self._live(listener)
            return
        run = room.run(listener) if page is None else page.run(listener)
        if run is None:
            self._read(listener)
            return
        frames, listener.cursor = run
        is_deflated = listener.connection.variant in INFLATED
        self._left -= len(frames) * DEFLATING if is_deflated else len(frames)
        listener.connection.send(frames)
        if listener.cursor == room.shown and not listener.connection.is_paused:
            self._live(listener)
        else:
            self.enqueue(listener)

    def _live(self, listener: Listener) -> None:
        listener.room.go_live(listener, self._turn.push)
        self._went_live(listener)

    def _listens(self, listener: Listener) -> bool:
        return listener.room.listeners.get(listener.connection) is listener

    # Reading the log.

    def _read(self, listener: Listener) -> None:
        listener.queued = True
        place = (listener.room, listener.cursor)
        page = self._pages.get(place)
        if page is None:
            page = self._pages[place] = Page(*place)
            page.room.pins += 1
            self._unread.append(page)
        if page.entries:
            self._append(listener, page)
        else:
            page.waiting.append(listener)
            self._start_reads()

    def _start_reads(self) -> None:
        while self._unread and self._reads < READS_AT_ONCE:
            page = self._unread.popleft()
            self._reads += 1
            page.upto = page.room.shown
            self._log.read(
                page.room.name,
                after=page.after,
                upto=page.upto,
                limit=READ_ENTRIES,
                done=partial(self._have_read, page),
            )

    def _have_read(self, page: Page, answer: Sequence[Entry] | Failed) -> None:
        waiting, page.waiting = page.waiting, []
        if isinstance(answer, Failed) or not answer:
            for listener in waiting:
                listener.queued = False
                if not self._listens(listener):
                    continue
                if isinstance(answer, Failed):
                    listener.connection.close(CloseCode.INTERNAL_ERROR, "the log cannot be read")
                else:
                    # It has been removed. What follows names one before it that they do not have.
                    listener.cursor = page.upto
                    self.enqueue(listener)
            self._finish_if_served(page)
            return
        page.entries = [FramedEntry(entry) for entry in answer]
        for listener in waiting:
            self._append(listener, page)

    def _finish_if_served(self, page: Page) -> None:
        if not page.unserved:
            del self._pages[page.room, page.after]
            self._reads -= 1
            self._unpin(page.room)
            self._start_reads()
