"""A WebSocket client that sends whatever bytes a test wants, and a server around one receiver."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from causerie.server.http import http_app, http_protocol
from causerie.server.listening import listen
from causerie.server.loop_share import LoopShare
from causerie.server.socket import Socket
from causerie.server.websocket import WebSocketSettings, websocket_protocol
from causerie.testing.framing import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    RSV1,
    TEXT,
    Frame,
    client_frame,
    deflate,
    take_frame,
    upgrade_request,
)
from causerie.testing.framing import CONTINUATION as CONT
from causerie.wire.framing import frame_text

__all__ = [
    "BINARY",
    "CLOSE",
    "CONT",
    "DEADLINE",
    "PING",
    "PONG",
    "TEXT",
    "Answer",
    "Ear",
    "NoTime",
    "Peer",
    "Server",
    "deflated",
    "fill",
    "masked",
    "quiet",
    "read_again",
    "request",
    "serving",
    "stall",
    "until",
]

DEADLINE = 10.0

MASK = b"\x21\x43\x65\x87"


async def until(condition: Callable[[], object], why: str = "") -> None:
    """Waits for a condition, and fails if it does not come about."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 any condition, and a turn of the loop is short
            await asyncio.sleep(0)
    assert condition(), why


class NoTime(LoopShare):
    """Has everything wait for a later turn, as where thousands send at once."""

    def is_spent(self) -> bool:
        super().is_spent()
        return True


class Standstill(LoopShare):
    """From `begin` to `end` has everything wait for a turn that does not come."""

    def __init__(self) -> None:
        super().__init__()
        self._is_on = False
        self.waiting: list[Callable[[], None]] = []

    def is_spent(self) -> bool:
        return super().is_spent() or self._is_on

    def later(self, read: Callable[[], None]) -> None:
        assert self._is_on
        self.waiting.append(read)

    def begin(self) -> None:
        self._is_on = True

    def end(self) -> None:
        self._is_on = False
        for read in self.waiting:
            read()


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """A client's frame; its mask is not zero, so that a server that forgets it is found out."""
    return client_frame(payload, opcode, final=fin, reserved=rsv, mask=MASK)


def deflated(text: bytes, opcode: int = TEXT) -> bytes:
    """A client's message, compressed, in one frame."""
    return masked(opcode, deflate(text), rsv=RSV1)


def request(path: str = "/ws", **headers: str | None) -> bytes:
    """A handshake; headers are written with underscores, and None leaves one out."""
    return upgrade_request(path, {name.replace("_", "-"): headers[name] for name in headers})


@dataclass
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


class Peer:
    """A client's end of a TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._arrived = bytearray()
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        """Reads a response's head, and its body if it says how long that is."""
        async with asyncio.timeout(DEADLINE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            answer = Answer(int(first.split()[1]), headers)
            answer.body = await self.reader.readexactly(int(headers.get("content-length", 0)))
            return answer

    async def frame(self) -> Frame:
        """Reads one frame: its opcode and payload."""
        async with asyncio.timeout(DEADLINE):
            while (found := take_frame(self._arrived)) is None:
                data = await self.reader.read(2**16)
                if not data:
                    raise asyncio.IncompleteReadError(bytes(self._arrived), None)
                self._arrived += data
            return found

    async def closed(self) -> int:
        """Reads a close frame and then the end of TCP; answers with the code."""
        opcode, payload = await self.frame()
        assert opcode == CLOSE, (opcode, payload)
        await self.eof()
        return int.from_bytes(payload[:2])

    async def eof(self) -> None:
        async with asyncio.timeout(DEADLINE):
            assert bytes(self._arrived) + await self.reader.read() == b""

    def reset(self) -> None:
        """Cuts by RST, as a machine does that was turned off and on."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class Ear:
    """A receiver that writes down what it is told, and echoes."""

    socket: Socket
    subprotocol: str | None = None
    address: str = ""
    heard_times: int = 0
    told: list[bytes] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    code: int | None = None
    echoes: bool = True
    compression: bool = False

    def heard(self) -> None:
        self.heard_times += 1

    def receive(self, text: bytes) -> None:
        self.told.append(text)
        if self.echoes:
            self.socket.write(frame_text(text))

    def paused(self) -> None:
        self.events.append("paused")

    def resumed(self) -> None:
        self.events.append("resumed")

    def closed(self, code: int | None) -> None:
        self.events.append("closed")
        self.code = code

    @property
    def is_closed(self) -> bool:
        return "closed" in self.events


def quiet(*arguments: Any) -> Ear:
    """A receiver that does not echo."""
    ear = Ear(*arguments)
    ear.echoes = False
    return ear


def stall(peer: Peer) -> None:
    """Has a client stop reading."""
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined] # it reads as well


def read_again(peer: Peer) -> None:
    peer.writer.transport.resume_reading()  # type: ignore[attr-defined]


def fill(ear: Ear, frame: bytes) -> int:
    """Writes until something waits, and answers with the number of frames."""
    frames = 0
    while not ear.socket.unsent():
        ear.socket.write(frame)
        frames += 1
    return frames


@dataclass
class Server:
    """A uvicorn server on a free port; `ears` are the receivers that it made."""

    port: int
    uvicorn: uvicorn.Server
    ears: list[Ear] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)

    async def connect(self) -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**22))
        self.peers.append(peer)
        return peer

    async def open(self, path: str = "/ws", **headers: str | None) -> tuple[Peer, Ear]:
        """Opens a WebSocket."""
        peer = await self.connect()
        known = len(self.ears)
        peer.send(request(path, **headers))
        answer = await peer.answer()
        assert answer.status == 101, answer
        await until(lambda: len(self.ears) > known)
        return peer, self.ears[known]

    @property
    def connections(self) -> int:
        return len(self.uvicorn.server_state.connections)


@asynccontextmanager
async def serving(
    make: Callable[..., Ear] = Ear,
    *,
    binary: Callable[[Socket, bytes], None] | None = None,
    request_timeout: float = 5.0,
    share: LoopShare | None = None,
    **settings: Any,
) -> AsyncIterator[Server]:
    """Serves on the loopback until the block ends, when nothing may be left behind."""
    (listener,) = listen("127.0.0.1", 0)
    with listener as sock:
        server: Server

        def accept(
            socket: Socket, *, subprotocol: str | None, compression: bool, address: str
        ) -> Ear:
            ear = make(socket, subprotocol, address)
            ear.compression = compression
            server.ears.append(ear)
            return ear

        share = share or LoopShare()
        config = uvicorn.Config(
            http_app(lambda: "ok"),
            http=http_protocol(request_timeout, share),
            ws=websocket_protocol(
                accept, WebSocketSettings(**settings), share=share, binary=binary
            ),
            lifespan="off",
            log_config=None,
            access_log=False,
        )
        config.load()
        server = Server(sock.getsockname()[1], uvicorn.Server(config))
        server.uvicorn.lifespan = config.lifespan_class(config)
        await server.uvicorn.startup([sock])
        try:
            yield server
        finally:
            for peer in server.peers:
                peer.writer.transport.abort()
            for served in server.uvicorn.servers:
                served.close()
            await until(lambda: not server.connections)
