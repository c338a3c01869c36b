"""Many small rooms: what it costs to make a message durable and to say so."""

import math
import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from causerie.bench import crew
from causerie.bench.allowance import require_connections
from causerie.bench.dialects import Dialect
from causerie.bench.generator import Generator, LoadFailed, Member
from causerie.bench.marks import MARK
from causerie.bench.opening import call_the_roll, open_members
from causerie.bench.pace import NOTHING_SAID, intended_times, unkept
from causerie.bench.percentiles import percentiles
from causerie.bench.phases import Phase
from causerie.bench.result import Result
from causerie.bench.target import Target
from causerie.bench.warming import OPENING, Part, warmed_up


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """One load. In each room one message is always on its way, unless there is a `rate`."""

    rooms: int = 2_000
    members: int = 2
    """In each room; one of them speaks."""
    rate: float = 0.0
    """Messages a second over all rooms, at a steady pace and however many are on their way; 0 for
    one in each room."""
    seconds: float = 8.0
    size: int = 100
    """Bytes of content."""

    def __str__(self) -> str:
        how = f"{self.rate:,.0f} messages/s" if self.rate else "1 in flight in each"
        return f"{self.rooms:,} rooms of {self.members:,}, {how}"


@dataclass(frozen=True)
class _Tally:
    """What one process has counted."""

    acks: int
    deliveries: int
    latencies: "array[int]"


class Speaker(Member):
    """Who speaks in a room, and waits for an answer to all that was said."""

    __slots__ = ("waiting",)

    def __init__(self, number: int, username: str, room: str) -> None:
        super().__init__(number, username, room, is_scanned=True)
        self.waiting: deque[int] = deque()
        """When what is not answered yet should have been said, in ns. Answers come in order."""


class Answers(Generator):
    """Measures how long answers take, and not entries: those it counts."""

    def __init__(self, address: tuple[str, int], dialect: Dialect, size: int) -> None:
        super().__init__(address, dialect, size)
        self.unanswered = 0
        """What has been said and not answered yet."""

    def say(self, member: Member, number: int) -> None:
        """Says something that should have been said at that time, in ns."""
        assert isinstance(member, Speaker), "nobody else speaks"
        member.waiting.append(number)
        self.unanswered += 1
        super().say(member, number)

    def settle(self, expected: int, within: float = math.inf) -> None:
        """Reads until so many deliveries have come, and all answers."""
        self.wait_until(lambda: not self.unanswered, "messages were not answered")
        super().settle(expected, within)

    def _hear(self, member: Member, data: bytes, now: int, answered: list[Member]) -> None:
        assert isinstance(member, Speaker), "nobody else is scanned"
        member.entries += data.count(MARK)
        answers = data.count(member.answer)
        if not answers:
            self._check(member, data)
        for _ in range(answers):
            self.latencies.append(now - member.waiting.popleft())
            self.unanswered -= 1
            answered.append(member)


def run(
    load: Rooms,
    target: Target,
    dialect: Dialect,
    *,
    room: str,
    processes: int = 1,
    progress: Callable[[float], None] = crew.tell_nobody,
) -> Result:
    """Measures one load.

    Raises:
        LoadFailed: Nothing was said, or the server does not go on.
    """
    require_connections(load.rooms * load.members, processes, target)
    ran = crew.run(
        _work,
        crew.Task(load, dialect, target.address, room),
        target,
        processes=min(processes, load.rooms),
        measured=("begin", "settled"),
        progress=progress,
    )
    empty, begin, end = (ran.moments[name] for name in ("empty", "begin", "settled"))
    acks = sum(tally.acks for tally in ran.results)
    if not acks:
        raise LoadFailed(NOTHING_SAID)
    latencies = [latency for tally in ran.results for latency in tally.latencies]
    elapsed, connections = end.at - begin.at, load.rooms * load.members
    figures = {
        "connections": connections,
        "acks_per_second": acks / elapsed,
        "deliveries_per_second": sum(tally.deliveries for tally in ran.results) / elapsed,
        "cpu_us_per_ack": (end.cpu - begin.cpu) / acks * 1e6,
        **percentiles(latencies),
        "rss_mb": end.rss / 1e6,
        "rss_kb_per_connection": (begin.rss - empty.rss) / connections / 1024,
        "server_busy": (end.cpu - begin.cpu) / elapsed,
        "generator_busy": ran.busy,
    }
    remarks = unkept(acks / elapsed, load.rate, "acks")
    return Result(f"rooms: {load}", target.name, figures, latencies, remarks, elapsed)


def _work(post: crew.Post, work: crew.Task[Rooms, Dialect]) -> _Tally:
    with closing(Answers(work.address, work.dialect, work.load.size)) as generator:
        return _measured(post, work, generator)


def _measured(post: crew.Post, work: crew.Task[Rooms, Dialect], generator: Answers) -> _Tally:
    load = work.load
    members: list[Member] = []
    speakers: list[Member] = []
    for room in post.mine(load.rooms):
        name, first = f"{work.room}-{room}", room * load.members
        speakers.append(Speaker(first, f"m{first}", name))
        members.append(speakers[-1])
        members.extend(
            Member(number, f"m{number}", name, is_scanned=False)
            for number in range(first + 1, first + load.members)
        )
    post.turn_to(Phase.CONNECTING)
    post.meet("empty")
    open_members(generator, members, lambda share: post.progress(share * OPENING))
    post.meet("entered")
    post.turn_to(Phase.CALLING)
    call_the_roll(generator, members, post, *speakers)
    speak = _steadily if load.rate else _flat_out
    generator.settle(0)
    said = 0
    for part in warmed_up(generator, members, post, load.seconds):
        said = speak(generator, speakers, part, load.rate / post.count)
        post.turn_to(Phase.CATCHING_UP)
        generator.settle(said * load.members)
    return _Tally(said, generator.deliveries, generator.latencies)


def _flat_out(generator: Answers, speakers: Sequence[Member], part: Part, rate: float) -> int:
    """Says the next thing in each room when the last is answered; returns how much was said."""
    del rate
    for speaker in speakers:
        generator.say(speaker, time.monotonic_ns())
    said = len(speakers)
    begun = now = told = time.monotonic()
    while now - begun < part.seconds:
        answered = generator.read(0.5)
        for speaker in answered:
            generator.say(speaker, time.monotonic_ns())
        said += len(answered)
        now = time.monotonic()
        if now - told > 0.1:
            told = now
            part.progress((now - begun) / part.seconds)
    return said


def _steadily(generator: Answers, speakers: Sequence[Member], part: Part, rate: float) -> int:
    """Says things at a steady pace, in one room after the other; returns how much was said."""
    total = int(rate * part.seconds)
    for number, intended in enumerate(intended_times(generator, rate, total)):
        generator.say(speakers[number % len(speakers)], intended)
        if number % 256 == 0:
            part.progress(number / total)
    return total
