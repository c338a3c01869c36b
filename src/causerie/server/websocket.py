"""The server's end of a WebSocket, as an asyncio protocol that uvicorn upgrades to.

The library `websockets` reads: the handshake, and frames into events. What is written goes past
it, framed already, straight to the transport. This is the one file that imports it.

    HANDSHAKE ──101──▶ OPEN ──our close frame──▶ CLOSING ──▶ OVER ──▶ gone
        │                └──the peer's, or a fault────────────▲
        └──any other answer───────────────────────────────────┘

`OPEN` and `CLOSING` have a receiver. In `CLOSING` nothing is told to it any more, and the peer's
close frame is awaited. In `OVER` the WebSocket has ended, the receiver knows, and only TCP is left:
what was written is flushed, what still comes is thrown away. Whoever is in one of the last two for
longer than `close_timeout` is cut by a sweep that all share: a connection has no task and no timer
of its own, and at rest not even a parser, since one that stands between two messages is as good as
any other and is handed on.
"""

import asyncio
import codecs
import contextlib
import itertools
import logging
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, ClassVar, Final, TypeVarTuple, cast

import structlog
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Protocol, Side
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from causerie.server.origin import client_address, refuse_origin
from causerie.server.socket import Acceptor, Receiver, Socket
from causerie.server.sweep import Sweep
from causerie.wire.codes import CloseCode
from causerie.wire.profiles import SUBPROTOCOL, close_reason

_Arguments = TypeVarTuple("_Arguments")

PATHS: Final = frozenset({"/", "/ws", "/chat"})
"""Where a WebSocket can be opened."""

_V1: Final = Subprotocol(SUBPROTOCOL)

FULL_RETRY: Final = 5_000
"""Milliseconds after which to try a full server again."""

_PING: Final = b"\x89\x00"
_CLOSE_REASON_BYTES: Final = 123

# So that a client that sends many tiny frames at once holds up the others for a millisecond only:
# its bytes are parsed in slices, and after so many frames the rest waits for the next turn.
_SLICE: Final = 4096
_FRAMES_A_TURN: Final = 128

_logger = structlog.get_logger("causerie.websocket")

# The library has a word at INFO for each connection; ours has more to say.
_library_log = logging.getLogger("causerie.websocket.library")
_library_log.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSettings:
    """What a WebSocket is held to. Times are in seconds, sizes in bytes."""

    max_message: int = 64 * 1024
    """A client's message, whole; a longer one closes with 1009."""
    send_buffer: int = 64 * 1024
    """SO_SNDBUF: how much the system holds for a peer that reads slowly, before the first byte
    waits here and pauses the connection. Linux doubles it to have room for its own bookkeeping, so
    that two writes of 32 KiB, the most of one turn each, fit beside one another."""
    close_timeout: float = 5.0
    """How long a peer may take to answer a close frame and to end TCP."""
    keepalive_idle: int = 60
    """After so long without a packet the system asks whether the peer still lives."""
    allow_origin: frozenset[str] = frozenset()
    """Origins whose pages may open a socket, beside the server's own; `*` stands for all."""
    loopback_only: bool = True
    """The server listens on the loopback alone: see `causerie.server.origin.refuse_origin`."""
    max_connections: int | None = None
    """Further ones are closed with 1013. None: as many as the system allows."""


class _Phase(Enum):
    HANDSHAKE = "handshake"
    OPEN = "open"
    CLOSING = "closing"
    OVER = "over"


_HANDSHAKE, _OPEN, _CLOSING, _OVER = _Phase


# Why nothing is read; one bit each, and reading goes on when all are gone.
_UNSENT: Final = 1
"""Bytes wait to be sent: the peer must read before it may write (or its pings would be answered
into memory)."""
_BY_RECEIVER: Final = 2
"""The receiver asked for it."""
_TURN: Final = 4
"""The peer has had its share of this turn of the loop."""


