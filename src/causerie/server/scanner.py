"""What the headers of WebSocket frames say (RFC 6455, section 5.2), of bytes cut anywhere.

For those who want to see the frames themselves: `causerie.server.reader` makes messages of them and
forgets their masking keys. A scanner checks nothing and keeps no data, so that it goes over any
bytes, those of a frame that the protocol forbids too, without a fault.
"""

from typing import Final, NamedTuple

MOST_CONTROL: Final = 125
"""Bytes that the payload of a control frame may have (section 5.5)."""

_FIRST_CONTROL: Final = 0x8
_FINAL: Final = 0x80
_RSV1: Final = 0x40
_MASKED: Final = 0x80
_KEY_BYTES: Final = 4


class ScannedFrame(NamedTuple):
    """A frame that has been there from its first byte to its last."""

    fin: bool
    rsv1: bool
    opcode: int
    length: int
    """Bytes of the payload."""
    size: int
    """Bytes of all of it."""
    masking_key: bytes
    """Empty, where the frame is not masked."""
    payload: bytes
    """That of a control frame, unmasked; empty for all others."""

    @property
    def is_control(self) -> bool:
        """Whether it is none of those that carry messages."""
        return self.opcode >= _FIRST_CONTROL


class FrameScanner:
    """Goes over what one side sends, from the beginning of a frame on."""

    __slots__ = ("_head", "_kept", "_left", "_size")

    def __init__(self) -> None:
        self._head = bytearray()
        # Of the frame whose header is whole: its size, what is still to come of its payload, and
        # the payload itself where it is kept.
        self._size = 0
        self._left = 0
        self._kept: bytearray | None = None

    def feed(self, data: bytes) -> list[ScannedFrame]:
        """Takes bytes; answers the frames that they complete."""
        frames: list[ScannedFrame] = []
        at = 0
        while at < len(data):
            if not self._size:
                at = self._read_head(data, at)
                if not self._size:
                    break
            taken = min(self._left, len(data) - at)
            if self._kept is not None:
                self._kept += data[at : at + taken]
            at += taken
            self._left -= taken
            if not self._left:
                frames.append(self._take())
        return frames

    def _read_head(self, data: bytes, at: int) -> int:
        """Takes what the header lacks, and reads it once it is whole; answers where it ends."""
        head = self._head
        while True:
            lacking = _header_size(head) - len(head)
            if not lacking:
                break
            part = data[at : at + lacking]
            head += part
            at += len(part)
            if len(part) < lacking:
                return at
        self._left = _payload_length(head)
        self._size = len(head) + self._left
        is_small_control = head[0] & 0x0F >= _FIRST_CONTROL and self._left <= MOST_CONTROL
        self._kept = bytearray() if is_small_control else None
        return at

    def _take(self) -> ScannedFrame:
        head, kept = self._head, self._kept or b""
        key = bytes(head[-_KEY_BYTES:]) if head[1] & _MASKED else b""
        frame = ScannedFrame(
            fin=bool(head[0] & _FINAL),
            rsv1=bool(head[0] & _RSV1),
            opcode=head[0] & 0x0F,
            length=self._size - len(head),
            size=self._size,
            masking_key=key,
            payload=bytes(byte ^ key[n % _KEY_BYTES] for n, byte in enumerate(kept))
            if key
            else bytes(kept),
        )
        self._head = bytearray()
        self._size = 0
        self._kept = None
        return frame


def _header_size(head: bytearray) -> int:
    """How long a header is, as far as what has come of it tells."""
    if len(head) < 2:
        return 2
    length, key = head[1] & 0x7F, _KEY_BYTES if head[1] & _MASKED else 0
    return 2 + (0 if length < 126 else 2 if length == 126 else 8) + key


def _payload_length(head: bytearray) -> int:
    length = head[1] & 0x7F
    if length < 126:
        return length
    return int.from_bytes(head[2:4] if length == 126 else head[2:10])
