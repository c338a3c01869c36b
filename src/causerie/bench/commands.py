"""`causerie bench …` as people type it."""

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import TextIOWrapper
from secrets import token_hex
from typing import Annotated, Final, Protocol, TypeVar

from cyclopts import App, Parameter
from cyclopts.validators import Number

from causerie.bench import connections as _connections
from causerie.bench import failover as _failover
from causerie.bench import fanout as _fanout
from causerie.bench import history as _history
from causerie.bench import mixed as _mixed
from causerie.bench import reconnect as _reconnect
from causerie.bench import rooms as _rooms
from causerie.bench import stalled as _stalled
from causerie.bench.allowance import require_size
from causerie.bench.dialects import DIALECTS, Dialect
from causerie.bench.generator import LoadFailed, ServerFailed
from causerie.bench.report import Step, progress_bar, write_json, write_table
from causerie.bench.result import Result
from causerie.bench.signals import ended_in_order
from causerie.bench.target import Target, at_url, own_server

FAILURE: Final = 1

PID_ALONE: Final = (
    "--pid is for a server that runs already: tell where with --url, or leave --pid out to have "
    "one started and measured"
)

_Load_contra = TypeVar("_Load_contra", contravariant=True)

app = App(
    name="bench",
    help="Measure a server: this one, in a process of its own, or any that speaks the protocol.",
)

