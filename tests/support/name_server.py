"""A DNS server that knows a few names, as the one that Docker has for containers."""

import socket
import struct
import threading
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Final, Self

TTL: Final = 600
"""Seconds for which an answer may be kept; as Docker says."""

_HEADER: Final = struct.Struct("!6H")
_ANSWER: Final = struct.Struct("!HHHIH4s")
_FLAGS: Final = 0x8180
"""An answer, with recursion wanted and available (RFC 1035, section 4.1.1)."""
_NO_SUCH_NAME: Final = 3
_QUESTION_NAME: Final = 0xC00C
"""A pointer to the name that was asked for (section 4.1.4)."""
_A: Final = 1
_IN: Final = 1


class NameServer:
    """Answers on a free port of the loopback, over UDP. Is a context manager that ends it."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        """Does not answer yet. `addresses` has an IPv4 address for each name."""
        self.addresses = dict(addresses)
        """What it answers from now on; may be changed."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    @property
    def port(self) -> int:
        """Where it is asked."""
        port: int = self._socket.getsockname()[1]
        return port

    def _serve(self) -> None:
        while True:
            query, sender = self._socket.recvfrom(512)
            if not query:  # it is to end
                return
            self._socket.sendto(self._answer(query), sender)

    def _answer(self, query: bytes) -> bytes:
        number = _HEADER.unpack_from(query)[0]
        labels = []
        at = _HEADER.size
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        question = query[_HEADER.size : at + 5]
        kind, _ = struct.unpack_from("!2H", query, at + 1)
        address = self.addresses.get(".".join(labels).lower())
        if address is None:
            return _HEADER.pack(number, _FLAGS | _NO_SUCH_NAME, 1, 0, 0, 0) + question
        if kind != _A:  # the name is there, and has nothing of that kind
            return _HEADER.pack(number, _FLAGS, 1, 0, 0, 0) + question
        packed = IPv4Address(address).packed
        record = _ANSWER.pack(_QUESTION_NAME, _A, _IN, TTL, len(packed), packed)
        return _HEADER.pack(number, _FLAGS, 1, 1, 0, 0) + question + record
