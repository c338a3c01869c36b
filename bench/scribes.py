"""Some who fill a room with numbered lines, as fast as the server takes them."""

import time
from typing import Final, Self

from causerie.bench.dialects import V1
from causerie.bench.generator import Generator, LoadFailed, Member
from causerie.bench.marks import MARK
from causerie.bench.opening import open_members
from causerie.testing.framing import client_frame

IN_FLIGHT: Final = 64
DEADLINE: Final = 60.0
"""Seconds within which the next line has to be acked."""


class _Lines(V1):
    """Says the line of a number: a few words, a paragraph, or now and then code."""

    def say(
        self, speaker: int, number: int, room: bytes, count: int, size: int, *, mark: bytes = MARK
    ) -> bytes:
        """Says it."""
        del speaker, count, size, mark
        words = b" words" * (number * 7919 % 29)
        code = rb"\n```\nsome code\nof two lines\n```"
        rest = code if number % 40 == 0 else b" **%d**%s" % (number % 7, words)
        form = b'{"type":"message","room":"%s","id":"line-%d","content":"line %d.%s"}'
        return client_frame(form % (room, number, number, rest))


class Scribes:
    """Are in a room from the beginning; a context manager that sees them off."""

    def __init__(self, port: int, room: str, count: int = 1) -> None:
        self._generator = Generator(("127.0.0.1", port), _Lines(), 0)
        self._members = [
            Member(number, f"member{number}", room, is_scanned=True) for number in range(count)
        ]
        open_members(self._generator, self._members, lambda _: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._generator.close()

    def say_lines(self, count: int) -> None:
        """Says so many lines, and returns when all are acked.

        Raises:
            LoadFailed: One is not.
        """
        said = acked = 0
        waiting = [self._members[number % len(self._members)] for number in range(IN_FLIGHT)]
        until = time.monotonic() + DEADLINE
        while acked < count:
            for member in waiting[: count - said]:
                said += 1
                self._generator.say(member, said)
            waiting = self._generator.read(1.0)
            acked += len(waiting)
            if waiting:
                until = time.monotonic() + DEADLINE
            elif time.monotonic() > until:
                raise LoadFailed(f"line {acked + 1} was never acked")
