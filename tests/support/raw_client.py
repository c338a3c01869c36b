"""A WebSocket client without manners: sends any bytes, reads only when asked, never answers pings.

It frames and parses by itself (RFC 6455, section 5.2), so that what a library would refuse to send
can be sent.
"""

import json
import re
import socket
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple, Self

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
PATIENCE = 20.0
_MASK = b"\0\0\0\0"
"""A mask of zeros is legal, and leaves the payload as it is."""


class Frame(NamedTuple):
    """What came."""

    opcode: int
    payload: bytes


class Closed(Exception):
    """The server has ended the connection; `code` is that of its close frame, None without one."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """A frame as a client sends it."""
    head = bytes(((0x80 if final else 0) | opcode,))
    size = len(payload)
    if size < 126:
        return head + bytes((0x80 | size,)) + _MASK + payload
    if size < 65_536:
        return head + bytes((0x80 | 126,)) + size.to_bytes(2) + _MASK + payload
    return head + bytes((0x80 | 127,)) + size.to_bytes(8) + _MASK + payload


class RawClient:
    """One connection; a context manager that cuts it.

    Every wait ends after `PATIENCE` seconds with an error.
    """

    def __init__(
        self, port: int, *, v1: bool = True, receive_buffer: int | None = None, source: str = ""
    ) -> None:
        """Connects to the server on the loopback and shakes hands."""
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._frames: deque[Frame] = deque()
        protocol = "Sec-WebSocket-Protocol: causerie.v1\r\n" if v1 else ""
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\n{protocol}\r\n".encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        self._buffer = bytearray(rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, **command: Any) -> None:
        """Sends a command."""
        self.send_bytes(frame(json.dumps(command).encode()))

    def send_bytes(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def next_frame(self) -> Frame:
        """The next frame.

        Raises:
            Closed: there is none any more.
        """
        while not self._frames:
            self._parse()
            if not self._frames:
                self._receive()
        found = self._frames.popleft()
        if found.opcode == CLOSE:
            code = int.from_bytes(found.payload[:2]) if len(found.payload) >= 2 else 1005
            raise Closed(code, found.payload[2:].decode())
        return found

    def next(self) -> dict[str, Any]:
        """The next text frame, read as JSON."""
        while (found := self.next_frame()).opcode != TEXT:
            pass
        value: dict[str, Any] = json.loads(found.payload)
        return value

    def expect(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next frame of a type with these fields; others before it are skipped."""
        until = time.monotonic() + PATIENCE
        seen: list[dict[str, Any]] = []
        while time.monotonic() < until:
            found = self.next()
            if found["type"] == kind and fields.items() <= found.items():
                return found
            seen.append(found)
        raise AssertionError(f"no {kind} with {fields} came, but {seen[-5:]}")

    def hello(self, username: str, **fields: Any) -> dict[str, Any]:
        """Says who it is, and waits for the welcome."""
        self.send(type="hello", id="hello", username=username, **fields)
        return self.expect("welcome")

    def join(self, room: str, **fields: Any) -> dict[str, Any]:
        """Joins a room and waits until it has."""
        self.send(type="join", id="join", room=room, **fields)
        return self.expect("joined")

    def say(self, room: str, content: str, id: str) -> dict[str, Any]:
        """Says something and waits until it is durable."""
        self.send(type="message", room=room, content=content, id=id)
        return self.expect("ack", id=id)

    def close(self) -> None:
        """Cuts."""
        self.socket.close()

    def _receive(self) -> None:
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(None)
        self._buffer += data

    def _parse(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                if len(buffer) - start < width:
                    break
                size = int.from_bytes(buffer[start : start + width])
                start += width
            if len(buffer) - start < size:
                break
            self._frames.append(Frame(buffer[at] & 0x0F, bytes(buffer[start : start + size])))
            at = start + size
        del buffer[:at]


def resident_bytes(pid: int) -> int:
    """How much memory of a process is resident."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None, "Linux tells"
    return int(found[1]) * 1024
