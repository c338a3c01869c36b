"""Brings the members of a load into their rooms."""

import time
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from causerie.bench.crew import Post
from causerie.bench.generator import Generator, Member, ServerFailed, reset
from causerie.bench.marks import CALL, MARK
from causerie.bench.pace import read_until

AT_ONCE: Final = 64
"""Connections that are being opened at a time, unless there is a rate: no server's backlog is
shorter."""

CALLED_AGAIN: Final = 0.25
"""Seconds in which a call has to reach everybody; then there is another."""

ANSWERED: Final = 1_000
"""Calls a second that a server has time for, at least."""

CALLS: Final = 80
"""After which those who have heard none never will."""

NOT_OPENED: Final = "connections were not opened"


def open_members(
    generator: Generator,
    members: Sequence[Member],
    progress: Callable[[float], None],
    *,
    rate: float = 0.0,
    at_once: int = AT_ONCE,
) -> None:
    """Opens connections and waits until all are in their rooms.

    Args:
        generator: Connects, and goes on reading from those who are there already.
        members: Who is to come.
        progress: Is told how much is done, from 0 to 1.
        rate: Connections a second, begun at a steady pace however long each takes; 0 for a fixed
            number at a time.
        at_once: That number.

    Raises:
        LoadFailed: the server refuses one, or does not answer.
    """
    begun = time.monotonic_ns()
    before = len(generator.joins)
    for number, member in enumerate(members):
        if rate:
            intended = begun + int(number / rate * 1e9)
            read_until(generator, intended)
        else:
            enough = before + number - at_once + 1
            generator.wait_until(partial(_have_entered, generator, enough), NOT_OPENED)
            intended = time.monotonic_ns()
        generator.connect(member, intended)
        if number % 32 == 0:
            progress(number / len(members))
    generator.wait_until(partial(_have_entered, generator, before + len(members)), NOT_OPENED)


def _have_entered(generator: Generator, count: int) -> bool:
    return len(generator.joins) >= count


def call_the_roll(
    generator: Generator, members: Sequence[Member], post: Post, *callers: Member
) -> None:
    """Has somebody in each room speak until all in all processes have heard it.

    A plain server greets before it has let one in, and says nothing after that. The calls are no
    messages of the load: one that comes late is not counted.

    Raises:
        ServerFailed: some never hear anything.
    """
    reset(members)
    generator.mark = CALL
    unanswered = 0
    for _ in range(CALLS):
        for caller in callers:
            generator.say(caller, 0)
        unanswered += len(callers)
        # Where many call, who is answered late is not to call again and be answered later still.
        until = time.monotonic() + CALLED_AGAIN + len(callers) / ANSWERED
        while (deaf := _deaf(members)) + unanswered and time.monotonic() < until:
            unanswered -= len(generator.read(0.05))
        if not sum(post.meet("called", deaf + unanswered)):
            break
    else:
        raise ServerFailed(
            f"{_deaf(members)} of {len(members)} members hear nothing of what is said, and "
            f"{unanswered} of their calls are not answered"
        )
    generator.mark = MARK
    generator.latencies = array("q")
    reset(members)


def _deaf(members: Sequence[Member]) -> int:
    return sum(not member.entries for member in members)
