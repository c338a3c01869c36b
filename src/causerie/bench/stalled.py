"""Many who have stopped reading: what they cost those who read, and the server's memory."""

import select
import socket
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Final

from causerie.bench import crew
from causerie.bench.allowance import require_connections
from causerie.bench.dialects import Dialect
from causerie.bench.faults import Faults, faults
from causerie.bench.generator import READ, Generator, LoadFailed, Member, reset
from causerie.bench.marks import SPOKEN
from causerie.bench.opening import call_the_roll, open_members
from causerie.bench.pace import NOTHING_SAID, intended_times
from causerie.bench.percentiles import percentiles
from causerie.bench.phases import Phase
from causerie.bench.result import Result
from causerie.bench.target import Target, Use

SAMPLED: Final = 10
"""Members whose latency is measured, in each process."""

RECEIVE_BUFFER: Final = 4 * 1024
"""Bytes that the system takes in for one who stalls, so that the server soon has to wait."""

FILLERS: Final = 400
"""Messages that fill what systems hold for those who stall, before anything is measured."""

FILLER_SIZE: Final = 900
"""Bytes of content of each."""

QUIET: Final = 5.0
"""Seconds without a message after which nothing more comes."""


@dataclass(frozen=True, kw_only=True)
class Stalled:
    """One load."""

    stalled: int = 1_000
    """Who are in the room and have stopped reading."""
    members: int = 100
    """Who are in it and read; each of them speaks."""
    rate: float = 100.0
    """Messages a second, at a steady pace."""
    seconds: float = 8.0
    """With those who stall; and as long before they come."""
    size: int = 100
    """Bytes of content."""

    def __str__(self) -> str:
        return f"{self.members:,} members, {self.rate:,.0f} messages/s"

    @property
    def messages(self) -> int:
        """Of each part."""
        return int(self.rate * self.seconds)

    @property
    def connections(self) -> int:
        """Of all."""
        return self.members + self.stalled


@dataclass(frozen=True)
class _Tally:
    """What one process has counted."""

    alone: "array[int]"
    """Latencies of those who read, in ns."""
    beside: "array[int]"
    """The same beside those who stall."""
    faults: Faults
    """Of what those who had stalled were given afterwards: what whoever always read was given is
    what there was, in its order."""


class Witness(Member):
    """Who remembers which messages came, by their numbers, in their order."""

    __slots__ = ("heard", "is_reader")

    def __init__(self, number: int, room: str, *, is_reader: bool) -> None:
        super().__init__(number, f"m{number}", room, is_scanned=True)
        self.heard = array("q")
        self.is_reader = is_reader
        """Whether it always reads, so that its latencies count."""


class Stalling(Generator):
    """Has some stop reading, and read again."""

    def connect(self, member: Member, intended: int, receive_buffer: int | None = None) -> None:
        """Begins to connect; with little room for what comes, if the member will stall."""
        if isinstance(member, Witness) and not member.is_reader:
            receive_buffer = RECEIVE_BUFFER
        super().connect(member, intended, receive_buffer)

    def stop_reading(self, members: Iterable[Member]) -> None:
        """Leaves what comes to them where it is."""
        for member in members:
            self._poll.unregister(member.descriptor)

    def read_again(self, members: Iterable[Member]) -> None:
        """Reads what has come to them, with room for it."""
        for member in members:
            member.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ)
            self._poll.register(member.descriptor, select.EPOLLIN)

    def _hear(self, member: Member, data: bytes, now: int, answered: list[Member]) -> None:
        if isinstance(member, Witness):
            numbers = [int(number) for _, number in SPOKEN.findall(data)]
            member.heard.extend(numbers)
            if not member.is_reader:
                member.entries += len(numbers)
                return
        super()._hear(member, data, now, answered)


def run(
    load: Stalled,
    target: Target,
    dialect: Dialect,
    *,
    room: str,
    processes: int = 1,
    progress: Callable[[float], None] = crew.tell_nobody,
) -> list[Result]:
    """Measures those who read alone, and then beside those who do not.

    Raises:
        LoadFailed: Nothing would be said, or the server does not go on.
    """
    if not load.messages:
        raise LoadFailed(NOTHING_SAID)
    require_connections(load.connections, processes, target)
    ran = crew.run(
        _work,
        crew.Task(load, dialect, target.address, room),
        target,
        # Each has to have one who speaks.
        processes=min(processes, load.members),
        measured=("begin", "settled"),
        progress=progress,
    )
    tallies: list[_Tally] = ran.results
    at = ran.moments
    alone = [latency for tally in tallies for latency in tally.alone]
    beside = [latency for tally in tallies for latency in tally.beside]
    found = sum((tally.faults for tally in tallies), Faults())
    after = {
        "rss_kb_per_stalled": (at["settled"].rss - at["alone settled"].rss) / load.stalled / 1024,
        "caught_up_s": at["caught up"].at - at["settled"].at,
        **asdict(found),
        "generator_busy": ran.busy,
    }
    name = f"stalled: {load}"
    return [
        Result(
            f"{name}, alone",
            target.name,
            _figures(load, alone, at["alone"], at["alone settled"]),
            alone,
            seconds=load.seconds,
        ),
        Result(
            f"{name}, beside {load.stalled:,} who do not read",
            target.name,
            {**_figures(load, beside, at["begin"], at["settled"]), **after},
            beside,
            seconds=load.seconds,
        ),
    ]


