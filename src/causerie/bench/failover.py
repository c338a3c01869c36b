"""One of several processes that share a port is killed: when have those that it served all again?

Half of the clients are cut off in the same instant, and the other half goes on. Something is said
while they are away; then they come back at once, with their cursors, to whoever takes them.
"""

import time
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from causerie.bench import crew
from causerie.bench.allowance import require_connections
from causerie.bench.dialects import V1, Dialect
from causerie.bench.faults import Faults, faults
from causerie.bench.generator import LoadFailed, Member, ServerFailed
from causerie.bench.opening import open_members
from causerie.bench.percentiles import percentiles
from causerie.bench.phases import Phase
from causerie.bench.reconnect import (
    AT_ONCE,
    CANNOT_RESUME,
    TWICE_WITHIN,
    Client,
    Resuming,
    catch_up,
    tell,
)
from causerie.bench.result import Result
from causerie.bench.target import NOT_OURS, OwnServer, Target

CUT_WITHIN: Final = 1.0
"""Seconds in which nobody is cut off any more, after which all have learnt it who were."""


@dataclass(frozen=True, kw_only=True)
class Failover:
    """One load."""

    clients: int = 1_000
    behind: int = 100
    """Entries that are said while a part of them is cut off."""
    size: int = 100
    """Bytes of content."""

    def __str__(self) -> str:
        return f"{self.clients:,} clients, {self.behind:,} behind, one process is killed"


@dataclass(frozen=True)
class _Tally:
    """What one process has counted. Times are in ns, from the kill."""

    caught_up: "array[int]"
    """Of those who were cut off, and have."""
    cut: int
    """How many were."""
    faults: Faults
    """Of all."""


class _Cut(Resuming):
    """Notes whose connections the server ends, and goes on."""

    def __init__(self, address: tuple[str, int], dialect: V1, size: int, last: bytes) -> None:
        super().__init__(address, dialect, size, last)
        self.cut: list[Member] = []

    def read_until_all_are_cut(self) -> None:
        """Reads until nobody is cut off any more. The others may hear something all the while."""
        known, last_at = 0, time.monotonic()
        while time.monotonic() - last_at < CUT_WITHIN:
            self.read(0.05)
            if len(self.cut) > known:
                known, last_at = len(self.cut), time.monotonic()

    def _scan(self, member: Member, answered: list[Member]) -> None:
        try:
            super()._scan(member, answered)
        except ServerFailed:
            self.disconnect(member)
            self.cut.append(member)


def run(
    load: Failover,
    target: Target,
    dialect: Dialect,
    *,
    room: str,
    processes: int = 1,
    progress: Callable[[float], None] = crew.tell_nobody,
) -> Result:
    """Measures one load.

    Raises:
        LoadFailed: this server is not one process of several, the dialect cannot resume, or as any
            load.
    """
    if not isinstance(dialect, V1):
        raise LoadFailed(CANNOT_RESUME)
    if not isinstance(target, OwnServer):
        raise LoadFailed(NOT_OURS)
    require_connections(load.clients + 1, processes, target)
    ran = crew.run(
        _work,
        crew.Task(load, V1(has_keys=True), target.address, room),
        target,
        processes=min(processes, load.clients),
        measured=("cut", "caught up"),
        at={"entered": target.kill_worker},
        progress=progress,
    )
    tallies: list[_Tally] = ran.results
    caught_up = sorted(moment for tally in tallies for moment in tally.caught_up)
    cut = sum(tally.cut for tally in tallies)
    if not cut:
        raise LoadFailed("the process that was killed served nobody: open more clients")
    figures = {
        "connections": load.clients,
        "cut_off": cut,
        **percentiles(caught_up),
        **asdict(sum((tally.faults for tally in tallies), Faults())),
        "generator_busy": ran.busy,
    }
    remarks: tuple[str, ...] = ()
    if late := cut - len(caught_up):
        remarks = (f"{late:,} clients have never caught up",)
    else:
        figures["caught_up_s"] = caught_up[-1] / 1e9
    return Result(f"failover: {load}", target.name, figures, caught_up, remarks)


def _work(post: crew.Post, work: crew.Task[Failover, V1]) -> _Tally:
    load = work.load
    expected = [b"%d" % number for number in range(load.behind)]
    generator = _Cut(work.address, work.dialect, load.size, expected[-1])
    clients = [Client(number, work.room) for number in post.mine(load.clients)]
    post.turn_to(Phase.CONNECTING)
    open_members(generator, clients, lambda share: post.progress(share * 0.4))
    generator.wait_until(
        lambda: all(client.cursor for client in clients), "clients were not told where they are"
    )
    killed = int(max(post.meet("entered")) * 1e9)
    post.turn_to(Phase.MISSING)
    generator.read_until_all_are_cut()
    cut, generator.cut = generator.cut, []
    post.meet("cut")
    if post.index == 0:
        speaker = Member(load.clients, f"m{load.clients}", work.room, is_scanned=True)
        open_members(generator, [speaker], crew.tell_nobody)
        tell(generator, speaker, range(load.behind))
    post.meet("told")
    post.turn_to(Phase.COMING_BACK)
    open_members(
        generator,
        cut,
        lambda share: post.progress(0.4 + share * 0.3),
        at_once=max(1, AT_ONCE // post.count),
    )
    post.turn_to(Phase.CATCHING_UP)
    catch_up(generator, len(clients), lambda share: post.progress(0.7 + share * 0.3))
    post.meet("caught up")
    post.turn_to(Phase.REPEATING)
    generator.read_until_quiet(TWICE_WITHIN)
    gone = set(cut)
    returned = (client for client in clients if client in gone)
    tally = _Tally(
        array("q", (client.caught_up_at - killed for client in returned if client.caught_up_at)),
        len(cut),
        sum((faults(client.numbers, expected) for client in clients), Faults()),
    )
    generator.close()
    return tally
