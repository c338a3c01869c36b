"""The client's half of WebSocket, as pure functions (RFC 6455, sections 4.1 and 5), and of its
compression (RFC 7692).

For peers that are to do what a library would refuse to do, or to cost next to nothing: they bring
their own socket, blocking or not, and send what is made here, or anything else.
"""

import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

RSV1: Final = 0b100
"""The reserved bit that marks a compressed message."""

NO_MASK: Final = b"\0\0\0\0"
"""A mask of zeros is legal, and leaves the payload as it is."""

_HEADERS: Final[Mapping[str, str]] = {
    "Host": "localhost:8080",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    # The key of section 1.3.
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_COMPRESSED: Final = 0x40
_END_OF_MESSAGE: Final = b"\x00\x00\xff\xff"
"""What is taken off each compressed message, and put back (RFC 7692, section 7.2)."""


class Frame(NamedTuple):
    """A frame that came."""

    opcode: int
    payload: bytes


def upgrade_request(path: str = "/ws", headers: Mapping[str, str | None] | None = None) -> bytes:
    """The request that opens a WebSocket; `headers` add to the usual ones, replace them, or (None)
    leave them out.
    """
    merged: dict[str, str | None] = {**_HEADERS, **(headers or {})}
    lines = [f"{name}: {value}" for name, value in merged.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


def client_frame(
    payload: bytes,
    opcode: int = TEXT,
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes = NO_MASK,
) -> bytes:
    """A frame as a client sends it; `reserved` are the three bits that only extensions may set."""
    first = (_FINAL if final else 0) | reserved << 4 | opcode
    size = len(payload)
    if size < 126:
        head = bytes((first, _MASKED | size))
    elif size < 65_536:
        head = bytes((first, _MASKED | 126)) + size.to_bytes(2)
    else:
        head = bytes((first, _MASKED | 127)) + size.to_bytes(8)
    return head + mask + (payload if mask is NO_MASK else _masked(payload, mask))


def take_frame(buffer: bytearray, *, compression: bool = False) -> Frame | None:
    """Takes a server's frame from the front of what has arrived; None if it is not whole yet. With
    `compression`, a compressed message is inflated.

    Raises:
        ValueError: A server that sends whole messages, and has agreed to no extension but perhaps
            compression, sends no such frame.
    """
    if len(buffer) < 2:
        return None
    is_compressed = compression and bool(buffer[0] & _COMPRESSED)
    bits = _FINAL | _COMPRESSED if is_compressed else _FINAL
    if buffer[0] & 0xF0 != bits or buffer[1] & _MASKED:
        raise ValueError(f"a frame that begins with {bytes(buffer[:2])!r}")
    size, start = buffer[1], 2
    if size >= 126:
        start = 4 if size == 126 else 10
        if len(buffer) < start:
            return None
        size = int.from_bytes(buffer[2:start])
    end = start + size
    if len(buffer) < end:
        return None
    payload = bytes(buffer[start:end])
    frame = Frame(buffer[0] & 0x0F, inflate(payload) if is_compressed else payload)
    del buffer[:end]
    return frame


def deflate(text: bytes) -> bytes:
    """The payload of a compressed message, of one frame or cut into several."""
    deflating = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    flushed = deflating.compress(text) + deflating.flush(zlib.Z_SYNC_FLUSH)
    return flushed.removesuffix(_END_OF_MESSAGE)


def inflate(payload: bytes) -> bytes:
    """The text of a compressed message.

    Raises:
        ValueError: It is none.
    """
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload + _END_OF_MESSAGE)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    pad = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(pad)).to_bytes(size)
