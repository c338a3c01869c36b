"""Brings the members of a load into their rooms."""

import time
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from causerie.bench.generator import Generator, LoadFailed, Member, reset

AT_ONCE: Final = 64
"""Connections that are being opened at a time, unless there is a rate: no server's backlog is
shorter."""

HEARD_WITHIN: Final = 2.0
"""Seconds that a message takes to reach everybody, at most."""

CALLS: Final = 10

NOT_OPENED: Final = "connections were not opened"


def open_members(
    generator: Generator,
    members: Sequence[Member],
    progress: Callable[[float], None],
    *,
    rate: float = 0.0,
) -> None:
    """Opens connections and waits until all are in their rooms.

    Args:
        generator: Connects, and goes on reading from those who are there already.
        members: Who is to come.
        progress: Is told how much is done, from 0 to 1.
        rate: Connections a second, begun at a steady pace however long each takes; 0 for a fixed
            number at a time.

    Raises:
        LoadFailed: the server refuses one, or does not answer.
    """
    begun = time.monotonic_ns()
    before = len(generator.joins)
    for number, member in enumerate(members):
        if rate:
            intended = begun + int(number / rate * 1e9)
            while (wait := (intended - time.monotonic_ns()) / 1e9) > 0:
                generator.read(wait)
        else:
            enough = before + number - AT_ONCE
            generator.wait_until(partial(_have_entered, generator, enough), NOT_OPENED)
            intended = time.monotonic_ns()
        generator.connect(member, intended)
        if number % 32 == 0:
            progress(number / len(members))
    generator.wait_until(partial(_have_entered, generator, before + len(members)), NOT_OPENED)


def _have_entered(generator: Generator, count: int) -> bool:
    return len(generator.joins) >= count


def call_the_roll(generator: Generator, members: Sequence[Member], caller: Member) -> None:
    """Has one say something until all have heard it.

    A plain server greets before it has let one in, and says nothing after that.

    Raises:
        LoadFailed: some never hear anything.
    """
    for _ in range(CALLS):
        reset(members)
        generator.say(caller, 0)
        until = time.monotonic() + HEARD_WITHIN
        while time.monotonic() < until:
            generator.read(0.05)
            if all(member.entries for member in members):
                generator.latencies = array("q")
                return
    deaf = sum(not member.entries for member in members)
    raise LoadFailed(f"{deaf} of {len(members)} members hear nothing: see the server's log")
