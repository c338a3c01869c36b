"""Many who are cut off, miss something, and all come back at once: who gets what, and when.

Each client remembers its cursor and resumes with it, as a real one does. Unlike a real one it does
not wait a random time before it comes back: this is the worst case.
"""

import time
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

from causerie.bench import crew
from causerie.bench.allowance import require_connections
from causerie.bench.dialects import V1, Cursor, Dialect
from causerie.bench.faults import Faults, faults
from causerie.bench.generator import Generator, LoadFailed, Member
from causerie.bench.marks import SPOKEN
from causerie.bench.opening import open_members
from causerie.bench.percentiles import percentiles
from causerie.bench.phases import Phase
from causerie.bench.result import Result
from causerie.bench.target import NOT_OURS, OwnServer, Target

IN_FLIGHT: Final = 64
"""Messages of the one who speaks that are on their way at a time."""

AT_ONCE: Final = 4_000
"""Clients that are coming back at a time: a few less than Linux lets wait to be accepted."""

TWICE_WITHIN: Final = 0.5
"""Seconds of silence after which nothing comes a second time."""

GIVEN_UP: Final = 10.0
"""Seconds without an entry after which those that have not come are lost."""

NOT_ACKED: Final = "messages were not acknowledged"
CANNOT_RESUME: Final = "the plain profile cannot resume without repeating: leave --plain out"


@dataclass(frozen=True, kw_only=True)
class Reconnect:
    """One load."""

    clients: int = 1_000
    entries: int = 1_000
    """In the room before they come in."""
    behind: int = 100
    """Entries that each has missed when it comes back."""
    kill: bool = False
    """Whether the server is killed and started again while they are away."""
    size: int = 100
    """Bytes of content."""

    def __str__(self) -> str:
        how = "kill -9" if self.kill else "a cut"
        return f"{self.clients:,} clients, {self.behind:,} behind of {self.entries:,}, {how}"


@dataclass(frozen=True)
class _Tally:
    """What one process has counted. Times are in ns, from when clients could come back."""

    entered: "array[int]"
    caught_up: "array[int]"
    """Of those who have."""
    faults: Faults
    unrecovered: int
    """Clients that were not told that nothing is missing."""


class Client(Member):
    """Who is cut off and comes back."""

    __slots__ = ("caught_up_at", "cursor", "numbers", "recovered")

    def __init__(self, number: int, room: str) -> None:
        super().__init__(number, f"m{number}", room, is_scanned=True)
        self.cursor: Cursor | None = None
        """How far it had come when it was cut off."""
        self.recovered: str | None = None
        """How the server says that it went."""
        self.numbers: list[bytes] = []
        """What it has heard, by the numbers in it."""
        self.caught_up_at = 0
        """When it heard the last, in ns of the monotonic clock; 0 if it has not."""


class Resuming(Generator):
    """Has clients come back with their cursors, and notes what each hears."""

    def __init__(self, address: tuple[str, int], dialect: V1, size: int, last: bytes) -> None:
        super().__init__(address, dialect, size)
        self.answers = 0
        """What whoever speaks has been answered."""
        self.caught_up = 0
        """Clients that have heard the last."""
        self.heard_at = 0
        """When any client heard anything, in ns of the monotonic clock."""
        self._dialect = dialect
        self._last = last
        """The number in the last message."""

    def _first_words(self, member: Member) -> bytes:
        if isinstance(member, Client) and member.cursor is not None:
            return self._dialect.resume(member.username, member.room.decode(), member.cursor)
        return super()._first_words(member)

    def _hear(self, member: Member, data: bytes, now: int, answered: list[Member]) -> None:
        if not isinstance(member, Client):
            self.answers += data.count(member.answer)
            super()._hear(member, data, now, answered)
            return
        if member.recovered is None and (joined := self._dialect.joined(data)) is not None:
            if member.cursor is None:
                member.cursor = joined.head
            else:
                member.recovered = joined.recovered
        if spoken := SPOKEN.findall(data):
            self.heard_at = now
            member.entries += len(spoken)
            member.numbers.extend([number for _, number in spoken])
            if member.numbers[-1] == self._last and not member.caught_up_at:
                member.caught_up_at = now
                self.caught_up += 1


