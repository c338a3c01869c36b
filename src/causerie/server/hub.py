"""The rooms with listeners on this node, and everybody connected to it.

The hub is driven and does no I/O: sockets tell it what came, the log what became durable, and a
timer that something is due. It is told how to have something done later (`schedule`) and when to
be called again (`arm`), and reads the time from a clock it is given; so a test can drive a whole
server step by step, and kill it between any two.

The path of a message: `Connection.receive` → a profile's `handle` → `append` → the log makes it
durable → `committed` → `Turn.publish` → one write for each connection.
"""

from collections.abc import Callable
from functools import partial
from random import Random

import structlog

from causerie.chat.entry import Draft, Entry
from causerie.chat.identity import is_conversation, session_identity
from causerie.chat.presence import TOLD_UP_TO
from causerie.ports import Bus, Commit, Directory, Failed, Log, Outcome, Rejected
from causerie.server.announcements import announce_presence, announce_typing
from causerie.server.catchup import CatchUp
from causerie.server.connection import Connection
from causerie.server.frames import DEFLATED, FramedEntry, Variant
from causerie.server.live_room import Listener, LiveRoom
from causerie.server.name_calls import NameCalls
from causerie.server.neighbours import Neighbours
from causerie.server.origin import network_of
from causerie.server.plain import PlainConnection
from causerie.server.retention import Retention
from causerie.server.rooms import Rooms
from causerie.server.sessions import Sessions
from causerie.server.settings import Clock, HubSettings
from causerie.server.socket import Socket
from causerie.server.timers import Timers
from causerie.server.turn import Turn
from causerie.server.v1 import V1Connection
from causerie.wire.codes import CloseCode
from causerie.wire.profiles import SUBPROTOCOL

_logger = structlog.get_logger("causerie.hub")


