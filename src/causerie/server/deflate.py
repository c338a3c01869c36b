"""Messages of the server, compressed (permessage-deflate, RFC 7692).

Each is compressed by itself, without *context takeover*: so an entry is compressed once for all who
want it, and no connection keeps anything. What that leaves to be saved are long messages, and pages
of history, in which every entry has the same fields. As `python -m bench.deflate` has measured it:

| what | bytes | CPU |
|---|---|---|
| a message of 500 characters, to 2 | 635 → 396 each | 142 → 185 µs |
| one of 2,000 characters, to 2 | 2,147 → 1,134 each | 160 → 217 µs |
| the same, to 500 | the same | 260 → 235 µs, and 535 → 355 |
| a page of 100 messages of 50 characters | 17.8 → 4.3 KB | 400 → 580 µs |
| a page of 60 messages of 500 characters | 32.8 → 12.8 KB | 370 → 790 µs |
| what a client compresses, to be read | | 0.6 → 9.5 µs |

A third of what a message costs in a small room is much for what few of them save: so it is off
where nobody asks for it.
"""

import zlib
from typing import Final

from causerie.wire.framing import frame_text, text_of

WINDOW_BITS: Final = 15
"""How far back a compressed text refers to itself: 2 to the power of this, in bytes."""

WORTHWHILE: Final = 512
"""Bytes of a frame from which on it is compressed. Of a shorter one less than 170 bytes can be
saved, and nearly every message is shorter."""

LEVEL: Final = 1
"""Level 6 makes an entry shorter by 2 % and a page by 6 to 12, and takes a page three times as
long."""

_END: Final = b"\x00\x00\xff\xff"
"""What the end of each message would be, and is left out (RFC 7692, section 7.2.1)."""

# zlib allocates and clears 256 KB for each message if it is not told otherwise, which can be more
# work than the message: 54 µs against 9. For a short one 32 KB are enough.
_SHORT: Final = 8 * 1024
_SHORT_WINDOW_BITS: Final = 12
_SHORT_MEMORY: Final = 5
_LONG_MEMORY: Final = 8


def frame_deflated(text: bytes) -> bytes:
    """One whole text message, as it is sent to those with whom compression was agreed on:
    compressed if that makes it shorter and pays, otherwise as to anybody else.
    """
    frame = frame_text(text)
    return deflate_frame(frame) if len(frame) >= WORTHWHILE else frame


def deflate_frame(frame: bytes) -> bytes:
    """A frame that `frame_text` has made, compressed; the frame itself where that is no longer."""
    text = text_of(frame)
    if len(text) <= _SHORT:
        deflating = zlib.compressobj(LEVEL, zlib.DEFLATED, -_SHORT_WINDOW_BITS, _SHORT_MEMORY)
    else:
        deflating = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, _LONG_MEMORY)
    deflated = deflating.compress(text) + deflating.flush(zlib.Z_SYNC_FLUSH)
    assert deflated.endswith(_END), "so ends what was flushed (RFC 1951, section 3.2.4)"
    compressed = frame_text(deflated[: -len(_END)], compressed=True)
    return compressed if len(compressed) < len(frame) else frame
