"""The opening handshake as nearly all clients write it: read and answered at a glance.

A thousand who come back at once are let in as fast as their handshakes are answered, and what the
libraries make of one (parsers, generators, header objects) took a third of a join: 160 of 520 µs.
A request that came whole and alone, and is written as plainly as clients write it, is answered here
in 15 µs (RFC 6455, section 4.2). All else is left to the libraries (`causerie.server.handshake`):
what is refused, what offers to compress where that is wanted, and whatever is odd.
"""

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from causerie.server.handshake import PATHS, Opened, proof_of
from causerie.server.origin import client_address, refuse_origin
from causerie.wire.profiles import SUBPROTOCOL

_LONGEST: Final = 8_192
"""Bytes."""

_HEAD: Final = re.compile(rb"GET /[!-~]* HTTP/1\.1\r\n(?:[A-Za-z0-9-]+:[\t -~]*\r\n){1,100}\r\n")
_CONNECTION: Final = re.compile("(?:keep-alive, *)?upgrade", re.IGNORECASE)
_KEY: Final = re.compile("[A-Za-z0-9+/]{21}[AQgw]==")
"""16 bytes in base64 (RFC 4648, section 4)."""
_PROTOCOLS: Final = re.compile(r"[\w.-]+(?:, *[\w.-]+)*", re.ASCII)
_OF_A_BODY: Final = ("content-length", "transfer-encoding", "expect")


class Upgrade(NamedTuple):
    """A request that a connection become a WebSocket, whole, and nothing behind it."""

    path: str
    """With the query."""
    headers: dict[str, str]
    """By name in lower case, each of them once."""


def read_upgrade(data: bytes) -> Upgrade | None:
    """Reads a plain handshake. None for all else: what it is, the libraries are to find out."""
    if len(data) > _LONGEST or _HEAD.fullmatch(data) is None:
        return None
    first, *lines = data[:-4].decode("ascii").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip("\t ")
    if (
        headers.get("upgrade", "").lower() != "websocket"
        or _CONNECTION.fullmatch(headers.get("connection", "")) is None
        or "host" not in headers
        or len(headers) < len(lines)
        or any(name in headers for name in _OF_A_BODY)
    ):
        return None
    return Upgrade(first.split(" ")[1], headers)


def answer_upgrade(
    upgrade: Upgrade,
    peer: str,
    *,
    allow_origin: Collection[str],
    loopback_only: bool,
    compression: bool,
) -> Opened | None:
    """Opens a WebSocket, as `causerie.server.handshake.Handshake` would with these arguments. None
    if that has to say what is to become of it.
    """
    headers = upgrade.headers
    key = headers.get("sec-websocket-key", "")
    if (
        _KEY.fullmatch(key) is None
        or headers.get("sec-websocket-version") != "13"
        or upgrade.path.partition("?")[0] not in PATHS
        or (compression and "sec-websocket-extensions" in headers)
    ):
        return None
    origin = headers.get("origin")
    if origin is not None and refuse_origin(
        origin, headers["host"], allowed=allow_origin, loopback_only=loopback_only
    ):
        return None
    chosen = ""
    if (offered := headers.get("sec-websocket-protocol")) is not None:
        if _PROTOCOLS.fullmatch(offered) is None:
            return None
        if SUBPROTOCOL in offered.replace(" ", "").split(","):
            chosen = f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"
    answer = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {proof_of(key)}\r\n{chosen}\r\n"
    )
    return Opened(
        answer.encode(),
        SUBPROTOCOL if chosen else None,
        compression=False,
        address=client_address(peer, headers.get("x-forwarded-for")),
        early=b"",
    )
