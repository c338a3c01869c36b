"""Many who come in and then say nothing: what it costs to let them in, and to keep them."""

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from causerie.bench import crew
from causerie.bench.allowance import require_connections
from causerie.bench.dialects import Dialect
from causerie.bench.generator import Generator, Member
from causerie.bench.opening import AT_ONCE, open_members
from causerie.bench.percentiles import percentiles
from causerie.bench.phases import Phase
from causerie.bench.result import Result
from causerie.bench.target import Target

QUIET: Final = 0.5
"""Seconds without a byte after which all that the joins have caused has been told, in a small room.
"""

TOLD_PER_SECOND: Final = 1_500
"""Members that a server tells of those who came, at least: ours gathers who comes into a large room
for as long as it takes to tell 2,000 a second."""

OPENING: Final = 0.5
"""The share of the work that opening is, for whoever looks on."""

UNPINGED: Final = (
    "the server sent no ping in these {seconds:g} s, so what one costs is not in the idle µs: give "
    "it more --seconds than its heartbeat has"
)


@dataclass(frozen=True, kw_only=True)
class Connections:
    """One load."""

    count: int = 1_000
    rooms: int = 1
    """Over which they spread."""
    rate: float = 0.0
    """Joins a second, at a steady pace; 0 for flat out."""
    seconds: float = 30.0
    """For which they then say nothing, but answer pings."""

    def __str__(self) -> str:
        rooms = f" in {self.rooms:,} rooms" if self.rooms > 1 else ""
        how = f"{self.rate:,.0f} joins/s" if self.rate else f"{AT_ONCE} at a time"
        return f"{self.count:,} connections{rooms}, {how}"


@dataclass(frozen=True)
class _Tally:
    """What one process has counted. Times are those of the monotonic clock, in ns."""

    begun: int
    latencies: "array[int]"
    entered_at: "array[int]"
    pongs: int
    """In the idle seconds."""


def run(
    load: Connections,
    target: Target,
    dialect: Dialect,
    *,
    room: str,
    processes: int = 1,
    progress: Callable[[float], None] = crew.tell_nobody,
) -> Result:
    """Measures one load."""
    require_connections(load.count, processes, target)
    ran = crew.run(
        _work,
        crew.Task(load, dialect, target.address, room),
        target,
        processes=processes,
        measured=("empty", "entered"),
        settled="quiet",
        progress=progress,
    )
    empty, entered, quiet, end = (
        ran.moments[name] for name in ("empty", "entered", "quiet", "idled")
    )
    tallies: list[_Tally] = ran.results
    latencies = [latency for tally in tallies for latency in tally.latencies]
    pongs = sum(tally.pongs for tally in tallies)
    figures = {
        "connections": load.count,
        **paces(
            min(tally.begun for tally in tallies),
            sorted(moment for tally in tallies for moment in tally.entered_at),
        ),
        "cpu_us_per_join": (quiet.cpu - empty.cpu) / load.count * 1e6,
        **percentiles(latencies),
        "rss_mb": end.rss / 1e6,
        "rss_kb_per_connection": (end.rss - empty.rss) / load.count / 1024,
        "server_busy": (entered.cpu - empty.cpu) / (entered.at - empty.at),
        "generator_busy": ran.busy,
    }
    remarks: tuple[str, ...] = ()
    if load.seconds:
        idle = (end.cpu - quiet.cpu) / (end.at - quiet.at)
        figures["cpu_us_per_second_idle"] = idle / load.count * 1e6
        figures["pings_answered"] = pongs
        remarks = () if pongs else (UNPINGED.format(seconds=load.seconds),)
    return Result(f"connections: {load}", target.name, figures, latencies, remarks)


def paces(begun: int, entered_at: Sequence[int]) -> dict[str, float]:
    """Joins a second: of all, and of the first and the last tenth, since none may cost more for
    those who are there already. The times are in ns and in order.
    """
    count = len(entered_at)
    found = {"joins_per_second": _pace(count, entered_at[-1] - begun)}
    if tenth := count // 10:
        found["first_joins_per_second"] = _pace(tenth, entered_at[tenth - 1] - begun)
        found["last_joins_per_second"] = _pace(tenth, entered_at[-1] - entered_at[-1 - tenth])
    return found


def _pace(count: int, elapsed: int) -> float:
    return count / max(1, elapsed) * 1e9


def _work(post: crew.Post, work: crew.Task[Connections, Dialect]) -> _Tally:
    load = work.load
    generator = Generator(work.address, work.dialect, 0)
    members = [
        Member(number, f"m{number}", f"{work.room}-{number % load.rooms}", is_scanned=False)
        for number in post.mine(load.count)
    ]
    opening = OPENING if load.seconds else 1.0
    post.turn_to(Phase.CONNECTING)
    post.meet("empty")
    begun = time.monotonic_ns()
    open_members(
        generator,
        members,
        lambda share: post.progress(share * opening),
        rate=load.rate / post.count,
        at_once=max(1, AT_ONCE // post.count),
    )
    post.meet("entered")
    post.turn_to(Phase.TELLING)
    generator.read_until_quiet(max(QUIET, load.count / load.rooms / TOLD_PER_SECOND))
    post.meet("quiet")
    post.turn_to(Phase.IDLE)
    before = generator.pongs
    until = time.monotonic() + load.seconds
    while (left := until - time.monotonic()) > 0:
        post.progress(1.0 - (1.0 - opening) * left / load.seconds)
        generator.read(min(left, 0.5))
    post.progress(1.0)
    post.meet("idled")
    tally = _Tally(begun, generator.joins, generator.entered_at, generator.pongs - before)
    generator.close()
    return tally
