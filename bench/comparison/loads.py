"""The loads of a comparison. To add one is to add a line to a list here."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Protocol

from bench.comparison.records import V1, LoadInfo
from bench.comparison.targets import BARE, BURST, CROWD, FOUR, PEER, QUIET, STEADY, USUAL

from causerie.bench import connections, fanout, history, mixed, reconnect, rooms, stalled
from causerie.bench.connections import Connections
from causerie.bench.dialects import Dialect
from causerie.bench.fanout import Fanout
from causerie.bench.history import History
from causerie.bench.mixed import Mixed
from causerie.bench.reconnect import Reconnect
from causerie.bench.result import Result
from causerie.bench.rooms import Rooms
from causerie.bench.stalled import Stalled
from causerie.bench.target import Target
from causerie.bench.warming import WARM_UP

START: Final = 1.5
"""Seconds that it takes to start a server, to open connections and to end it all, about."""

MEMBERS: Final = (10, 30, 100, 300, 1_000)
ROOMS: Final = (10, 30, 100, 300, 1_000, 3_000, 10_000)

PLOTTED: Final = frozenset({V1, PEER, USUAL, "websockets", BARE})
"""Those whose cost against members is measured."""

ROOM: Final = "bench"


class Run(Protocol):
    """Puts a load on a server."""

    def __call__(
        self, target: Target, dialect: Dialect, *, progress: Callable[[float], None]
    ) -> Result | list[Result]:
        """Runs it; the progress is told from 0 to 1."""
        ...


@dataclass(frozen=True)
class Load:
    """What is run, on whom, and for how long."""

    info: LoadInfo
    run: Run
    lasts: float
    """Seconds, about, with all that belongs to it."""
    pace: float = 0.0
    """Deliveries a second that there have to be for a steady pace to be kept; 0 without one."""
    servers: frozenset[str] = field(default_factory=frozenset)
    """Their names; all if there is none."""
    once: bool = False
    """Whether it is run in the first round alone."""
    is_watched: bool = True
    """Whether Causerie tells how long one turn of its loop took, which costs it a little."""


def loads(*, quick: bool) -> list[Load]:
    """All of them; `quick` makes them so small that they show no more than that all works."""
    some = partial(max, 2) if not quick else _tenth
    seconds = 0.4 if quick else 3.5
    return [
        _fanout(BURST, Fanout(members=some(500), in_flight=64, seconds=seconds)),
        _fanout(CROWD, Fanout(members=some(1_000), in_flight=50, seconds=seconds)),
        _fanout(FOUR, Fanout(members=some(500), in_flight=4, seconds=seconds)),
        _fanout(STEADY, Fanout(members=some(500), rate=some(1_000), seconds=seconds)),
        _fanout(QUIET, Fanout(members=some(100), rate=100, seconds=seconds)),
        *(_members(count, seconds * 0.6) for count in (MEMBERS[::2] if quick else MEMBERS)),
        *(_rooms(count, seconds * 0.6) for count in (ROOMS[:5:2] if quick else ROOMS)),
        *_alone(some, seconds, day=5.0 if quick else 300.0),
    ]


def _alone(some: Callable[[int], int], seconds: float, *, day: float) -> list[Load]:
    """Those that only Causerie is put under; one of them for a `day` of so many seconds."""
    many = some(10_000)
    idle = Connections(count=some(15_000), rate=some(1_000), seconds=seconds * 8)
    storm = Connections(count=many, seconds=0)
    paced = Connections(count=many, rate=some(1_000), seconds=0)
    back = Reconnect(clients=many, kill=True, entries=many)
    beside = Stalled(stalled=some(1_000), seconds=2 * seconds)
    busy = Rooms(rooms=some(2_000), seconds=seconds)
    spread = Rooms(rooms=some(2_000), rate=some(10_000), seconds=seconds)
    long = History(entries=some(1_000_000))
    broad = replace(long, rooms=some(10_000))
    office = Mixed(members=some(1_000), seconds=day)
    return [
        _only("rooms", "Small rooms", rooms.run, busy, seconds * 1.15 + 2),
        _only("paced rooms", "Small rooms", rooms.run, spread, seconds * 1.15 + 2),
        _only("history", "History", history.run, long, long.entries / 20_000 + 5),
        _only("rooms of history", "History", history.run, broad, broad.entries / 20_000 + 5),
        _only("connections", "Connections", connections.run, storm, many / 2_000),
        _only("paced joins", "Joins", connections.run, paced, many / paced.rate),
        replace(
            _only("idle", "Idle", connections.run, idle, idle.count / idle.rate + idle.seconds),
            is_watched=False,
        ),
        _only("reconnect", "Coming back", reconnect.run, back, many / 300),
        _only("stalled", "Stalled readers", stalled.run, beside, 3 * beside.seconds),
        _only("mixed", "Everything at once", mixed.run, office, day + 20),
    ]


def _fanout(key: str, load: Fanout) -> Load:
    """One that all are put under."""
    return Load(
        LoadInfo(key=key, title=str(load), group="fanout"),
        partial(_run, fanout.run, load),
        load.seconds * (1 + WARM_UP) + START,
        pace=load.rate * load.members,
    )


def _members(members: int, seconds: float) -> Load:
    """A point of the plot of costs against members."""
    load = Fanout(members=members, senders=min(10, members), rate=100, seconds=seconds)
    return Load(
        LoadInfo(key=f"members {members}", title=str(load), group="members", x=members),
        partial(_run, fanout.run, load),
        seconds * (1 + WARM_UP) + START,
        servers=PLOTTED,
        once=True,
    )


def _rooms(count: int, seconds: float) -> Load:
    """A point of the plot of costs against rooms."""
    load = Rooms(rooms=count, members=1, rate=2_000, seconds=seconds)
    return Load(
        LoadInfo(key=f"rooms {count}", title=str(load), group="rooms", x=count),
        partial(_run, rooms.run, load),
        seconds * 1.15 + START + count / 2_000,
        servers=frozenset({V1}),
        once=True,
    )


def _only(
    key: str, title: str, run: Callable[..., Result | list[Result]], load: object, lasts: float
) -> Load:
    """One for Causerie alone."""
    return Load(
        LoadInfo(key=key, title=f"{title}: {load}", group="alone"),
        partial(_run, run, load),
        lasts + START,
        servers=frozenset({V1}),
        once=True,
    )


def _run(
    run: Callable[..., Result | list[Result]],
    load: object,
    target: Target,
    dialect: Dialect,
    *,
    progress: Callable[[float], None],
) -> Result | list[Result]:
    return run(load, target, dialect, room=ROOM, progress=progress)


def _tenth(count: int) -> int:
    return max(2, count // 10)