Count = Annotated[int, Parameter(validator=Number(gte=1))]
Amount = Annotated[float, Parameter(validator=Number(gte=0, lt=math.inf))]
Positive = Annotated[float, Parameter(validator=Number(gt=0, lt=math.inf))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """What all loads can be told."""

    url: str | None = None
    """The server to measure, such as ws://localhost:8080. Without it, one is started for this, on a
    free port, with a data folder of its own, and ended afterwards. Start yours with --rate-limit 0
    and --names-per-address 0: what it allows a person is less than a load."""

    pid: Annotated[int | None, Parameter(validator=Number(gte=1))] = None
    """The server's process, for its CPU and memory, if it is not found by itself."""

    plain: bool = False
    """Speak the plain profile instead of v1."""

    processes: Count = 1
    """How many processes share the load. More than one helps where there are cores for them."""

    json: bool = False
    """Write JSON instead of a table."""


class Run(Protocol[_Load_contra]):
    """Puts a load on a server, and tells what it has shown."""

    def __call__(
        self,
        load: _Load_contra,
        target: Target,
        dialect: Dialect,
        /,
        *,
        room: str,
        processes: int,
        progress: Step,
    ) -> Result | list[Result]:
        """Runs it."""
        ...


def measure(
    common: Common,
    load: _Load_contra,
    run: Run[_Load_contra],
    *,
    size: int = 0,
    options: Sequence[str] = (),
) -> int:
    """Runs a load and shows what it has shown; returns the exit code.

    Args:
        common: What all loads can be told.
        load: The load.
        run: What runs it.
        size: Bytes of content of its messages; 0 if it says nothing.
        options: What a server is told that is started for it.
    """
    dialect = DIALECTS["plain" if common.plain else "v1"]
    try:
        if sys.platform != "linux":
            raise LoadFailed("causerie bench needs Linux, for its epoll and /proc")
        with (
            ended_in_order(),
            progress_bar(str(load), sys.stderr) as bar,
            _target(common, options) as target,
        ):
            target.at_phase = bar.turn_to
            if size:
                require_size(size, target)
            room = f"bench-{token_hex(4)}"
            found = run(load, target, dialect, room=room, processes=common.processes, progress=bar)
    except LoadFailed as error:
        sys.stderr.write(f"causerie: {error}.\n")
        return FAILURE
    results = found if isinstance(found, list) else [found]
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # nothing that was measured is lost for a sign
    (write_json if common.json else write_table)(results, sys.stdout)
    return 0


@contextmanager
def _target(common: Common, options: Sequence[str]) -> Iterator[Target]:
    if common.url is None and common.pid is not None:
        raise LoadFailed(PID_ALONE)
    with (
        own_server(options=options)
        if common.url is None
        else nullcontext(at_url(common.url, common.pid))
    ) as target:
        try:
            yield target
        except ServerFailed as error:
            raise LoadFailed(f"{error}: {target.last_words()}") from None


@app.command
def fanout(
    common: Common = Common(),
    *,
    members: Count = 500,
    senders: Count = 50,
    in_flight: Count = 64,
    rate: Amount = 0.0,
    seconds: Positive = 8.0,
    size: Count = 100,
) -> int:
    """One room, many members: what it costs to bring a message to everybody.

    Parameters
    ----------
    members
        How many are in the room.
    senders
        How many of them speak.
    in_flight
        Messages that are on their way at any time; the next is said when one is answered.
    rate
        Messages a second at a steady pace instead.
    seconds
        How long it takes.
    size
        Bytes of content.
    """
    load = _fanout.Fanout(
        members=members,
        senders=min(senders, members),
        in_flight=in_flight,
        rate=rate,
        seconds=seconds,
        size=size,
    )
    return measure(common, load, _fanout.run, size=size)


@app.command
def connections(
    common: Common = Common(),
    *,
    count: Count = 1_000,
    rooms: Count = 1,
    rate: Amount = 0.0,
    seconds: Amount = 30.0,
) -> int:
    """Many who come in and then say nothing: what it costs to let them in, and to keep them.

    Parameters
    ----------
    count
        How many come in.
    rooms
        Over how many rooms they spread.
    rate
        Joins a second at a steady pace, latencies counting from when each should have begun.
        Without it, 64 come in at any time.
    seconds
        How long they then say nothing. The server sends each a ping in its heartbeat, 27 s unless
        it was told otherwise, so less does not show what pings cost.
    """
    load = _connections.Connections(count=count, rooms=rooms, rate=rate, seconds=seconds)
    return measure(common, load, _connections.run)


@app.command
def reconnect(
    common: Common = Common(),
    *,
    clients: Count = 1_000,
    entries: Annotated[int, Parameter(validator=Number(gte=0))] = 1_000,
    behind: Count = 100,
    kill: bool = False,
    size: Count = 100,
) -> int:
    """Many who are cut off, miss something and all come back at once: who gets what, and when.

    All come back without the random delay of real clients: this is the worst case. What each is
    given is compared with what it has missed, entry by entry.

    Parameters
    ----------
    clients
        How many there are, all in one room.
    entries
        Messages in the room before they come in.
    behind
        Messages that are said, and acknowledged, while they are away.
    kill
        Kill the server (SIGKILL) while they are away, and start it again. For a server that is
        started for this.
    size
        Bytes of content.
    """
    load = _reconnect.Reconnect(
        clients=clients, entries=entries, behind=behind, kill=kill, size=size
    )
    return measure(common, load, _reconnect.run, size=size)


@app.command
def failover(
    common: Common = Common(),
    *,
    clients: Count = 1_000,
    behind: Count = 100,
    workers: Annotated[int, Parameter(validator=Number(gte=2))] = 2,
    size: Count = 100,
) -> int:
    """One of the processes that share a port is killed: when those that it served have all again.

    All of them come back without the random delay of real clients, and the others go on. What each
    is given is compared with what was said, entry by entry.

    Parameters
    ----------
    clients
        How many there are, all in one room.
    behind
        Messages that are said, and acknowledged, while a part of them is cut off.
    workers
        Processes of the server that is started for this (causerie serve --workers).
    size
        Bytes of content.
    """
    load = _failover.Failover(clients=clients, behind=behind, size=size)
    options = ("--workers", str(workers))
    return measure(common, load, _failover.run, size=size, options=options)


@app.command
def rooms(
    common: Common = Common(),
    *,
    rooms: Count = 2_000,
    members: Count = 2,
    rate: Amount = 0.0,
    seconds: Positive = 8.0,
    size: Count = 100,
) -> int:
    """Many small rooms: what it costs to make a message durable and to say so.

    In each room one speaks, and says the next thing when the last is answered.

    Parameters
    ----------
    rooms
        How many rooms there are.
    members
        How many are in each.
    rate
        Messages a second over all rooms, at a steady pace instead and however many are on their
        way. Latencies count from when each should have been said.
    seconds
        How long it takes.
    size
        Bytes of content.
    """
    load = _rooms.Rooms(rooms=rooms, members=members, rate=rate, seconds=seconds, size=size)
    return measure(common, load, _rooms.run, size=size)


@app.command
def history(
    common: Common = Common(),
    *,
    entries: Count = 10_000,
    rooms: Count = 1,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100))] = 100,
    pages: Count = 1_000,
    size: Count = 100,
    seed: int = 1,
) -> int:
    """Long logs: what it costs to read in them, and to start on them.

    Fills rooms, kills the server and starts it again (if it is one of our own), and reads one page
    after another: before random places, from the newest backwards, from the oldest forwards. Every
    page is checked to be whole.

    Parameters
    ----------
    entries
        How many there are, in all rooms together.
    rooms
        Over how many rooms they are spread.
    limit
        Entries of a page.
    pages
        How many are read in each way.
    size
        Bytes of content.
    seed
        Which random places.
    """
    load = _history.History(
        entries=entries, rooms=rooms, limit=limit, pages=pages, size=size, seed=seed
    )
    return measure(common, load, _history.run, size=size)


