"""The head of a WebSocket frame that a server sends (RFC 6455, section 5.2).

An entry is framed once and its bytes are shared by all who want the same, which a library that
frames for each receiver cannot do.
"""

_TEXT_FINAL = 0x81
_COMPRESSED = 0x40
"""RSV1, by which permessage-deflate marks a compressed message (RFC 7692, section 6)."""


def frame_text(payload: bytes, *, compressed: bool = False) -> bytes:
    """One whole text message, unmasked, as a server sends it. Of a compressed one, the payload is
    what the compression has made of the text.
    """
    first = _TEXT_FINAL | _COMPRESSED if compressed else _TEXT_FINAL
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return bytes((first, 126)) + size.to_bytes(2) + payload
    return bytes((first, 127)) + size.to_bytes(8) + payload


def text_of(frame: bytes) -> bytes:
    """The text of a frame that `frame_text` has made, uncompressed."""
    size = frame[1]
    return frame[2 if size < 126 else 4 if size == 126 else 10 :]
