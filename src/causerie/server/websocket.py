"""The server's end of a WebSocket, as an asyncio protocol that uvicorn upgrades to.

It joins two parts that do no I/O, `causerie.server.handshake` and `causerie.server.reader`, to a
TCP connection, and has to do with phases: what is told when, and how it ends. What is read when is
for `causerie.server.intake`, on which it is built. What is written goes past them all, framed
already, straight to the transport.

    HANDSHAKE ──101──▶ OPEN ──our close frame──▶ CLOSING ──▶ OVER ──▶ gone
        │                └──the peer's, or a fault────────────▲
        └──any other answer───────────────────────────────────┘

`OPEN` and `CLOSING` have a receiver. In `CLOSING` nothing is told to it any more, and the peer's
close frame is awaited (RFC 6455, section 7.1). In `OVER` the WebSocket has ended, the receiver
knows, and only TCP is left: what was written is flushed, what still comes is thrown away. Whoever
is in one of the last two for longer than `close_timeout` is cut by a sweep that all share: a
connection has no task and no timer of its own, and at rest not even a reader, since one that stands
between two messages is as good as any other and is handed on.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final, TypeVarTuple, assert_never, cast

import structlog
from uvicorn.config import Config
from uvicorn.server import ServerState

from causerie.server.handshake import Declined, Handshake, Opened
from causerie.server.intake import BY_RECEIVER, UNSENT, Intake, Readers
from causerie.server.loop_share import LoopShare
from causerie.server.reader import Closed, Fault, Message, Ping, Reader
from causerie.server.scanner import ScannedFrame
from causerie.server.socket import Acceptor, Receiver, Socket
from causerie.server.sweep import Sweep
from causerie.server.tracing import Trace, TracedReader
from causerie.server.upgrade import Upgrade, answer_upgrade
from causerie.wire.codes import CloseCode
from causerie.wire.profiles import close_reason

_Arguments = TypeVarTuple("_Arguments")

FULL_RETRY: Final = 5_000
"""Milliseconds after which to try a full server again."""

_PING: Final = b"\x89\x00"
_CLOSE: Final = 0x88
_CLOSE_REASON_BYTES: Final = 123
"""What is left of the 125 bytes of a control frame (RFC 6455, section 5.5) after the code."""

_logger = structlog.get_logger("causerie.websocket")

# The library has a word at INFO for each connection; ours has more to say.
_library_log = logging.getLogger("causerie.websocket.library")
_library_log.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSettings:
    """What a WebSocket is held to. Times are in seconds, sizes in bytes."""

    max_message: int = 64 * 1024
    """A client's message, whole; a longer one closes with 1009."""
    close_timeout: float = 5.0
    """How long a peer may take to answer a close frame and to end TCP."""
    allow_origin: frozenset[str] = frozenset()
    """Origins whose pages may open a socket, beside the server's own; `*` stands for all."""
    loopback_only: bool = True
    """The server listens on the loopback alone: see `causerie.server.origin.refuse_origin`."""
    max_connections: int | None = None
    """Further ones are closed with 1013. None: as many as the system allows."""
    compression: bool = False
    """Agrees to compress messages with clients that offer to (RFC 7692)."""


class _Phase(Enum):
    HANDSHAKE = "handshake"
    OPEN = "open"
    CLOSING = "closing"
    OVER = "over"


_HANDSHAKE, _OPEN, _CLOSING, _OVER = _Phase


class _Nobody:
    """The receiver of a connection that has none yet, or none any more."""

    def heard(self) -> None:
        """Does nothing."""

    def receive(self, text: bytes) -> None:
        """Does nothing."""

    def paused(self) -> None:
        """Does nothing."""

    def resumed(self) -> None:
        """Does nothing."""

    def closed(self, code: int | None) -> None:
        """Does nothing."""


_NOBODY: Final = _Nobody()


class _Shared:
    """What all the connections of one server have in common."""

    __slots__ = ("accept", "binary", "numbers", "open", "settings", "sweep")

    def __init__(
        self,
        accept: Acceptor,
        settings: WebSocketSettings,
        binary: Callable[[Socket, bytes], None] | None,
    ) -> None:
        self.accept = accept
        self.settings = settings
        self.binary = binary
        self.sweep = Sweep(settings.close_timeout)
        self.numbers = itertools.count(1)
        self.open = 0

    def answer(self, transport: asyncio.BaseTransport, upgrade: Upgrade) -> Opened | Declined:
        """Answers a handshake of whoever is at the other end that came whole."""
        opened = answer_upgrade(
            upgrade,
            _peer(transport),
            allow_origin=self.settings.allow_origin,
            loopback_only=self.settings.loopback_only,
            compression=self.settings.compression,
        )
        if opened is not None:
            return opened
        handshake = self.new_handshake(transport)
        answer = handshake.take(*upgrade)
        handshake.drop()
        return answer

    def new_handshake(self, transport: asyncio.BaseTransport) -> Handshake:
        """A handshake with whoever is at the other end."""
        return Handshake(
            _peer(transport),
            allow_origin=self.settings.allow_origin,
            loopback_only=self.settings.loopback_only,
            compression=self.settings.compression,
            logger=_library_log,
        )

    def new_reader(self) -> Reader:
        """A reader of what a client sends."""
        return Reader(
            max_message=self.settings.max_message,
            binary=self.binary is not None,
            logger=_library_log,
        )


