"""The hub's side of one WebSocket: what it is in, what it may ask, what waits to be written.

The two profiles are the two kinds of connection (`causerie.server.v1`, `causerie.server.plain`).
What they share is here: order, limits, and back pressure.

Commands are handled in the order in which they came. One that has to wait (for the disk, for a
name) holds back those behind it, which then are not read: `hold` and `release`. A connection that
cannot be written to is not read either, or its commands would be answered into memory.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVarTuple

import structlog

from causerie.chat.limits import TokenBucket
from causerie.ports import Outcome
from causerie.server.frames import Variant
from causerie.server.live_room import RUN_BYTES, Listener, LiveRoom
from causerie.server.socket import Socket
from causerie.wire.codes import CloseCode
from causerie.wire.errors import Refused
from causerie.wire.profiles import close_reason

if TYPE_CHECKING:
    from causerie.server.hub import Hub
    from causerie.server.sessions import Session

_Arguments = TypeVarTuple("_Arguments")

_logger = structlog.get_logger("causerie.connection")

FLOODING_RETRY = 5_000
"""Milliseconds for which a client that flooded should stay away."""


class Connection(ABC):
    """One WebSocket, as the hub sees it. Is its socket's `Receiver`."""

    __slots__ = (
        "_bucket",
        "_close_frame",
        "_holds",
        "_inbox",
        "_is_draining",
        "_stalled_at",
        "_strikes",
        "address",
        "beats_unanswered",
        "heard_at",
        "hub",
        "in_flight",
        "is_closing",
        "is_open",
        "is_paused",
        "joined",
        "listeners",
        "out",
        "session",
        "socket",
        "variant",
    )

    def __init__(self, hub: "Hub", socket: Socket, address: str, variant: Variant) -> None:
        now = hub.clock.monotonic()
        self.hub = hub
        self.socket = socket
        self.address = address
        """The peer's network, or empty if it is this machine."""
        self.variant = variant
        self.session: Session | None = None
        self.listeners: dict[LiveRoom, Listener] = {}
        self.joined = 0
        """How many of the listeners it has asked for; conversations come unasked."""
        self.out = b""
        """Frames that wait for the end of the turn, or for the socket."""
        self.is_open = True
        self.is_closing = False
        self.is_paused = False
        self.in_flight = 0
        """Messages handed to the log and not answered yet."""
        self.heard_at = now
        self.beats_unanswered = 0
        self._close_frame: int | None = None
        """The code of a close frame before which commands came that still wait."""
        self._holds = 0
        self._inbox: deque[bytes] | None = None
        self._is_draining = False
        self._bucket = TokenBucket(hub.settings.rate, hub.settings.burst, now)
        self._strikes: TokenBucket | None = None
        self._stalled_at: int | None = None

    # What the socket tells.

    def heard(self) -> None:
        """Any traffic counts as life."""
        self.beats_unanswered = 0
        self.heard_at = self.hub.clock.monotonic()
        if self.session is not None and self.session.claimants:
            self.hub.sessions.alive(self.session)

    def receive(self, text: bytes) -> None:
        """A frame has come; it is handled now, or after those that wait before it."""
        if not self.is_open or self.is_closing:
            return
        if self._holds or self.is_paused or self._inbox:
            if self._inbox is None:
                self._inbox = deque()
            self._inbox.append(text)
            self.socket.pause_reading()
        else:
            self._handle_within_limits(text)

    def paused(self) -> None:
        """The socket takes no more: this connection is behind from here on."""
        if self.is_paused:
            return
        self.is_paused = True
        self._stalled_at = None
        for room, listener in self.listeners.items():
            if listener.live:
                room.fall_behind(listener)
            else:
                listener.snapshot_due = True

    def resumed(self) -> None:
        """The socket has taken all: what was held back goes out, from the log where it is there."""
        if not self.is_paused or not self.is_open:
            return
        self.is_paused = False
        self.write_out()
        self.tell_name()
        self._drain()
        for listener in self.listeners.values():
            self.hub.catch_up.enqueue(listener)

    def closed(self, code: int | None) -> None:
        """The connection has ended. What came before a close frame is still carried out: who says
        a line and goes waits for no answer.
        """
        if code is not None and (self._inbox or self._holds) and not self.is_closing:
            self._close_frame = code
            # Nothing can be written any more, so that nothing waits for it.
            self.is_paused = False
            self._drain()
        else:
            self._end(code)

    def _end(self, code: int | None) -> None:
        if self.is_open:
            self.is_open = False
            self._inbox = None
            self.out = b""
            self.hub.disconnected(self, goodbye=self.is_goodbye(code))

    # What the profiles make of it.

    @abstractmethod
    def handle(self, text: bytes) -> None:
        """Carries out one command.

        Raises:
            Refused: it cannot be; `refuse` tells the client.
        """

    @abstractmethod
    def refuse(self, refused: Refused) -> None:
        """Tells the client that something was not done."""

    @abstractmethod
    def settled(self, outcome: Outcome, command_id: str | None) -> None:
        """A message of this connection has been stored, or will never be."""

    @abstractmethod
    def is_goodbye(self, code: int | None) -> bool:
        """Whether a close frame with this code means that the user has left."""

    @abstractmethod
    def tell_presence(self, room: LiveRoom) -> None:
        """Tells who is in the room: this connection has missed some of the changes."""

    @abstractmethod
    def tell_name(self) -> None:
        """Tells the user's name, if another connection of the identity has changed it."""

    # What both profiles do in the same way.

    @property
    def display(self) -> str:
        """The user's name as displayed; empty before it is known."""
        return self.session.name.display if self.session is not None else ""

    @property
    def typing_spelling(self) -> str | None:
        """How a plain client spells typing: `typing`, `typing.start`, or None if it never has."""
        return None

    # Writing.

    def send(self, frames: bytes) -> None:
        """Writes frames with the others of this turn; at once if they are many."""
        self.hub.turn.push(self, frames)
        if len(self.out) > RUN_BYTES and not self.is_paused:
            self.write_out()

    def write_out(self) -> None:
        """Writes all that waits, in one piece."""
        if self.out and not self.is_paused and self.is_open:
            out, self.out = self.out, b""
            self.socket.write(out)

    def close(self, code: int, reason: str = "") -> None:
        """Ends the connection after what waits for it; nothing more of it is handled."""
        if not self.is_closing:
            self.write_out()
            self.is_closing = True
            self.socket.close(code, reason)

    # Faults of ours.

    def contain(self, call: Callable[[*_Arguments], None], *arguments: *_Arguments) -> None:
        """Calls what goes on with a command. A fault in it ends this connection, which would
        otherwise be held for ever, and nothing else: the caller has others to answer.
        """
        try:
            call(*arguments)
        except Exception as fault:  # noqa: BLE001 `fail` logs it
            self.fail(fault)

    def fail(self, fault: Exception) -> None:
        """Ends the connection because of a fault of ours, which is logged."""
        _logger.error("a connection failed", address=self.address or "local", exc_info=fault)
        self.close(CloseCode.INTERNAL_ERROR)
        # If the peer has closed already, nothing that waits is waited for any more.
        self._drain()

    def contained(self, call: Callable[[*_Arguments], None]) -> Callable[[*_Arguments], None]:
        """The same, to be called later, with the answer that a command waits for."""

        def contain(*arguments: *_Arguments) -> None:
            self.contain(call, *arguments)

        return contain

    # Order and limits.

    def hold(self) -> None:
        """The command being handled has to wait: those behind it wait too, until `release`."""
        self._holds += 1

    def release(self) -> None:
        """The command that waited has been answered."""
        self._holds -= 1
        self._drain()

    def appended(self) -> None:
        """A message of this connection was handed to the log."""
        self.in_flight += 1
        if self.in_flight == self.hub.settings.in_flight:
            self.hold()

    def answered(self) -> None:
        """The log has answered one."""
        if self.in_flight == self.hub.settings.in_flight:
            self.in_flight -= 1
            self.release()
        else:
            self.in_flight -= 1

    def beat(self) -> None:
        """One turn of the heartbeat: pings, or ends a connection that shows no life.

        One that cannot be written to is not pinged: it has to take some of what waits for it
        instead, from one beat to the next.
        """
        if self.is_paused:
            unsent = self.socket.unsent()
            if unsent == self._stalled_at:
                self.socket.abort()
            self._stalled_at = unsent
        elif self.beats_unanswered >= 2:
            self.socket.abort()
        else:
            self.beats_unanswered += 1
            self.socket.ping()

    def _drain(self) -> None:
        if self._is_draining:
            # A command that was answered at once: the loop below goes on by itself.
            return
        self._is_draining = True
        try:
            while self._inbox and not (self._holds or self.is_paused or self.is_closing):
                self.contain(self._handle_within_limits, self._inbox.popleft())
        finally:
            self._is_draining = False
        if self._inbox is not None and not self._inbox and not self._holds and not self.is_closing:
            self._inbox = None
            self.socket.resume_reading()
        waits = (self._inbox or self._holds) and not self.is_closing
        if self._close_frame is not None and not waits:
            code, self._close_frame = self._close_frame, None
            self._end(code)

    def _handle_within_limits(self, text: bytes) -> None:
        try:
            wait = self._bucket.take(self.hub.clock.monotonic())
            if wait:
                raise self.over_rate(text, int(wait * 1000) + 1)
            self.handle(text)
        except Refused as refused:
            self.fault(refused)

    @abstractmethod
    def over_rate(self, text: bytes, retry_after: int) -> Refused:
        """What is told of a command that came too early by so many milliseconds."""

    def fault(self, refused: Refused) -> None:
        """Tells of an error; closes the connection if they do not end."""
        now = self.hub.clock.monotonic()
        if self._strikes is None:
            self._strikes = TokenBucket(10.0, self.hub.settings.strikes, now)
        if self._strikes.take(now):
            reason = close_reason("too many errors", retry_after=FLOODING_RETRY)
            self.close(CloseCode.FLOODING, reason)
            return
        self.refuse(refused)