@app.command
def mixed(
    common: Common = Common(),
    *,
    members: Count = 1_000,
    rate: Amount = 0.0,
    cuts: Amount = 4.0,
    seconds: Positive = 60.0,
    size: Count = 100,
    seed: int = 1,
) -> int:
    """A day in an office: everything at once, and whether the server forgets or keeps too much.

    Rooms of two to 500, in which three of ten members speak and type, say things to one another
    privately, leave rooms and join them again, and lose their connections and come back. Of all
    members, each account of each room is checked to be whole, once and in order. The server's
    memory is looked at every second: it is warm after two thirds of the time, and then is to stay
    as it is. Its connections, sessions, rooms and tasks are counted then, and when all have gone
    and its grace period is over: there are to be no more than before (of a server at --url that is
    started with --watch-loop).

    Parameters
    ----------
    members
        How many there are.
    rate
        Messages a second in rooms; without it, a fifth of the members. Of private messages there
        are a tenth of that.
    cuts
        Connections that are lost in a second; they come back within 20 s. Half as often somebody
        leaves a room for as long.
    seconds
        How long it takes. 300 are an office's hour, and the least in which a server gets warm.
    size
        Bytes of content.
    seed
        Which chances.
    """
    load = _mixed.Mixed(
        members=members, rate=rate, cuts=cuts, seconds=seconds, size=size, seed=seed
    )
    return measure(common, load, _mixed.run, size=size, options=["--watch-loop"])


@app.command
def stalled(
    common: Common = Common(),
    *,
    stalled: Count = 1_000,
    members: Count = 100,
    rate: Positive = 100.0,
    seconds: Positive = 8.0,
    size: Count = 100,
) -> int:
    """Many who have stopped reading: what they cost those who read, and the server's memory.

    Measures those who read alone, and then beside the others, who read again afterwards and are to
    be given all that they have missed, once and in order.

    Parameters
    ----------
    stalled
        How many have stopped reading.
    members
        How many read, in the same room.
    rate
        Messages a second, of those who read.
    seconds
        How long each part takes. A server may cut off whoever reads nothing for its heartbeat.
    size
        Bytes of content.
    """
    load = _stalled.Stalled(stalled=stalled, members=members, rate=rate, seconds=seconds, size=size)
    return measure(common, load, _stalled.run, size=size)