class _Handshake(ServerProtocol):
    """The library's handshake, with our choice of a subprotocol."""

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Chooses ours if it is offered, otherwise none: the plain profile takes everybody."""
        return _V1 if _V1 in subprotocols else None


class _Reader(Protocol):
    """The library's parser of frames, which knows whether it stands between two messages."""

    at_rest = True

    def recv_frame(self, frame: Frame) -> None:
        """Takes a frame that was parsed."""
        if frame.opcode is Opcode.CLOSE:
            # A peer may change its mind in the middle of a message (RFC 6455, section 5.5.1), which
            # the library takes for a fault.
            self.current_size = None
        super().recv_frame(frame)
        self.at_rest = not self.reader.buffer and self.current_size is None

    def feed(self, data: bytes) -> list[Frame]:
        """Parses bytes, into the frames that they complete."""
        self.at_rest = False
        self.receive_data(data)
        return cast("list[Frame]", self.events_received())


class _Partial:
    """A message of which only some fragments have come."""

    __slots__ = ("binary", "content", "decoder")

    def __init__(self, *, binary: bool) -> None:
        self.binary = binary
        self.content = bytearray()
        # Tells at the very fragment in which text stops being UTF-8.
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def add(self, fragment: bytes, *, final: bool) -> None:
        """Appends a fragment.

        Raises:
            UnicodeDecodeError: the text is not UTF-8.
        """
        if not self.binary:
            self.decoder.decode(fragment, final)
            unfinished, _ = self.decoder.getstate()
            if unfinished[:1] == b"\xed" and unfinished[1:] >= b"\xa0":
                # Python waits for the last byte of a surrogate, which no last byte makes UTF-8.
                raise UnicodeDecodeError("utf-8", unfinished, 0, 2, "a surrogate")
        self.content += fragment


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

    __slots__ = ("accept", "binary", "numbers", "open", "reader", "settings", "sweep")

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
        self.reader: _Reader | None = None

    def take_reader(self) -> _Reader:
        """A parser that stands between two messages, from now on its taker's."""
        reader, self.reader = self.reader, None
        if reader is None:
            reader = _Reader(Side.SERVER, max_size=self.settings.max_message, logger=_library_log)
        return reader


