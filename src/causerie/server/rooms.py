"""The rooms with listeners on this node, and how one begins and ends to listen."""

from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import NamedTuple

from causerie.chat.identity import is_conversation
from causerie.chat.presence import Change
from causerie.ports import Failed, Head, Located, Log
from causerie.server.catchup import CatchUp
from causerie.server.connection import Connection
from causerie.server.frames import FramedEntry
from causerie.server.live_room import Listener, LiveRoom
from causerie.server.neighbours import Neighbours
from causerie.server.settings import Clock, HubSettings
from causerie.server.timers import Timers
from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import PAGE, Cursor
from causerie.wire.errors import Refused

FRAMING_COST = 1_400
"""Bytes that an entry in the ring takes besides its content: objects, and what stands around the
content in each frame of it."""

CONTENT_COST = 10
"""Bytes for each byte of its content in JSON: four frames, and as many compressed, once all have
been asked for, and the text as Python keeps it. In JSON a character may be six bytes."""

BEHIND_IN = 10
"""Times as many conversations as a connection may be in rooms: who cannot be written to, and is
behind in more, is cut."""

EVERYTHING = 2**53
"""A limit that no room reaches."""


class Start(NamedTuple):
    """Where a listener begins: after `cursor`; and how that compares with what it asked for."""

    located: Located | None
    """None if it did not ask to resume."""
    cursor: int


