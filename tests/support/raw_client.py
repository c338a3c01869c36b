"""A WebSocket client without manners: sends any bytes, reads only when asked, never answers pings.

It has a blocking socket, and knows of frames no more than `causerie.testing.framing` does, so that
what a library would refuse to send can be sent.
"""

import json
import re
import socket
import time
from pathlib import Path
from typing import Any, Self

from causerie.testing.framing import (
    CLOSE,
    TEXT,
    Frame,
    client_frame,
    take_frame,
    upgrade_request,
)
from causerie.wire.profiles import SUBPROTOCOL

PATIENCE = 20.0


class Closed(Exception):
    """The server has ended the connection; `code` is that of its close frame, None without one."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


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
        headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL} if v1 else {}
        self.socket.sendall(upgrade_request(headers={"Host": f"127.0.0.1:{port}", **headers}))
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
        self.send_bytes(client_frame(json.dumps(command).encode()))

    def send_bytes(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def next_frame(self) -> Frame:
        """The next frame.

        Raises:
            Closed: there is none any more.
        """
        while (found := take_frame(self._buffer)) is None:
            self._receive()
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


def resident_bytes(pid: int) -> int:
    """How much memory of a process is resident."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None, "Linux tells"
    return int(found[1]) * 1024