class WebSocketProtocol(asyncio.Protocol):
    """One connection from its upgrade to its end: a `causerie.server.socket.Socket`.

    uvicorn makes it when a request asks for an upgrade, feeds the request to it, and hands the
    transport over. `websocket_protocol` makes the class to be given to uvicorn.
    """

    __slots__ = (
        "_address",
        "_backlog",
        "_bytes_in",
        "_bytes_out",
        "_close_sent",
        "_handshake",
        "_held",
        "_messages_in",
        "_number",
        "_opened",
        "_partial",
        "_phase",
        "_pong",
        "_reader",
        "_receiver",
        "_server",
        "_transport",
    )

    _shared: ClassVar[_Shared]
    _transport: asyncio.Transport

    def __init__(
        self,
        config: Config,  # noqa: ARG002 the signature is uvicorn's
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._server = server_state
        self._phase = _HANDSHAKE
        self._receiver: Receiver = _NOBODY
        self._handshake: _Handshake | None = _Handshake(logger=_library_log)
        self._reader: _Reader | None = None
        self._partial: _Partial | None = None
        self._backlog = b""
        self._pong = b""
        self._held = 0
        self._close_sent: int | None = None
        self._messages_in = 0
        self._bytes_in = 0
        self._bytes_out = 0

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the transport over from the HTTP protocol."""
        # uvloop's transports are none of asyncio's classes, but all that theirs are.
        self._transport = transport = cast(asyncio.Transport, transport)
        # uvicorn does this too, but only after the handshake, whose bytes may be the first to wait.
        transport.set_protocol(self)
        self._server.connections.add(cast("Any", self))
        self._shared.sweep.watch(self)
        _tune(transport, self._shared.settings)

    def data_received(self, data: bytes) -> None:
        """Reads: a part of the handshake, frames, or what nobody wants to know any more."""
        if self._phase is _OPEN:
            self._bytes_in += len(data)
            self._tell(self._receiver.heard)
            self._read(data)
        elif self._phase is _CLOSING:
            self._read(data)
        elif self._handshake is not None:
            self._shake_hands(self._handshake, data)

    def eof_received(self) -> None:
        """Ends: a peer that has stopped sending has gone, since half a WebSocket is of no use."""
        self._shared.sweep.watch(self)

    def pause_writing(self) -> None:
        """Stops reading, and tells the receiver to stop writing."""
        if self._phase is _OPEN:
            self._hold(_UNSENT)
            self._tell(self._receiver.paused)
        elif self._phase is _HANDSHAKE:
            self._hold(_UNSENT)

    def resume_writing(self) -> None:
        """Answers the last ping, tells the receiver, and reads on."""
        self._held &= ~_UNSENT
        if self._pong:
            pong, self._pong = self._pong, b""
            self._transport.write(pong)
        if self._phase is _OPEN and not self._is_held(_UNSENT):
            self._tell(self._receiver.resumed)
        self._release(0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the receiver, unless it knows."""
        self._shared.sweep.forget(self)
        self._server.connections.discard(cast("Any", self))
        if self._handshake is not None:
            self._drop_handshake()
        self._finish(None, why=str(exc) if exc else "the connection was lost")

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
            self._transport.write(_PING)

    def pause_reading(self) -> None:
        """Stops reading."""
        if self._phase is _OPEN:
            self._hold(_BY_RECEIVER)

    def resume_reading(self) -> None:
        """Reads on."""
        if self._phase is _OPEN:
            self._release(_BY_RECEIVER)

    def close(self, code: int, reason: str = "") -> None:
        """Sends a close frame; whatever else the peer says is not told any more."""
        if self._phase is not _OPEN:
            return
        self._send_close(code, reason)
        self._phase = _CLOSING
        self._shared.sweep.watch(self)
        self._partial = None
        self._pong = b""
        # The peer's close frame must get in, even if the peer reads nothing.
        self._held = 0
        self._transport.resume_reading()
        if self._backlog:
            asyncio.get_running_loop().call_soon(self._read_on)

    def abort(self) -> None:
        """Cuts."""
        self._transport.abort()

    # What uvicorn calls when it stops.

    def shutdown(self) -> None:
        """Says that the server is going away."""
        self.close(CloseCode.GOING_AWAY)

    # The handshake.

    def _shake_hands(self, handshake: _Handshake, data: bytes) -> None:
        # Line by line, so that frames in the same segment are left for the other parser.
        at = 0
        requests: list[Any] = []
        while at < len(data) and not requests:
            end = data.find(b"\n", at) + 1 or len(data)
            handshake.receive_data(data[at:end])
            requests = handshake.events_received()
            at = end
        for request in requests:
            self._address = _address(self._transport, request)
            refusal = self._refuse(request)
            response = handshake.reject(*refusal) if refusal else handshake.accept(request)
            handshake.send_response(response)
            if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                self._open(handshake, early=data[at:])
                return
            _logger.info(
                "refused",
                address=self._address or "local",
                status=response.status_code,
                why=bytes(response.body).decode().strip(),
            )
        # An answer that is there by now refuses: this request, or what is none.
        answer = handshake.data_to_send()
        if answer:
            self._transport.write(b"".join(answer))
            self._drop_handshake()
            self._phase = _OVER
            self._end_transport(linger=True)

    def _refuse(self, request: Request) -> tuple[HTTPStatus, str] | None:
        path = request.path.partition("?")[0]
        if path not in PATHS:
            return HTTPStatus.NOT_FOUND, "Nothing listens here: open the WebSocket on /ws.\n"
        settings = self._shared.settings
        for origin in request.headers.get_all("Origin"):
            refusal = refuse_origin(
                origin,
                request.headers.get("Host", ""),
                allowed=settings.allow_origin,
                loopback_only=settings.loopback_only,
            )
            if refusal is not None:
                return HTTPStatus.FORBIDDEN, refusal
        return None

    def _open(self, handshake: _Handshake, *, early: bytes) -> None:
        shared = self._shared
        self._transport.set_write_buffer_limits(high=0)
        self._transport.write(b"".join(handshake.data_to_send()))
        subprotocol = handshake.subprotocol
        self._drop_handshake()
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
            profile=subprotocol or "plain",
        )
        self._tell(self._accept, subprotocol)
        if early:
            self.data_received(early)

    def _accept(self, subprotocol: str | None) -> None:
        self._receiver = self._shared.accept(self, subprotocol=subprotocol, address=self._address)
        # The acceptor may have written already.
        if self._held & _UNSENT:
            self._receiver.paused()

    def _drop_handshake(self) -> None:
        """Lets go of the request, the headers, and the generators that hold them in a cycle."""
        assert self._handshake is not None
        self._handshake.parser.close()
        self._handshake = None

    # Reading.

    def _read(self, data: bytes) -> None:
        if self._backlog or self._held:
            self._backlog += data
            return
        shared = self._shared
        reader = self._reader
        if reader is None:
            self._reader = reader = shared.take_reader()
        size = len(data)
        if size <= _SLICE:
            self._handle(reader.feed(data), reader)
        else:
            self._read_in_turns(reader, data)
        if self._reader is reader and reader.at_rest and self._phase is _OPEN:
            self._reader = None
            shared.reader = reader

    def _read_in_turns(self, reader: _Reader, data: bytes) -> None:
        at, frames_left = 0, _FRAMES_A_TURN
        while at < len(data) and self._phase in {_OPEN, _CLOSING}:
            if self._held or frames_left <= 0:
                self._backlog = data[at:]
                if not self._held:
                    self._hold(_TURN)
                    asyncio.get_running_loop().call_soon(self._read_on)
                return
            frames = reader.feed(data[at : at + _SLICE])
            at += _SLICE
            frames_left -= len(frames)
            self._handle(frames, reader)

    def _read_on(self) -> None:
        """Reads what an earlier turn left, unless there is a reason not to read."""
        self._release(_TURN)

    def _handle(self, frames: Iterable[Frame], reader: _Reader) -> None:
        """Tells what came, and answers.

        The library's answers are a pong to each ping and, at the end, its half of a close: what the
        receiver writes must keep its place among them.
        """
        answers = iter(reader.data_to_send())
        pongs: list[bytes] = []
        for frame in frames:
            opcode = frame.opcode
            if opcode is Opcode.PING:
                pongs.append(next(answers))
            elif opcode is Opcode.CLOSE:
                self._write_pongs(pongs)
                self._peer_closed(reader, b"".join(answers))
                return
            elif opcode is not Opcode.PONG and self._phase is _OPEN:
                self._write_pongs(pongs)
                self._take(frame)
        self._write_pongs(pongs)
        if reader.parser_exc is not None and self._phase in {_OPEN, _CLOSING}:
            # The library's answer is a close frame with the code that fits.
            close = reader.close_sent
            assert close is not None
            if self._phase is _OPEN:
                self._fail(close.code, close.reason)
            else:
                self._finish(None, why=close.reason)

    def _write_pongs(self, pongs: list[bytes]) -> None:
        if pongs and self._phase is _OPEN:
            if self._held & _UNSENT:
                # The last ping alone need be answered (RFC 6455, section 5.5.3).
                self._pong = pongs[-1]
            else:
                self._transport.write(b"".join(pongs))
        pongs.clear()

    def _take(self, frame: Frame) -> None:
        """Takes a part of a message, or a whole one."""
        binary = self._shared.binary
        partial = self._partial
        if partial is None:
            is_binary = frame.opcode is Opcode.BINARY
            if is_binary and binary is None:
                self._fail(CloseCode.UNSUPPORTED_DATA, "this protocol is JSON text")
                return
            if not frame.fin:
                partial = self._partial = _Partial(binary=is_binary)
        else:
            is_binary = partial.binary
        content = bytes(frame.data)
        try:
            if partial is not None:
                partial.add(content, final=frame.fin)
                if not frame.fin:
                    return
                content = bytes(partial.content)
                self._partial = None
            elif not is_binary and not content.isascii():
                content.decode()
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_TEXT, "the text is not UTF-8")
            return
        self._messages_in += 1
        if is_binary:
            assert binary is not None
            self._tell(binary, self, content)
        else:
            self._tell(self._receiver.receive, content)

    # Holding up the reading: any reason will do.

    def _is_held(self, reason: int) -> bool:
        return bool(self._held & reason)

    def _hold(self, reason: int) -> None:
        if not self._held:
            self._transport.pause_reading()
        self._held |= reason

    def _release(self, reason: int) -> None:
        """Takes one reason away; with the last one, reads what was left, and then on."""
        self._held &= ~reason
        if not self._held and self._backlog:
            data, self._backlog = self._backlog, b""
            self._read(data)
        if not self._is_held(_UNSENT | _BY_RECEIVER | _TURN):
            self._transport.resume_reading()

    # The end.

    def _send_close(self, code: int, reason: str) -> None:
        self._close_sent = code
        reason = reason.encode()[:_CLOSE_REASON_BYTES].decode(errors="ignore")
        frame = Frame(Opcode.CLOSE, Close(code, reason).serialize())
        self._transport.write(frame.serialize(mask=False))

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

    def _peer_closed(self, reader: _Reader, answer: bytes) -> None:
        """Completes the closing handshake (RFC 6455, section 5.5.1)."""
        close = reader.close_rcvd
        assert close is not None
        if self._phase is _OPEN:
            self._transport.write(answer)
        # The reason is the peer's own words, and stays out of the log.
        self._finish(close.code, why="the peer closed")

    def _finish(self, code: int | None, *, why: str) -> None:
        """Ends the WebSocket, if it has not ended: tells the receiver, and has TCP end too."""
        if self._phase is _OVER or self._phase is _HANDSHAKE:
            self._phase = _OVER
            return
        self._phase = _OVER
        self._shared.open -= 1
        self._partial = None
        self._backlog = self._pong = b""
        if self._reader is not None:
            # The parser and its generator hold one another.
            self._reader.parser.close()
            self._reader = None
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
            self._held = 0
            try:
                transport.write_eof()
            except OSError:
                # The peer has cut already.
                transport.abort()
                return
            transport.resume_reading()
        else:
            transport.close()


