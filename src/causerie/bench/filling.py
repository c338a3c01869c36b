"""Fills rooms with entries, over the wire, as fast as the server stores them."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Final

from causerie.bench.dialects import V1
from causerie.bench.generator import DEADLINE, Generator, Member, ServerFailed
from causerie.bench.opening import open_members
from causerie.testing.framing import client_frame

FILLERS: Final = 8
"""Connections that fill, each a room at a time: one's own entries are all that one is sent."""

IN_FLIGHT: Final = 128 * 1024
"""Bytes that one filler has said and that are not answered, at most: a socket takes so many."""

FRAME: Final = 100
"""Bytes of a message that are not content, at most."""


class Filler(Member):
    """Says things in one room after the other."""

    __slots__ = ("_script",)

    def __init__(self, number: int, rooms: Sequence[str], entries: int, size: int) -> None:
        super().__init__(number, f"filler{number}", rooms[0], is_scanned=True)
        self._script = script(number, rooms, entries, size)

    def say(self, count: int) -> None:
        """Says the next so many things, or what is left.

        Raises:
            ServerFailed: The server does not read them, or has gone.
        """
        try:
            self.socket.sendall(b"".join(islice(self._script, count)))
        except OSError as error:
            raise ServerFailed(
                f"the server does not take what is said ({error.strerror})"
            ) from None


class Filling(Generator):
    """Looks for answers, and nothing else."""

    def _hear(self, member: Member, data: bytes, now: int, answered: list[Member]) -> None:
        del now
        if answers := data.count(member.answer):
            answered.extend([member] * answers)
        else:
            self._check(member, data)


def fill(
    address: tuple[str, int],
    rooms: Sequence[str],
    entries: int,
    size: int,
    *,
    first: int,
    ready: Callable[[], object],
    progress: Callable[[float], None],
) -> int:
    """Says things in all rooms; returns how many when all of them are durable.

    Args:
        address: Where the server listens.
        rooms: The names of the rooms.
        entries: How many things are to be said in each.
        size: Bytes of content.
        first: The number of the first filler in the whole load.
        ready: Is called when all fillers are connected.
        progress: Is told how much is done, from 0 to 1.

    Raises:
        ServerFailed: The server does not go on.
    """
    shares = [rooms[number::FILLERS] for number in range(min(FILLERS, len(rooms)))]
    fillers = [Filler(first + number, share, entries, size) for number, share in enumerate(shares)]
    with closing(Filling(address, V1(), size)) as generator:
        open_members(generator, fillers, lambda _share: None)
        ready()
        for filler in fillers:
            filler.say(max(1, IN_FLIGHT // (size + FRAME)))
        return _finish(generator, len(rooms) * entries, progress)


def _finish(generator: Filling, total: int, progress: Callable[[float], None]) -> int:
    """Says the next thing for each that is answered, until all are."""
    done, silent_since = 0, time.monotonic()
    while done < total:
        for member, count in Counter(generator.read(0.5)).items():
            assert isinstance(member, Filler), "nobody else is here"
            member.say(count)
            done += count
            silent_since = time.monotonic()
        if time.monotonic() - silent_since > DEADLINE:
            raise ServerFailed(f"a message was not answered within {DEADLINE:.0f} s")
        progress(done / total)
    progress(1.0)
    return done


def script(speaker: int, rooms: Sequence[str], entries: int, size: int) -> Iterator[bytes]:
    """What a filler says that is in the first of its rooms: frames, each with one message in it."""
    dialect, count = V1(), 0
    for number, room in enumerate(rooms):
        move = b""
        if number:
            leave = b'{"type":"leave","room":"%s"}' % rooms[number - 1].encode()
            join = b'{"type":"join","room":"%s"}' % room.encode()
            move = client_frame(leave) + client_frame(join)
        for _ in range(entries):
            count += 1
            yield move + dialect.say(speaker, count, room.encode(), count, size)
            move = b""
