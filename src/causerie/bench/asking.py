"""A connection that asks one thing at a time and waits for the answer."""

import socket
from typing import Final, Self

import msgspec

from causerie.bench.dialects import V1
from causerie.bench.generator import LoadFailed, ServerFailed
from causerie.testing.framing import CLOSE, PING, PONG, TEXT, client_frame, take_frame
from causerie.wire.codes import CloseCode

ANSWERED_WITHIN: Final = 60.0
"""Seconds."""

READ: Final = 256 * 1024
"""Bytes read at once."""

GOODBYE: Final = CloseCode.NORMAL.to_bytes(2)
"""What a close frame says (RFC 6455, section 5.5.1)."""


class _Head(msgspec.Struct):
    """What all frames have that matter here."""

    type: str
    message: str = ""


_decode_head = msgspec.json.Decoder(_Head).decode


class Asking:
    """One connection in the profile v1, which blocks. Is a context manager that closes it."""

    def __init__(self, address: tuple[str, int], within: float = ANSWERED_WITHIN) -> None:
        """Connects; whatever is asked is to be answered within so many seconds.

        Raises:
            LoadFailed: There is no server that lets it in.
        """
        self._received = bytearray()
        try:
            self._socket = socket.create_connection(address, within)
        except OSError as error:
            raise LoadFailed(f"the server cannot be reached ({error.strerror})") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._upgrade()
        except LoadFailed:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def ask(self, command: bytes, answer: str) -> bytes:
        """Sends a command, and returns the first frame of the type of its answer.

        Raises:
            LoadFailed: An error comes instead, or nothing.
        """
        self._socket.sendall(client_frame(command))
        while True:
            frame = take_frame(self._received)
            if frame is None:
                self._read()
            elif frame.opcode == PING:
                self._socket.sendall(client_frame(frame.payload, PONG))
            elif frame.opcode == TEXT:
                head = _decode_head(frame.payload)
                if head.type == answer:
                    return frame.payload
                if head.type == "error":
                    raise ServerFailed(f"the server answers: {head.message}")

    def leave(self) -> None:
        """Says goodbye, and waits until the server has heard it: nothing is kept of who has left.

        Raises:
            LoadFailed: It does not end the connection.
        """
        try:
            self._socket.sendall(client_frame(GOODBYE, CLOSE))
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(READ):
                pass
        except OSError as error:
            raise ServerFailed(f"the server does not end a connection ({error})") from None

    def _upgrade(self) -> None:
        self._socket.sendall(V1().upgrade())
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._read()
        if b" 101 " not in self._received[:16]:
            status = self._received.partition(b"\r\n")[0].decode("ascii", "replace")
            raise ServerFailed(f"the server refused a connection ({status})")
        del self._received[: end + 4]

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ)
        except OSError as error:
            raise ServerFailed(f"the server does not answer ({error})") from None
        if not data:
            raise ServerFailed("the server closed the connection of a reader")
        self._received += data