class WebSocketProtocol(Intake):
    """One connection from its upgrade to its end: a `causerie.server.socket.Socket`.

    uvicorn makes it when a request asks for an upgrade, feeds the request to it, and hands the
    transport over. `websocket_protocol` makes the class to be given to uvicorn.
    """

    __slots__ = (
        "_address",
        "_bytes_in",
        "_bytes_out",
        "_close_sent",
        "_handshake",
        "_messages_in",
        "_number",
        "_opened",
        "_phase",
        "_pong",
        "_receiver",
        "_server",
        "_trace",
    )

    _shared: ClassVar[_Shared]

    def __init__(
        self,
        config: Config,  # noqa: ARG002 the signature is uvicorn's
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__()
        self._server = server_state
        self._phase = _HANDSHAKE
        self._receiver: Receiver = _NOBODY
        self._handshake: Handshake | None = None
        self._trace: Trace | None = None
        self._pong = b""
        self._close_sent: int | None = None
        self._messages_in = 0
        self._bytes_in = 0
        self._bytes_out = 0

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the transport over from the HTTP protocol."""
        self._take_transport(transport)
        self._handshake = self._shared.new_handshake(transport)
        self._shared.sweep.watch(self)

    def take_over(
        self, transport: asyncio.BaseTransport, upgrade: Upgrade, *, is_paused: bool
    ) -> None:
        """Takes the transport over with a handshake that came whole, and answers it. `is_paused` if
        something was written before that the peer has not read.
        """
        self._take_transport(transport)
        if is_paused:
            self.pause_writing()
        self._answered(self._shared.answer(transport, upgrade))

    def _take_transport(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, but all that theirs are.
        self._transport = cast(asyncio.Transport, transport)
        # uvicorn does this too, but only after the handshake, whose bytes may be the first to wait.
        self._transport.set_protocol(self)
        self._server.connections.add(cast("Any", self))

    def data_received(self, data: bytes) -> None:
        """Reads: a part of the handshake, frames, or what nobody wants to know any more."""
        if self._phase is _OPEN:
            self._bytes_in += len(data)
            self._tell(self._receiver.heard)
            self._read_in_turn(data)
        elif self._phase is _CLOSING:
            self._read_in_turn(data)
        elif self._handshake is not None:
            answer = self._handshake.feed(data)
            if answer is not None:
                self._drop_handshake()
                self._answered(answer)

    def eof_received(self) -> None:
        """Ends: a peer that has stopped sending has gone, since half a WebSocket is of no use. What
        it has said by then counts.
        """
        if self._unread:
            self._read_on()
        self._shared.sweep.watch(self)

    def pause_writing(self) -> None:
        """Stops reading, and tells the receiver to stop writing."""
        if self._phase is _OPEN:
            self._hold(UNSENT)
            self._tell(self._receiver.paused)
        elif self._phase is _HANDSHAKE:
            self._hold(UNSENT)

    def resume_writing(self) -> None:
        """Answers the last ping, tells the receiver, and reads on."""
        self._lift(UNSENT)
        if self._pong:
            pong, self._pong = self._pong, b""
            self._write_control(pong)
        if self._phase is _OPEN and not self._is_held(UNSENT):
            self._tell(self._receiver.resumed)
        self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the receiver, unless it knows, and before that what the peer has said by then: a
        peer that goes without reading all resets the connection, behind its close frame.
        """
        self._server.connections.discard(cast("Any", self))
        if self._handshake is not None:
            self._drop_handshake()
        if self._phase is _OPEN:
            self._read_last()
        self._finish(None, why=str(exc) if exc else "the connection was lost")
        self._shared.sweep.forget(self)

    # What the receiver calls: see `causerie.server.socket.Socket`.

    def write(self, frames: bytes) -> None:
        """Writes frames."""
        if self._phase is _OPEN:
            self._bytes_out += len(frames)
            self._transport.write(frames)

    def unsent(self) -> int:
        """Counts the bytes that wait."""
        return self._transport.get_write_buffer_size()

    def ping(self) -> None:
        """Sends a ping."""
        if self._phase is _OPEN:
            self._write_control(_PING)

    def trace(self, *, on: bool) -> None:
        """Tells the peer of frames, or no more."""
        if self._phase is not _OPEN or on == (self._trace is not None):
            return
        if on:
            self._trace = Trace()
            self._scan(self._trace_received)
        else:
            self._tell_trace()
            self._trace = None
            self._scan_no_more()

    def pause_reading(self) -> None:
        """Stops reading. What a lost connection has brought is read all the same."""
        if self._phase is _OPEN and not self._transport.is_closing():
            self._hold(BY_RECEIVER)

    def resume_reading(self) -> None:
        """Reads on."""
        if self._phase is _OPEN:
            self._release(BY_RECEIVER)

    def close(self, code: int, reason: str = "") -> None:
        """Sends a close frame; whatever else the peer says is not told any more."""
        if self._phase is not _OPEN:
            return
        self._send_close(code, reason)
        self._phase = _CLOSING
        self._shared.sweep.watch(self)
        self._pong = b""
        self._await_close()

    def abort(self) -> None:
        """Cuts."""
        self._transport.abort()

    # What uvicorn calls when it stops.

    def shutdown(self) -> None:
        """Says that the server is going away."""
        self.close(CloseCode.GOING_AWAY)

    # The handshake.

    def _answered(self, answer: Opened | Declined) -> None:
        match answer:
            case Opened() as opened:
                self._open(opened)
            case Declined() as declined:
                self._transport.write(declined.answer)
                self._phase = _OVER
                self._end_transport(linger=True)
                _logger.info(
                    "refused",
                    address=declined.address or "local",
                    status=declined.status,
                    why=declined.why,
                )
            case unknown:
                assert_never(unknown)

    def _open(self, opened: Opened) -> None:
        shared = self._shared
        self._address = opened.address
        self._inflates = opened.compression
        self._transport.set_write_buffer_limits(high=0)
        self._transport.write(opened.answer)
        shared.sweep.forget(self)
        self._number = next(shared.numbers)
        self._opened = time.monotonic()
        limit = shared.settings.max_connections
        if limit is not None and shared.open >= limit:
            _logger.warning("full", connection=self._number, connections=shared.open)
            reason = close_reason("the server is full", retry_after=FULL_RETRY)
            self._send_close(CloseCode.TRY_AGAIN_LATER, reason)
            self._phase = _OVER
            self._end_transport(linger=True)
            return
        shared.open += 1
        self._phase = _OPEN
        _logger.info(
            "connected",
            connection=self._number,
            address=self._address or "local",
            profile=opened.subprotocol or "plain",
            compression=opened.compression,
        )
        self._tell(self._accept, opened)
        if opened.early:
            self.data_received(opened.early)

    def _accept(self, opened: Opened) -> None:
        self._receiver = self._shared.accept(
            self,
            subprotocol=opened.subprotocol,
            compression=opened.compression,
            address=opened.address,
        )
        # The acceptor may have written already.
        if self._is_held(UNSENT):
            self._receiver.paused()

    def _drop_handshake(self) -> None:
        assert self._handshake is not None
        self._handshake.drop()
        self._handshake = None

    # What is read.

    def _take(self, reader: Reader | TracedReader, data: bytes) -> None:
        """Deals with what some bytes complete. Pongs are written together, but what the receiver
        writes keeps its place among them.
        """
        pongs: list[bytes] = []
        for told in reader.feed(data):
            match told:
                case Message():
                    self._write_pongs(pongs)
                    self._tell_message(told)
                case Ping(pong):
                    pongs.append(pong)
                case Closed():
                    self._write_pongs(pongs)
                    self._peer_closed(told)
                case Fault(code, reason):
                    self._write_pongs(pongs)
                    self._fail(code, reason)
                case unknown:
                    assert_never(unknown)
        self._write_pongs(pongs)

    def _take_text(self, text: bytes) -> None:
        """Tells the receiver."""
        self._messages_in += 1
        self._tell(self._receiver.receive, text)

    def _tell_message(self, message: Message) -> None:
        if message.is_binary:
            self._messages_in += 1
            binary = self._shared.binary
            assert binary is not None, "the reader takes it for a fault otherwise"
            self._tell(binary, self, message.content)
        else:
            self._take_text(message.content)

    def _write_pongs(self, pongs: list[bytes]) -> None:
        if pongs and self._phase is _OPEN:
            if self._is_held(UNSENT):
                # The last ping alone need be answered (RFC 6455, section 5.5.3).
                self._pong = pongs[-1]
            else:
                self._write_control(b"".join(pongs))
        pongs.clear()

    def _write_control(self, frames: bytes) -> None:
        self._transport.write(frames)
        if self._trace is not None:
            self._trace_soon(self._trace)
            self._trace.sent(frames, _wall())

    # What is told of frames.

    def _trace_received(self, frames: list[ScannedFrame]) -> None:
        if self._trace is not None and frames:
            self._trace_soon(self._trace)
            self._trace.received(frames, _wall(), self._messages_in)

    def _trace_soon(self, trace: Trace) -> None:
        """Has the trace told in the next turn, with all that comes until then."""
        if trace.is_empty:
            asyncio.get_running_loop().call_soon(self._tell_trace)

    def _tell_trace(self) -> None:
        """Tells what there is to tell, unless the peer does not read: then it waits for nothing."""
        if self._trace is None or self._phase is not _OPEN:
            return
        if self._is_held(UNSENT):
            self._trace.skip()
        elif told := self._trace.take():
            self._transport.write(told)

    # The end.

    def _send_close(self, code: int, reason: str) -> None:
        self._close_sent = code
        # Cut between two characters.
        text = reason.encode()[:_CLOSE_REASON_BYTES].decode(errors="ignore").encode()
        self._write_close(bytes((_CLOSE, 2 + len(text))) + code.to_bytes(2) + text)

    def _write_close(self, frame: bytes) -> None:
        """Writes a close frame. Nothing follows on it, so that it is told of before."""
        if self._trace is not None:
            self._trace.sent(frame, _wall())
            self._tell_trace()
            self._trace = None
        self._transport.write(frame)

    def _fail(self, code: int, reason: str) -> None:
        """Ends after a fault: says why, and hears no more (RFC 6455, section 7.1.7)."""
        if self._phase is _OPEN:
            self._send_close(code, reason)
        self._finish(None, why=reason)

    def _tell(self, call: Callable[[*_Arguments], None], *arguments: *_Arguments) -> None:
        """Tells the receiver something. A fault of its own ends its connection, not the server."""
        try:
            call(*arguments)
        except Exception:
            _logger.exception("a connection failed", connection=self._number)
            self._fail(CloseCode.INTERNAL_ERROR, "")

    def _peer_closed(self, closed: Closed) -> None:
        """Completes the closing handshake (RFC 6455, section 5.5.1)."""
        # The reason is the peer's own words, and stays out of the log.
        if self._phase is _OPEN:
            self._write_close(closed.answer)
            self._finish(closed.code, why="the peer closed")
        else:
            self._finish(closed.code, why="this server closed")

    def _finish(self, code: int | None, *, why: str) -> None:
        """Ends the WebSocket, if it has not ended: tells the receiver, and has TCP end too."""
        if self._phase is _OVER or self._phase is _HANDSHAKE:
            self._phase = _OVER
            return
        self._phase = _OVER
        self._shared.open -= 1
        self._pong = b""
        self._trace = None
        self._read_no_more()
        self._end_transport(linger=code is None)
        receiver, self._receiver = self._receiver, _NOBODY
        self._tell(receiver.closed, code)
        _logger.info(
            "disconnected",
            connection=self._number,
            address=self._address or "local",
            received=code,
            sent=self._close_sent,
            why=why,
            seconds=round(time.monotonic() - self._opened, 3),
            messages_in=self._messages_in,
            bytes_in=self._bytes_in,
            bytes_out=self._bytes_out,
        )

    def _end_transport(self, *, linger: bool) -> None:
        """Closes TCP after what was written: at once after a closing handshake.

        Otherwise the peer may still be sending, and would be told of it by a reset that takes our
        last words away: so only our half is closed, until the peer closes its own or takes too
        long.
        """
        transport = self._transport
        if transport.is_closing():
            return
        self._shared.sweep.watch(self)
        if linger and transport.can_write_eof():
            try:
                transport.write_eof()
            except OSError:
                # The peer has cut already.
                transport.abort()
                return
            self._let_in()
        else:
            transport.close()


def websocket_protocol(
    accept: Acceptor,
    settings: WebSocketSettings,
    *,
    share: LoopShare,
    binary: Callable[[Socket, bytes], None] | None = None,
) -> type[WebSocketProtocol]:
    """Makes the class that uvicorn is given as its `ws`: whatever it opens, `accept` receives.
    `share` is the time that all connections of the loop have for being read.

    `binary` is told of binary messages; without it, as in the chat, they close with 1003.
    """

    class BoundWebSocketProtocol(WebSocketProtocol):
        __slots__ = ()
        _shared = _Shared(accept, settings, binary)
        _readers = Readers(_shared.new_reader, max_message=settings.max_message)
        _share = share

    return BoundWebSocketProtocol


def _wall() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _peer(transport: asyncio.BaseTransport) -> str:
    """The address that TCP knows of whoever is at the other end."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else "localhost"