def _figures(load: Stalled, latencies: Sequence[int], begin: Use, end: Use) -> dict[str, float]:
    """Those of either part; its deliveries are those to whoever reads."""
    deliveries = load.messages * load.members
    elapsed = end.at - begin.at
    return {
        "deliveries_per_second": deliveries / elapsed,
        "cpu_us_per_delivery": (end.cpu - begin.cpu) / deliveries * 1e6,
        **percentiles(latencies),
        "rss_mb": end.rss / 1e6,
        "server_busy": (end.cpu - begin.cpu) / elapsed,
    }


def _work(post: crew.Post, work: crew.Task[Stalled, Dialect]) -> _Tally:
    with closing(Stalling(work.address, work.dialect, work.load.size)) as generator:
        return _measured(post, work, generator)


def _measured(post: crew.Post, work: crew.Task[Stalled, Dialect], generator: Stalling) -> _Tally:
    load = work.load
    mine = post.mine(load.members)
    witness = Witness(mine[0], work.room, is_reader=True)
    readers = [witness] + [
        Member(number, f"m{number}", work.room, is_scanned=True) for number in mine[1:]
    ]
    stalled = [
        Witness(load.members + number, work.room, is_reader=False)
        for number in post.mine(load.stalled)
    ]
    caller = readers[:1] if post.index == 0 else []

    post.turn_to(Phase.CONNECTING)
    open_members(generator, readers, lambda share: post.progress(share * 0.05))
    post.meet("entered")
    post.turn_to(Phase.CALLING)
    call_the_roll(generator, readers, post, *caller)
    post.turn_to(Phase.ALONE)
    post.meet("alone")
    alone = _speak(load, generator, readers, post, 0.05)
    post.meet("alone settled")

    post.turn_to(Phase.CONNECTING)
    open_members(generator, stalled, lambda share: post.progress(0.4 + share * 0.1))
    post.meet("all entered")
    post.turn_to(Phase.CALLING)
    call_the_roll(generator, [*readers, *stalled], post, *caller)
    post.meet("heard")
    generator.stop_reading(stalled)
    witness.heard = array("q")
    post.turn_to(Phase.BLOCKING)
    post.meet("stalled")
    _fill(generator, readers, post)
    post.turn_to(Phase.BESIDE)
    post.meet("begin")
    beside = _speak(load, generator, readers, post, 0.5)
    post.meet("settled")

    post.turn_to(Phase.CATCHING_UP)
    generator.read_again(stalled)
    expected = len(witness.heard)
    _catch_up(generator, stalled, expected, lambda share: post.progress(0.9 + share * 0.1))
    post.meet("caught up")
    post.turn_to(Phase.REPEATING)
    # What comes twice may come late.
    generator.read(0.5)
    found = sum((faults(member.heard, witness.heard) for member in stalled), Faults())
    return _Tally(alone, beside, found)


def _speak(
    load: Stalled,
    generator: Generator,
    readers: Sequence[Member],
    post: crew.Post,
    done: float,
) -> "array[int]":
    """Has those who read say things at a steady pace; returns their latencies, which count from
    when each should have been said.
    """
    reset(readers)
    generator.latencies = array("q")
    mine = len(post.mine(load.messages))
    pace = intended_times(generator, load.rate / post.count, mine)
    for number, intended in enumerate(pace):
        generator.say(readers[number % len(readers)], _own(post, intended))
        if number % 32 == 0:
            post.progress(done + 0.35 * number / mine)
    generator.settle(load.messages * len(readers))
    return generator.latencies


def _fill(generator: Generator, readers: Sequence[Member], post: crew.Post) -> None:
    """Says so much that nothing more goes to those who stall."""
    reset(readers)
    size, generator.size = generator.size, FILLER_SIZE
    for number, _ in enumerate(post.mine(FILLERS)):
        generator.say(readers[number % len(readers)], _own(post, time.monotonic_ns()))
        generator.read(0.005)
    generator.size = size
    generator.settle(FILLERS * len(readers))


def _own(post: crew.Post, moment: int) -> int:
    """The time at which something is said, in ns; no two processes say the same."""
    return moment - moment % post.count + post.index


def _catch_up(
    generator: Generator,
    stalled: Sequence[Member],
    expected: int,
    progress: Callable[[float], None],
) -> None:
    """Reads until each has been given all, or nothing more comes."""
    wanted = expected * len(stalled)
    before, silent_since = -1, time.monotonic()
    while (came := sum(member.entries for member in stalled)) < wanted:
        now = time.monotonic()
        if came > before:
            before, silent_since = came, now
        elif now - silent_since > QUIET:
            return
        generator.read(0.05)
        progress(came / wanted)