class Rooms:
    """The rooms of this node, by name. A room is open from the first who needs it to the last."""

    def __init__(
        self,
        log: Log,
        timers: Timers,
        clock: Clock,
        settings: HubSettings,
        *,
        announce: Callable[[LiveRoom, Change], None],
        stopped_typing: Callable[[LiveRoom, str, str], None],
        forgot_typing: Callable[[LiveRoom, str], None],
    ) -> None:
        """Opens none yet.

        `announce` is told who came to a room and went; `stopped_typing` who of those here types no
        longer, folded and displayed; `forgot_typing` of whom that has to be taken.
        """
        self._log = log
        self._timers = timers
        self._clock = clock
        self._settings = settings
        self._announce = announce
        self._stopped_typing = stopped_typing
        self._forgot_typing = forgot_typing
        self._open: dict[str, LiveRoom] = {}
        self._opening: dict[str, list[Callable[[LiveRoom | Failed], None]]] = {}
        self._ring: deque[tuple[LiveRoom, FramedEntry, int]] = deque()
        self._ring_bytes = 0
        # Entries in there of rooms that have been closed since.
        self._ring_closed = 0
        self.catch_up: CatchUp
        self.neighbours: Neighbours | None = None
        """The other nodes, in a cluster."""

    def __len__(self) -> int:
        return len(self._open)

    def get(self, name: str) -> LiveRoom | None:
        """The room, if it is open."""
        return self._open.get(name)

    def with_room(self, name: str, use: Callable[[LiveRoom | Failed], None]) -> None:
        """Calls `use` with the room, opened if need be; the room stays open for the call."""
        waiting = self._opening.get(name)
        if waiting is not None:
            waiting.append(use)
        elif (room := self._open.get(name)) is not None:
            use(room)
        else:
            self._opening[name] = [use]
            self._log.watch(name, partial(self._opened, name))

    def _opened(self, name: str, head: Head | Failed) -> None:
        if isinstance(head, Failed):
            for use in self._opening.pop(name):
                use(head)
            return
        room = self._open[name] = LiveRoom(name, head, self._settings.grace)
        for entry in head.recent:
            self.remember(room, FramedEntry(entry))
        room.pins += 1
        if self.neighbours is None or is_conversation(name):
            self._hand_over(room)
        else:
            self.neighbours.open(room, partial(self._hand_over, room))

    def _hand_over(self, room: LiveRoom) -> None:
        """Gives a room that was opened to those who wait for it."""
        for use in self._opening.pop(room.name):
            use(room)
        self.unpin(room)

    def unpin(self, room: LiveRoom) -> None:
        """An operation no longer needs the room."""
        room.pins -= 1
        self.close_if_unused(room)

    def close_if_unused(self, room: LiveRoom) -> None:
        """Lets go of a room that nobody listens to, is a member of, or needs."""
        if room.pins or room.listeners or room.presence.is_needed:
            return
        if self._is_open(room):
            del self._open[room.name]
            if room.timer is not None:
                room.timer.cancel()
            self._log.unwatch(room.name)
            if self.neighbours is not None:
                self.neighbours.close(room)
            self._ring_closed += room.remembered
            if 2 * self._ring_closed > len(self._ring):
                self._sweep_ring()

    def remember(self, room: LiveRoom, framed: FramedEntry) -> None:
        """Puts an entry into its room's ring. All rings together keep to one bound: what is oldest
        in time goes first, whichever room it is of.
        """
        # Whatever is wrong with an entry shows here, before it is in the ring.
        cost = _cost(framed)
        room.remember(framed)
        self._ring.append((room, framed, cost))
        self._ring_bytes += cost
        while self._ring_bytes > self._settings.ring:
            oldest_room, oldest, cost = self._ring.popleft()
            oldest_room.forget(oldest)
            self._ring_bytes -= cost
            if not self._is_open(oldest_room):
                self._ring_closed -= 1

    def forget(self, *, before: int, keep: int) -> None:
        """Lets go of the entries that the log has been told to remove (`causerie.ports.Log.trim`):
        whoever stands before them is served from the log, which has them no more.
        """
        for room in self._open.values():
            room.forget_oldest(before=before, keep=keep)
        self._sweep_ring()

    def _sweep_ring(self) -> None:
        """Lets go of the entries of closed rooms, and of those that were forgotten. Done when the
        former are the most: that costs no more than remembering them did, and people who come and
        go push no live room's entries out.
        """
        self._ring = deque(
            kept
            for kept in self._ring
            if self._is_open(kept[0]) and kept[0].recent(kept[1].seq) is kept[1]
        )
        self._ring_bytes = sum(cost for _, _, cost in self._ring)
        self._ring_closed = 0

    def _is_open(self, room: LiveRoom) -> bool:
        return self._open.get(room.name) is room

    # Where a listener begins.

    def locate(
        self,
        room: LiveRoom,
        since: Cursor | None,
        epoch: str | None,
        limit: int | None,
        done: Callable[[Start | Failed], None],
    ) -> None:
        """Finds where somebody who joins begins: at the cursor `since`, or `limit` entries before
        the head. Without an epoch (who was sent a conversation's first entry has not been told it)
        the cursor is taken for one of this log. The room stays open until `done` is called.
        """
        epoch = epoch or room.epoch
        if since is None and not limit:
            done(Start(None, room.shown))
            return
        if since is not None and epoch == room.epoch and limit is None and self._holds(room, since):
            done(Start(Located(after=since.seq, recovered="complete"), since.seq))
            return
        if since is None:
            self._locate(room, Cursor(0, ""), room.epoch, limit, partial(_from_start, done))
        elif limit is None:
            self._locate(room, since, epoch, EVERYTHING, partial(self._resume, room, done))
        else:
            self._locate(room, since, epoch, limit, partial(_from_cursor, done))

    def _resume(
        self, room: LiveRoom, done: Callable[[Start | Failed], None], answer: Located | Failed
    ) -> None:
        """Who resumes without a limit is given all that it missed; but if its place is not known,
        a page, and not the whole room.
        """
        if isinstance(answer, Failed) or answer.recovered != "none":
            _from_cursor(done, answer)
            return

        def newest(found: Located | Failed) -> None:
            if isinstance(found, Failed):
                done(found)
            else:
                done(Start(Located(after=found.after, recovered="none"), found.after))

        self._locate(room, Cursor(0, ""), room.epoch, PAGE, newest)

    def _locate(
        self,
        room: LiveRoom,
        cursor: Cursor,
        epoch: str,
        limit: int | None,
        use: Callable[[Located | Failed], None],
    ) -> None:
        def located(answer: Located | Failed) -> None:
            use(answer)
            self.unpin(room)

        room.pins += 1
        self._log.locate(
            room.name,
            seq=cursor.seq,
            id=cursor.id,
            epoch=epoch,
            upto=room.shown,
            limit=limit or 0,
            done=located,
        )

    def locate_time(
        self, room: LiveRoom, timestamp: int, done: Callable[[Start | Failed], None]
    ) -> None:
        """Finds where somebody begins who has seen all up to a time, in microseconds."""
        room.pins += 1
        self._log.locate_time(
            room.name,
            timestamp=timestamp,
            upto=room.shown,
            limit=self._settings.plain_replay,
            done=partial(self._located_time, room, done),
        )

    @staticmethod
    def _holds(room: LiveRoom, cursor: Cursor) -> bool:
        """Whether the cursor is one that this node can vouch for without asking the log."""
        if cursor.seq == room.shown:
            return cursor.id == room.head_id
        framed = room.recent(cursor.seq)
        return framed is not None and framed.entry.id == cursor.id

    def _located_time(
        self, room: LiveRoom, done: Callable[[Start | Failed], None], answer: int | Failed
    ) -> None:
        done(answer if isinstance(answer, Failed) else Start(None, answer))
        self.unpin(room)

    # Listening.

    def check_may_join(self, connection: Connection, name: str) -> None:
        """Sees to it that a connection may listen to one more room.

        Raises:
            Refused: it is in as many as it may be.
        """
        room = self._open.get(name)
        if room is not None and room in connection.listeners:
            return
        if not is_conversation(name) and connection.joined >= self._settings.rooms:
            raise Refused(ErrorCode.TOO_MANY_ROOMS, field="room")

    @staticmethod
    def check_may_read(connection: Connection, room: LiveRoom) -> None:
        """Sees to it that a connection may read a room.

        Raises:
            Refused: it is a private conversation of others, or there is none of this name; which
                of the two is not told.
        """
        if is_conversation(room.name):
            session = connection.session
            if session is None or session.identity not in room.members:
                raise Refused(ErrorCode.FORBIDDEN, field="room")

    def listen(self, connection: Connection, room: LiveRoom, cursor: int) -> None:
        """Lets a connection listen from a cursor; it is live at once, or caught up from there.

        One that listened already goes on from the new cursor. A cursor may be ahead of what this
        node has shown: the log holds more, and its author knows the id. It is then given again what
        it has, for nobody may be live anywhere but at the shown head.
        """
        cursor = min(cursor, room.shown)
        known = connection.listeners.get(room)
        if known is not None:
            room.dismiss(known)
        elif not is_conversation(room.name):
            connection.joined += 1
        listener = Listener(connection, room, cursor, replay_upto=room.shown)
        connection.listeners[room] = listener
        room.admit(listener)
        self.catch_up.begin(listener)

    def overhear(self, connection: Connection, room: LiveRoom, cursor: int) -> None:
        """Lets a connection listen to a conversation that it has not asked for, from a cursor on.

        Strangers begin them, each for as long as they like to: of conversations a connection
        listens to the newest, as many as it may be in rooms. One of which it has been given all can
        be let go of, for the next entry finds it again; only who types there is no longer told. Who
        cannot be written to has been given all of none: there is an end to how far behind it may
        be, and then it has to come back.
        """
        listener = Listener(connection, room, cursor, replay_upto=0)
        connection.listeners[room] = listener
        room.admit(listener)
        surplus = len(connection.listeners) - connection.joined - self._settings.rooms
        if surplus > 0:
            given = (
                known
                for known, other in connection.listeners.items()
                if other.live and known.sent == known.shown and is_conversation(known.name)
            )
            for known in list(islice(given, surplus)):
                self.leave(connection, known, goodbye=True)
        if connection.is_paused and surplus > (BEHIND_IN - 1) * self._settings.rooms:
            connection.socket.abort()

    def become_member(self, connection: Connection, room: LiveRoom) -> None:
        """A connection that is about to listen makes its user a member; `tick` announces it."""
        session = connection.session
        assert session is not None, "who has no name is no member"
        folded = session.name.folded
        for left in [known for known in session.rooms if folded not in known.presence]:
            del session.rooms[left]
        session.rooms[room] = None
        room.presence.arrive(folded, session.name.display)

    def leave(self, connection: Connection, room: LiveRoom, *, goodbye: bool) -> None:
        """A connection listens no longer; its user leaves with the last one, at once with a
        goodbye, else after the grace period.
        """
        listener = connection.listeners.pop(room, None)
        if listener is None:
            return
        room.dismiss(listener)
        if not is_conversation(room.name):
            connection.joined -= 1
            session = connection.session
            if session is not None:
                folded, display = session.name.folded, session.name.display
                room.presence.depart(folded, self._clock.monotonic(), goodbye=goodbye)
                if room.typing.stop(folded):
                    self._stopped_typing(room, folded, display)
                if folded not in room.presence:
                    session.rooms.pop(room, None)
        self.tick(room)

    # What is due in a room.

    def tick(self, room: LiveRoom) -> None:
        """Does what is due in a room: graces that end, changes to announce, typing to forget."""
        now = self._clock.monotonic()
        for _, display in room.typing.tick(now):
            self._forgot_typing(room, display)
        change = room.presence.tick(now)
        if change is not None:
            room.note_missed_signal()
            self._announce(room, change)
        if self.neighbours is not None:
            self.neighbours.publish(room)
        self.rearm(room)
        self.close_if_unused(room)

    def rearm(self, room: LiveRoom) -> None:
        """Sees to it that `tick` is called when it next has something to do."""
        due = [
            when for when in (room.presence.deadline(), room.typing.deadline()) if when is not None
        ]
        when = min(due, default=None)
        if room.timer is not None:
            if when is not None and room.timer.action is not None and room.timer.when <= when:
                return
            room.timer.cancel()
            room.timer = None
        if when is not None:
            room.timer = self._timers.at(when, partial(self._due, room))

    def _due(self, room: LiveRoom) -> None:
        room.timer = None
        self.tick(room)


def _from_start(done: Callable[[Start | Failed], None], answer: Located | Failed) -> None:
    done(answer if isinstance(answer, Failed) else Start(None, answer.after))


def _from_cursor(done: Callable[[Start | Failed], None], answer: Located | Failed) -> None:
    done(answer if isinstance(answer, Failed) else Start(answer, answer.after))


def _cost(framed: FramedEntry) -> int:
    return FRAMING_COST + CONTENT_COST * len(encode(framed.entry.content))
