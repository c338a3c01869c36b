"""A chat of a few lines, in threads of the test's process, that can be told to misbehave."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from typing import Any, Self

from causerie.testing.framing import PING

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"

WITHIN = 20.0
"""Seconds until a wait fails."""


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """A frame as a server sends it."""
    size = len(payload)
    head = bytes((0x80 | opcode, size)) if size < 126 else bytes((0x81, 126)) + size.to_bytes(2)
    return head + payload


def text(**fields: object) -> bytes:
    return frame(json.dumps(fields, separators=(",", ":")).encode())


class TinyChat:
    """Speaks as much of v1 as a load needs. A context manager; what it is sent is in `commands`.

    `answer` may be replaced: it is given a connection and a command, and answers it.
    """

    def __init__(self, upgraded: bytes = UPGRADED) -> None:
        self._upgraded = upgraded
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.url = f"ws://127.0.0.1:{self.address[1]}"
        self.connections: list[socket.socket] = []
        self.members: list[socket.socket] = []
        self.commands: list[dict[str, Any]] = []
        self.pongs: list[bytes] = []
        self.answer: Callable[[socket.socket, dict[str, Any]], None] = self.answer_rightly
        self.limit = 1_000_000
        """Messages after which no more are taken."""
        self.dies_after = 1_000_000
        """Messages after which it ends."""
        self._changed = threading.Condition(threading.RLock())
        self._seq = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def die(self) -> None:
        """Ends, and with it all connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, WITHIN)

    def ping(self, payload: bytes) -> None:
        for member in self.members:
            member.sendall(frame(payload, PING))

    def answer_rightly(self, connection: socket.socket, command: dict[str, Any]) -> None:
        match command["type"]:
            case "hello":
                connection.sendall(text(type="welcome", username=command["username"]))
            case "join":
                self.members.append(connection)
                connection.sendall(text(type="joined", room=command["room"], names=[]))
            case "message":
                self._seq += 1
                if self._seq > self.dies_after:
                    self.die()
                if self._seq > self.limit:
                    error = {"code": "rate_limited", "message": "Too many."}
                    connection.sendall(text(type="error", id=command["id"], **error))
                    return
                shown = text(**command, seq=self._seq)
                for member in self.members:
                    ack = text(type="ack", id=command["id"]) if member is connection else b""
                    member.sendall(ack + shown)
            case other:
                raise AssertionError(f"no load sends {other}")

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with self._changed:
                    self.connections.append(connection)
                    self._changed.notify_all()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while stream.readline().strip():
                pass
            connection.sendall(self._upgraded)
            while head := stream.read(2):
                size = head[1] & 0x7F
                if size == 126:
                    size = int.from_bytes(stream.read(2))
                payload = stream.read(4 + size)[4:]
                if len(payload) < size:
                    break
                with self._changed:
                    if head[0] == 0x81:
                        command = json.loads(payload)
                        self.commands.append(command)
                        self.answer(connection, command)
                    else:
                        self.pongs.append(payload)
                    self._changed.notify_all()
