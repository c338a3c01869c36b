"""The head of a WebSocket frame that a server sends (RFC 6455, section 5.2).

An entry is framed once and its bytes are shared by all who want the same, which a library that
frames for each receiver cannot do.
"""

_TEXT_FINAL = 0x81


def frame_text(payload: bytes) -> bytes:
    """One whole text message, unmasked, as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT_FINAL, size)) + payload
    if size < 65_536:
        return bytes((_TEXT_FINAL, 126)) + size.to_bytes(2) + payload
    return bytes((_TEXT_FINAL, 127)) + size.to_bytes(8) + payload
