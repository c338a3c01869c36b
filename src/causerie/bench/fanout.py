"""One room, many members: what it costs to bring a message to everybody."""

import math
import time
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from causerie.bench import crew
from causerie.bench.allowance import require_connections
from causerie.bench.dialects import Dialect
from causerie.bench.generator import Generator, LoadFailed, Member
from causerie.bench.opening import call_the_roll, open_members
from causerie.bench.pace import NOTHING_SAID, intended_times, unkept
from causerie.bench.percentiles import percentiles
from causerie.bench.phases import Phase
from causerie.bench.result import Result
from causerie.bench.target import Target
from causerie.bench.warming import OPENING, Part, warmed_up

SAMPLED: Final = 10
"""Members whose latency is measured, in each process, about."""

LATE: Final = 5.0
"""Seconds after the last message of a steady pace until all have to have come: whoever is later
falls further behind the longer it goes on.
"""


@dataclass(frozen=True, kw_only=True)
class Fanout:
    """One load. `in_flight` messages are always on their way, unless there is a `rate`."""

    members: int = 500
    senders: int = 50
    in_flight: int = 64
    rate: float = 0.0
    """Messages a second, at a steady pace; 0 for flat out."""
    seconds: float = 8.0
    size: int = 100
    """Bytes of content."""

    def __str__(self) -> str:
        how = f"{self.rate:,.0f} messages/s" if self.rate else f"{self.in_flight} in flight"
        return f"{self.members:,} members, {how}"


@dataclass(frozen=True)
class _Tally:
    """What one process has counted."""

    deliveries: int
    latencies: "array[int]"


def run(
    load: Fanout,
    target: Target,
    dialect: Dialect,
    *,
    room: str,
    processes: int = 1,
    progress: Callable[[float], None] = crew.tell_nobody,
) -> Result:
    """Measures one load."""
    require_connections(load.members, processes, target)
    ran = crew.run(
        _work,
        crew.Task(load, dialect, target.address, room),
        target,
        # Each has to have one who speaks.
        processes=min(processes, load.senders),
        measured=("begin", "settled"),
        progress=progress,
    )
    empty, begin, end = (ran.moments[name] for name in ("empty", "begin", "settled"))
    deliveries = sum(tally.deliveries for tally in ran.results)
    if not deliveries:
        raise LoadFailed(NOTHING_SAID)
    latencies = [latency for tally in ran.results for latency in tally.latencies]
    elapsed = end.at - begin.at
    figures = {
        "deliveries_per_second": deliveries / elapsed,
        "cpu_us_per_delivery": (end.cpu - begin.cpu) / deliveries * 1e6,
        **percentiles(latencies),
        "rss_mb": end.rss / 1e6,
        "rss_kb_per_connection": (begin.rss - empty.rss) / load.members / 1024,
        "server_busy": (end.cpu - begin.cpu) / elapsed,
        "generator_busy": ran.busy,
    }
    remarks = unkept(deliveries / elapsed, load.rate * load.members, "deliveries")
    return Result(f"fanout: {load}", target.name, figures, latencies, remarks, elapsed)


def _work(post: crew.Post, work: crew.Task[Fanout, Dialect]) -> _Tally:
    load = work.load
    generator = Generator(work.address, work.dialect, load.size)
    mine, speaking = post.mine(load.members), post.mine(load.senders)
    # Servers serve who came first first: those who are sampled came at all times.
    every = max(1, len(mine) // SAMPLED)
    members = [
        Member(
            number,
            f"m{number}",
            work.room,
            is_scanned=place < len(speaking) or place % every == 0,
            is_sampled=place % every == 0,
        )
        for place, number in enumerate(mine)
    ]
    senders = members[: len(speaking)]
    post.turn_to(Phase.CONNECTING)
    post.meet("empty")
    open_members(generator, members, lambda share: post.progress(share * OPENING))
    post.meet("entered")
    post.turn_to(Phase.CALLING)
    call_the_roll(generator, members, post, *(senders[:1] if post.index == 0 else ()))
    post.meet("heard")
    speak = _steadily if load.rate else _flat_out
    for part in warmed_up(generator, members, post, load.seconds):
        said = speak(load, generator, senders, part, post)
        post.turn_to(Phase.CATCHING_UP)
        everything = sum(post.meet("said", said))
        generator.settle(everything * len(members), LATE if load.rate else math.inf)
    tally = _Tally(generator.deliveries, generator.latencies)
    generator.close()
    return tally


def _flat_out(
    load: Fanout, generator: Generator, senders: list[Member], part: Part, post: crew.Post
) -> int:
    """Says the next thing whenever one is answered; returns how much was said."""
    said = 0
    for number in post.mine(load.in_flight):
        generator.say(senders[number % len(senders)], time.monotonic_ns())
        said += 1
    begun = now = time.monotonic()
    told = begun
    waiting: deque[Member] = deque()
    while now - begun < part.seconds:
        waiting.extend(generator.read(0.5))
        while waiting:
            generator.say(waiting.popleft(), time.monotonic_ns())
            said += 1
        now = time.monotonic()
        if now - told > 0.1:
            told = now
            part.progress((now - begun) / part.seconds)
    return said


def _steadily(
    load: Fanout, generator: Generator, senders: list[Member], part: Part, post: crew.Post
) -> int:
    """Says things at a steady pace; returns how much was said."""
    rate = load.rate / post.count
    total = int(rate * part.seconds)
    for number, intended in enumerate(intended_times(generator, rate, total)):
        generator.say(senders[number % len(senders)], intended)
        if number % 64 == 0:
            part.progress(number / total)
    return total
