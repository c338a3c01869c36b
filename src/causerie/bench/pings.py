"""Finds the pings in what a server sends, where nobody reads whole frames.

Whoever does not answer is taken for dead (RFC 6455, section 5.5.2), and a long load would lose its
members one by one.
"""

from typing import Final

PING: Final = 0x89
_FRAMES: Final = b"\x81\x88\x89"
"""How the frames begin that a server sends: texts, a goodbye, pings."""
_LONGEST: Final = 125
"""Bytes that a ping can carry (section 5.5)."""
_AFTER_TEXT: Final = ord("}")
_BEHIND_TEXT: Final = bytes((_AFTER_TEXT, PING))


def may_have_pings(data: bytes | bytearray, start: int, end: int) -> bool:
    """Tells, sooner than `pings` finds out, whether there may be any: the first byte of one is
    also in the length of every text of 137 bytes, and of 393.
    """
    return data[start] == PING or data.find(_BEHIND_TEXT, start, end) >= 0


def pings(data: bytes | bytearray, start: int, end: int) -> list[bytes]:
    """The payloads of the pings among a server's JSON texts.

    What has come may begin and end within a frame. A ping stands at its beginning, or behind the
    bracket that ends a text; and at its end, or before the next frame. Whatever else looks so is
    answered for nothing, which is allowed (section 5.5.3).
    """
    found: list[bytes] = []
    boundary = start
    place = data.find(PING, start, end)
    while place >= 0:
        is_begun = place == boundary or data[place - 1] == _AFTER_TEXT
        length = data[place + 1] if place + 1 < end else end
        stop = place + 2 + length
        if (
            is_begun
            and length <= _LONGEST
            and (stop == end or (stop < end and data[stop] in _FRAMES))
        ):
            found.append(bytes(data[place + 2 : stop]))
            boundary = place = stop
        else:
            place += 1
        place = data.find(PING, place, end)
    return found
