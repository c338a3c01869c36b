"""Brings those who are behind to the head, a little at a time, so that they hold up nobody.

Round-robin with a budget of bytes a turn: ten thousand who come back at once share the turns with
those who stayed. Who stands at the head goes live in that very turn.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from causerie.chat.entry import Entry
from causerie.ports import Failed, Log
from causerie.server.frames import FramedEntry
from causerie.server.live_room import RUN_BYTES, Listener, LiveRoom
from causerie.server.turn import Turn
from causerie.wire.codes import CloseCode

READ_ENTRIES = 100
"""Entries read from the log at a time."""


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
        self._ready: deque[Listener] = deque()
        self._scheduled = False

    def begin(self, listener: Listener) -> None:
        """A new listener is live at once if it stands at the head, or else is caught up."""
        if listener.cursor >= listener.room.shown and not listener.connection.is_paused:
            self._live(listener)
        else:
            self.enqueue(listener)

    def enqueue(self, listener: Listener) -> None:
        """A listener is behind and can be written to. Does nothing for one that is in the queue,
        is live, or waits for a read of the log.
        """
        if listener.live or listener.queued:
            return
        listener.queued = True
        self._ready.append(listener)
        if not self._scheduled:
            self._scheduled = True
            self._schedule(self.pump)

    def pump(self) -> None:
        """Brings listeners forward until the turn's budget is spent."""
        self._scheduled = False
        budget = self._budget
        rooms: dict[LiveRoom, None] = {}
        while self._ready and budget > 0:
            listener = self._ready.popleft()
            listener.queued = False
            connection = listener.connection
            if connection.is_paused or not self._listens(listener):
                continue
            rooms[listener.room] = None
            budget -= self._advance(listener)
        for room in rooms:
            room.forget_runs()
        self._turn.flush()
        if self._ready and not self._scheduled:
            self._scheduled = True
            self._schedule(self.pump)

    def _advance(self, listener: Listener) -> int:
        room = listener.room
        if listener.cursor >= room.shown:
            self._live(listener)
            return 0
        run = room.run(listener)
        if run is None:
            self._read(listener)
            return 0
        frames, listener.cursor = run
        listener.connection.send(frames)
        if listener.cursor == room.shown and not listener.connection.is_paused:
            self._live(listener)
        else:
            self.enqueue(listener)
        return len(frames)

    def _live(self, listener: Listener) -> None:
        listener.room.go_live(listener, self._turn.push)
        self._went_live(listener)

    def _read(self, listener: Listener) -> None:
        room = listener.room
        listener.queued = True
        waiting = room.reads.get(listener.cursor)
        if waiting is not None:
            waiting.append(listener)
            return
        room.reads[listener.cursor] = [listener]
        room.pins += 1
        self._log.read(
            room.name,
            after=listener.cursor,
            upto=room.shown,
            limit=READ_ENTRIES,
            done=partial(self._have_read, room, listener.cursor),
        )

    def _have_read(self, room: LiveRoom, after: int, answer: Sequence[Entry] | Failed) -> None:
        waiting = room.reads.pop(after)
        self._unpin(room)
        if isinstance(answer, Failed) or not answer:
            for listener in waiting:
                listener.queued = False
                listener.connection.close(CloseCode.INTERNAL_ERROR, "the log cannot be read")
            return
        framed = [FramedEntry(entry) for entry in answer]
        for listener in waiting:
            listener.queued = False
            if self._listens(listener) and not listener.connection.is_paused:
                self._give(listener, framed)
                self.enqueue(listener)
        self._turn.flush()

    def _give(self, listener: Listener, entries: Sequence[FramedEntry]) -> None:
        size = 0
        frames: list[bytes] = []
        for framed in entries:
            replay = framed.seq <= listener.replay_upto
            frame = framed.frame(listener.connection.variant, replay=replay)
            frames.append(frame)
            size += len(frame)
            listener.cursor = framed.seq
            if size >= RUN_BYTES:
                break
        listener.connection.send(b"".join(frames))

    def _listens(self, listener: Listener) -> bool:
        return listener.room.listeners.get(listener.connection) is listener