class Hub:
    """All that is connected to this node. Is whom the log tells, and the sockets' acceptor."""

    def __init__(
        self,
        log: Log,
        directory: Directory,
        settings: HubSettings,
        clock: Clock,
        *,
        schedule: Callable[[Callable[[], None]], None],
        arm: Callable[[float], None],
        chance: Random,
        failed: Callable[[str], None],
        bus: Bus | None = None,
    ) -> None:
        """Makes a hub with nobody in it.

        `schedule` has something called soon, after what is going on; `arm` asks for `tick` to be
        called at a time of the monotonic clock (the nearest one asked for counts); `chance` makes
        ids, and has to be unpredictable outside tests; `failed` is told once if the log can no
        longer be trusted; `bus` leads to the other nodes, in a cluster.
        """
        self.log = log
        self.directory = directory
        self.settings = settings
        self.clock = clock
        self._chance = chance
        self._failed = failed
        self.timers = Timers(arm)
        self.turn = Turn(schedule, self.timers, clock, failed=self._room_failed)
        self.rooms = Rooms(
            log,
            self.timers,
            clock,
            settings,
            announce=partial(announce_presence, self.turn, clock),
            stopped_typing=partial(self.types, is_typing=False),
            forgot_typing=partial(self._tell_typing, is_typing=False),
        )
        self.catch_up = CatchUp(
            log,
            self.turn,
            schedule,
            went_live=self._went_live,
            unpin=self.rooms.unpin,
            budget=settings.catch_up,
        )
        self.rooms.catch_up = self.catch_up
        self.sessions = Sessions(
            log,
            directory,
            self.timers,
            clock,
            settings,
            stopped_typing=partial(self.types, is_typing=False),
            changed=self.rooms.tick,
        )
        self.retention = Retention(log, self.rooms, self.timers, clock, settings)
        self.connections: dict[Connection, None] = {}
        # Drafts on their way, by the object's id: whose they are, and under which id of a command.
        self._in_flight: dict[int, tuple[Connection, str | None]] = {}
        self._wheel: list[dict[Connection, None]] = [{} for _ in range(round(settings.heartbeat))]
        self._slots: dict[Connection, int] = {}
        self._slot = 0
        self._wheel_at = 0
        self._stopping = False
        self._when_stopped: Callable[[], None] | None = None
        if bus is not None:
            self._join(bus)
        log.observe(self)
        self.timers.at(clock.monotonic() + 1.0, self._turn_wheel)

    def _join(self, bus: Bus) -> None:
        """Becomes one node of many."""
        bus.observe(self._reconnected)
        self.rooms.neighbours = Neighbours(
            bus,
            self.timers,
            self.clock,
            self.settings.grace,
            changed=self.rooms.tick,
            typing=self._types_elsewhere,
        )
        self.sessions.calls = NameCalls(
            bus, self.timers, self.clock, self.settings.probe, self.sessions
        )

    def _reconnected(self) -> None:
        """This node was cut off from the others: whatever they told meanwhile may be lost."""
        assert self.rooms.neighbours is not None, "only who has neighbours is cut off from them"
        self.rooms.neighbours.reconnected()
        self.sessions.look_up_all()

    # What sockets tell.

    def accept(
        self, socket: Socket, *, subprotocol: str | None, compression: bool, address: str
    ) -> Connection:
        """Begins a connection. Is the `Acceptor` of sockets."""
        connection: Connection
        address = network_of(address)
        if subprotocol == SUBPROTOCOL:
            variant = Variant.V1_DEFLATED if compression else Variant.V1
            connection = V1Connection(self, socket, address, variant)
        else:
            variant = Variant.PLAIN_MILLISECONDS
            connection = PlainConnection(
                self, socket, address, DEFLATED[variant] if compression else variant
            )
        self.connections[connection] = None
        # By turns, so that those who come together are not pinged together.
        self._slot = slot = (self._slot - 1) % len(self._wheel)
        self._slots[connection] = slot
        self._wheel[slot][connection] = None
        if self._stopping:
            connection.close(CloseCode.GOING_AWAY, "the server is stopping")
        return connection

    def disconnected(self, connection: Connection, *, goodbye: bool) -> None:
        """A connection has ended, with a goodbye or without."""
        del self.connections[connection]
        del self._wheel[self._slots.pop(connection)][connection]
        for room in list(connection.listeners):
            self.rooms.leave(connection, room, goodbye=goodbye)
        if connection.session is not None:
            self.sessions.detach(connection.session, connection, goodbye=goodbye)

    # What the log tells.

    def committed(self, commit: Commit) -> None:
        """A batch is durable: it is shown, and its authors are told."""
        self.turn.begin()
        try:
            self._tell(commit)
        finally:
            self.turn.end()
        self._maybe_stopped()

    def _tell(self, commit: Commit) -> None:
        for entry in commit.entries:
            room = self.rooms.get(entry.room)
            if room is not None:
                try:
                    self._show(room, entry)
                except Exception as fault:  # noqa: BLE001 `_room_failed` logs it
                    room.skip(entry.seq, entry.id)
                    self._room_failed(room, fault, parties=(entry.identity, entry.peer))
            elif entry.peer:
                # Its conversation was let go of because of what stands before it in here.
                self.addressed(entry)
        for outcome in commit.outcomes:
            connection, command_id = self._in_flight.pop(id(outcome.draft))
            room = self.rooms.get(outcome.draft.room)
            assert room is not None, "it was pinned by `append`"
            connection.contain(self._answer, connection, room, outcome, command_id)
            self.rooms.unpin(room)

    def _show(self, room: LiveRoom, entry: Entry) -> None:
        framed = FramedEntry(entry)
        self.rooms.remember(room, framed)
        if entry.kind == "private":
            self._attach(room, entry)
        self.turn.publish(room, framed)
        self._wake_conversation(room)

    def _answer(
        self, connection: Connection, room: LiveRoom, outcome: Outcome, command_id: str | None
    ) -> None:
        if connection.is_open:
            connection.settled(outcome, command_id)
            connection.answered()
        if not isinstance(outcome, Rejected):
            self._ends_typing(room, connection)

    def _room_failed(
        self, room: LiveRoom, fault: Exception, *, parties: tuple[str, ...] = ()
    ) -> None:
        """Ends all for whom the new entries of a room were meant, because of a fault of ours: how
        much each was given is known to nobody but them. They come back with their cursors.

        `parties` are the identities that a private entry is for: they may not listen yet.
        """
        _logger.error("a room failed", room=room.name, seq=room.shown, exc_info=fault)
        room.skip(room.shown, room.head_id)
        concerned = dict.fromkeys(room.listeners)
        if is_conversation(room.name):
            concerned.update(dict.fromkeys(self._connections_of(*parties)))
        for connection in concerned:
            connection.contain(connection.close, CloseCode.INTERNAL_ERROR)

    def addressed(self, entry: Entry) -> None:
        """Somebody here has been written to, or has written, on another node: the conversation is
        opened, and reaches all connections of the two from just before this entry on.
        """
        self.rooms.with_room(entry.room, partial(self._overheard, entry))

    def _overheard(self, entry: Entry, room: LiveRoom | Failed) -> None:
        if isinstance(room, Failed):
            # They come back, and look for what they have missed.
            for connection in self._connections_of(entry.identity, entry.peer):
                connection.contain(connection.close, CloseCode.INTERNAL_ERROR)
        else:
            try:
                self._attach(room, entry)
            except Exception as fault:  # noqa: BLE001 `_room_failed` logs it
                self._room_failed(room, fault, parties=(entry.identity, entry.peer))
            self._wake_conversation(room)

    def log_failed(self, reason: str) -> None:
        """Nothing can be promised any more: says so and ends everything."""
        self._failed(reason)
        self.close_all(CloseCode.INTERNAL_ERROR, "the log has failed")
        # What was taken will never be answered: a stop that waits for it is done.
        self._in_flight.clear()
        self._maybe_stopped()

    # What the profiles need.

    def append(
        self, connection: Connection, room: LiveRoom, draft: Draft, command_id: str | None
    ) -> None:
        """Hands a message of a connection to the log; `Connection.settled` tells what came of it.
        The first one of a name with a key makes that name its identity's.

        Of a connection that is being closed nothing is taken: it could not be told the outcome.
        """
        if connection.is_closing:
            return
        session = connection.session
        if session is not None and not session.kept and session.has_key:
            self.sessions.keep(session)
        room.pins += 1
        self._in_flight[id(draft)] = (connection, command_id)
        connection.appended()
        self.log.append(draft)

    def new_id(self) -> str:
        """128 random bits as text."""
        return f"{self._chance.getrandbits(128):032x}"

    def new_identity(self) -> str:
        """The identity of a new keyless session."""
        return session_identity(self.new_id())

    def types(self, room: LiveRoom, folded: str, display: str, *, is_typing: bool) -> None:
        """Somebody here types in a room or has stopped: tells the others, on all nodes."""
        self._tell_typing(room, display, is_typing=is_typing)
        if self.rooms.neighbours is not None and len(room.presence) <= TOLD_UP_TO:
            self.rooms.neighbours.tell_typing(room, folded, display, is_typing=is_typing)

    def _types_elsewhere(self, room: LiveRoom, folded: str, display: str, is_typing: bool) -> None:
        if is_typing:
            news = room.typing.start(folded, display, self.clock.monotonic())
        else:
            news = room.typing.stop(folded)
        if news:
            self._tell_typing(room, display, is_typing=is_typing)
        self.rooms.rearm(room)

    def _tell_typing(self, room: LiveRoom, display: str, *, is_typing: bool) -> None:
        """Tells the others here that somebody types or has stopped. Not in a large room."""
        if len(room.presence) <= TOLD_UP_TO:
            announce_typing(self.turn, self.clock, room, display, is_typing=is_typing)

    # The passing of time.

    def tick(self) -> None:
        """Does all that is due."""
        self.timers.run(self.clock.monotonic())

    def deadline(self) -> float | None:
        """When `tick` is to be called next."""
        return self.timers.deadline()

    def stop(self, done: Callable[[], None]) -> None:
        """Ends gracefully: takes nothing more, waits until what was taken is durable and answered,
        closes everyone with 1001 (come back), and calls `done`.
        """
        self._stopping = True
        self._when_stopped = done
        for connection in self.connections:
            connection.hold()
        self._maybe_stopped()

    def close_all(self, code: int, reason: str) -> None:
        """Closes every connection."""
        self.turn.flush()
        for connection in list(self.connections):
            connection.close(code, reason)

    def _maybe_stopped(self) -> None:
        if self._when_stopped is not None and not self._in_flight:
            done, self._when_stopped = self._when_stopped, None
            self.close_all(CloseCode.GOING_AWAY, "the server is stopping")
            done()

    def _turn_wheel(self) -> None:
        self.timers.at(self.clock.monotonic() + 1.0, self._turn_wheel)
        self._wheel_at = (self._wheel_at + 1) % len(self._wheel)
        for connection in list(self._wheel[self._wheel_at]):
            connection.beat()

    # Who is caught up, and whom a private message reaches.

    def _went_live(self, listener: Listener) -> None:
        if listener.snapshot_due:
            listener.snapshot_due = False
            if not is_conversation(listener.room.name):
                listener.connection.tell_presence(listener.room)

    def _attach(self, room: LiveRoom, entry: Entry) -> None:
        """A private entry reaches all connections of the two, also those that have not joined the
        conversation: they listen to it from just before this entry on.
        """
        if not room.members:
            # It was opened before there was anything in it.
            room.members = (entry.identity, entry.peer)
        for connection in self._connections_of(entry.identity, entry.peer):
            if room not in connection.listeners:
                self.rooms.overhear(connection, room, entry.prev)

    def _connections_of(self, *identities: str) -> list[Connection]:
        sessions = filter(None, map(self.sessions.of, dict.fromkeys(identities)))
        return [connection for session in sessions for connection in session.connections]

    def _wake_conversation(self, room: LiveRoom) -> None:
        if is_conversation(room.name):
            for connection, listener in room.listeners.items():
                if not connection.is_paused:
                    self.catch_up.enqueue(listener)

    def _ends_typing(self, room: LiveRoom, connection: Connection) -> None:
        session = connection.session
        if session is not None and room.typing.stop(session.name.folded):
            self.types(room, session.name.folded, session.name.display, is_typing=False)
