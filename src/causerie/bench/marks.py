"""What the messages of a load say, so that they can be counted without being decoded.

Each ends in a run of 32 tildes: a search for it leaps 32 bytes at a time, which takes 10 ns a
message of 180 bytes where a search for a field's name takes 130. Before it stand who said it and
when it should have been said.
"""

import re
from typing import Final

MARK: Final = b"~" * 32
"""The end of what a load says."""

CALL: Final = b"^" * 32
"""The end of what is said to find out who hears: a call that comes late is no message of the load.
"""

SPOKEN: Final = re.compile(rb"#(\d+);(\d+);x*~{32}")
"""The number of the speaker, and a number that the load chose: when it should have been said
(ns of the monotonic clock), or which message it is."""

SHORTEST: Final = 64
"""Bytes of content, at least: numbers and mark have room in it."""


def content(speaker: int, number: int, size: int = SHORTEST, mark: bytes = MARK) -> bytes:
    """What one says, in ASCII that JSON leaves as it is; `size` bytes, or as many as it takes."""
    head = b"#%d;%d;" % (speaker, number)
    return head + b"x" * (size - len(head) - len(mark)) + mark


def unfinished(data: bytes | bytearray, start: int, end: int, mark: bytes = MARK) -> bytes:
    """The part of a mark at the end of what has come, if its rest is still to come."""
    run = end
    while run > start and data[run - 1] == mark[0]:
        run -= 1
    return mark[: (end - run) % len(mark)]