def run(
    load: Reconnect,
    target: Target,
    dialect: Dialect,
    *,
    room: str,
    processes: int = 1,
    progress: Callable[[float], None] = crew.tell_nobody,
) -> Result:
    """Measures one load.

    Raises:
        LoadFailed: this server cannot be killed, the dialect cannot resume, or as any load.
    """
    if not isinstance(dialect, V1):
        raise LoadFailed(CANNOT_RESUME)
    if load.kill and not isinstance(target, OwnServer):
        raise LoadFailed(f"{NOT_OURS}, or --kill")
    require_connections(load.clients + 1, processes, target)
    ran = crew.run(
        _work,
        crew.Task(load, dialect, target.address, room),
        target,
        processes=min(processes, load.clients),
        measured=("back", "caught up"),
        at={"away": target.restart} if load.kill else {},
        progress=progress,
    )
    back, end = ran.moments["back"], ran.moments["caught up"]
    tallies: list[_Tally] = ran.results
    caught_up = sorted(moment for tally in tallies for moment in tally.caught_up)
    entered = max(moment for tally in tallies for moment in tally.entered)
    found = sum((tally.faults for tally in tallies), Faults())
    figures = {
        "connections": load.clients,
        "joins_per_second": load.clients / entered * 1e9,
        "cpu_us_per_join": (end.cpu - back.cpu) / load.clients * 1e6,
        **percentiles(caught_up),
        **asdict(found),
        "rss_mb": end.rss / 1e6,
        "server_busy": (end.cpu - back.cpu) / (end.at - back.at),
        "generator_busy": ran.busy,
    }
    remarks: list[str] = []
    if late := load.clients - len(caught_up):
        remarks.append(f"{late:,} clients have never caught up")
    else:
        figures["caught_up_s"] = caught_up[-1] / 1e9
        figures["deliveries_per_second"] = load.clients * load.behind / caught_up[-1] * 1e9
    if unrecovered := sum(tally.unrecovered for tally in tallies):
        remarks.append(f"{unrecovered:,} clients were told that something is missing")
    return Result(f"reconnect: {load}", target.name, figures, caught_up, tuple(remarks))


def _work(post: crew.Post, work: crew.Task[Reconnect, V1]) -> _Tally:
    load = work.load
    missed = range(load.entries, load.entries + load.behind)
    expected = [b"%d" % number for number in missed]
    generator = Resuming(work.address, work.dialect, load.size, expected[-1])
    speaker = Member(load.clients, f"m{load.clients}", work.room, is_scanned=True)
    clients = [Client(number, work.room) for number in post.mine(load.clients)]
    post.turn_to(Phase.FILLING)
    if post.index == 0:
        open_members(generator, [speaker], crew.tell_nobody)
        tell(generator, speaker, range(load.entries))
    post.meet("told")
    post.turn_to(Phase.CONNECTING)
    open_members(generator, clients, lambda share: post.progress(share * 0.4))
    generator.wait_until(
        lambda: all(client.cursor for client in clients), "clients were not told where they are"
    )
    post.meet("entered")
    for client in clients:
        generator.disconnect(client)
        client.numbers.clear()
    post.meet("cut")
    post.turn_to(Phase.MISSING)
    if post.index == 0:
        tell(generator, speaker, missed)
        generator.disconnect(speaker)
    if load.kill:
        post.turn_to(Phase.RESTARTING)
    reopened = post.meet("away", time.monotonic())
    post.meet("back")
    post.turn_to(Phase.COMING_BACK)
    begun = int(max(reopened) * 1e9)
    before = len(generator.entered_at)
    open_members(
        generator,
        clients,
        lambda share: post.progress(0.4 + share * 0.3),
        at_once=max(1, AT_ONCE // post.count),
    )
    post.turn_to(Phase.CATCHING_UP)
    catch_up(generator, len(clients), lambda share: post.progress(0.7 + share * 0.3))
    post.meet("caught up")
    post.turn_to(Phase.REPEATING)
    generator.read_until_quiet(TWICE_WITHIN)
    tally = _Tally(
        array("q", (moment - begun for moment in generator.entered_at[before:])),
        array("q", (client.caught_up_at - begun for client in clients if client.caught_up_at)),
        sum((faults(client.numbers, expected) for client in clients), Faults()),
        sum(client.recovered != "complete" for client in clients),
    )
    generator.close()
    return tally


def tell(generator: Resuming, speaker: Member, numbers: range) -> None:
    """Says so much, and waits until the server has answered for all of it."""
    before = generator.answers
    for place, number in enumerate(numbers):
        generator.wait_until(partial(_has, generator, before + place + 1 - IN_FLIGHT), NOT_ACKED)
        generator.say(speaker, number)
    generator.wait_until(partial(_has, generator, before + len(numbers)), NOT_ACKED)


def _has(generator: Resuming, answers: int) -> bool:
    return generator.answers >= answers


def catch_up(generator: Resuming, clients: int, progress: Callable[[float], None]) -> None:
    """Reads until all have heard the last, or nobody hears anything any more."""
    generator.heard_at = time.monotonic_ns()
    while generator.caught_up < clients:
        generator.read(0.05)
        if time.monotonic_ns() - generator.heard_at > GIVEN_UP * 1e9:
            return
        progress(generator.caught_up / clients)
    progress(1.0)