def websocket_protocol(
    accept: Acceptor,
    settings: WebSocketSettings,
    *,
    binary: Callable[[Socket, bytes], None] | None = None,
) -> type[WebSocketProtocol]:
    """Makes the class that uvicorn is given as its `ws`: whatever it opens, `accept` receives.

    `binary` is told of binary messages; without it, as in the chat, they close with 1003.
    """

    class BoundWebSocketProtocol(WebSocketProtocol):
        __slots__ = ()
        _shared = _Shared(accept, settings, binary)

    return BoundWebSocketProtocol


def _tune(transport: asyncio.Transport, settings: WebSocketSettings) -> None:
    """Sets the options of the socket, as far as it has them."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    options = [
        (socket.SOL_SOCKET, socket.SO_SNDBUF, settings.send_buffer),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    ]
    if hasattr(socket, "TCP_KEEPIDLE"):
        options += [
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, settings.keepalive_idle),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, settings.keepalive_idle // 4)),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
        ]
    # A peer that has cut already has no options; the transport will tell.
    with contextlib.suppress(OSError):
        for option in options:
            sock.setsockopt(*option)


def _address(transport: asyncio.Transport, request: Request) -> str:
    peer = transport.get_extra_info("peername")
    forwarded = request.headers.get_all("X-Forwarded-For")
    host = str(peer[0]) if isinstance(peer, tuple) and peer else "localhost"
    return client_address(host, forwarded[-1] if forwarded else None)
