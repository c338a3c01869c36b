"""What a comparison has found: every run, and what the rounds of one come to together."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from causerie.bench.pace import KEPT, unkept
from causerie.bench.percentiles import at
from causerie.bench.result import Result

V1: Final = "Causerie (v1)"
PLAIN: Final = "Causerie (plain)"
"""The two columns of Causerie: its own profile, and the one that the rivals speak."""

SHARES: Final = (0.0, *(1 - 10 ** -(step / 20) for step in range(1, 81)))
"""Where a latency curve is drawn: as many points between 90 and 99 % as between 99 and 99.9 %."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run of one load on one server, or a part of it."""

    load: str
    """The load's key."""
    part: str
    """What the load calls it."""
    server: str
    round: int
    """From 0."""
    figures: dict[str, float]
    """By the names of causerie.bench.result.FIGURES."""
    curve: list[float] = field(default_factory=list)
    """Latencies in ms at SHARES; less where there were too few to tell."""
    remarks: list[str] = field(default_factory=list)
    failed: str = ""
    """Why there are no figures."""


@dataclass(frozen=True, kw_only=True)
class LoadInfo:
    """A load, as it is shown."""

    key: str
    title: str
    group: str
    """fanout, alone, members or rooms."""
    x: int = 0
    """Where it stands in a plot of costs."""


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """A server, as it is shown."""

    name: str
    version: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where it ran."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    filesystem: str
    """Of the data folders."""
    fsync_ms: float
    """The median of a small append and its fdatasync there."""
    load_average: float
    """Of the minute before, over all cores: what else was going on."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All of it."""

    machine: Machine
    commit: str
    date: str
    command: str
    rounds: int
    minutes: float
    servers: list[ServerInfo]
    is_trial: bool
    """Whether this was not all, or not of the size that is meant."""
    missing: list[str]
    """Sentences on those that could not take part."""
    loads: list[LoadInfo]
    records: list[Record]

    def of(self, load: str, server: str, part: str | None = None) -> list[Record]:
        """The runs of a load on a server, in the order of the rounds."""
        return [
            record
            for record in self.records
            if record.load == load
            and record.server == server
            and (part is None or part in record.part)
        ]

    def figure(self, load: str, server: str, name: str, part: str | None = None) -> "Spread | None":
        """What the rounds have shown; None where there is nothing to show."""
        return spread(
            record.figures[name] for record in self.of(load, server, part) if name in record.figures
        )

    def title(self, load: str) -> str:
        """What a load is called."""
        return next((one.title for one in self.loads if one.key == load), load)

    def group(self, name: str) -> list[LoadInfo]:
        """The loads of a group, in their order."""
        return [load for load in self.loads if load.group == name]


class Spread(NamedTuple):
    """What a figure was in all rounds."""

    median: float
    low: float
    high: float


def spread(values: "Sequence[float] | Iterator[float]") -> Spread | None:
    """The median and the extremes; None of nothing."""
    ordered = sorted(values)
    return Spread(statistics.median(ordered), ordered[0], ordered[-1]) if ordered else None


def ratio(one: Spread | None, other: Spread | None) -> float | None:
    """How many times the other one is; None if that cannot be said."""
    return one.median / other.median if one and other and other.median else None


def curve(latencies: Sequence[int]) -> list[float]:
    """Latencies (ns) at SHARES, in ms, as far as there are enough for the next."""
    ordered = sorted(latencies)
    enough = [share for share in SHARES if ordered and (1 - share) * len(ordered) > 1 - 1e-9]
    return [at(ordered, share) / 1e6 for share in enough]


def median_curve(records: Sequence[Record]) -> list[float]:
    """The curve of all rounds: at each point the median of those that reach it."""
    curves = [record.curve for record in records if record.curve]
    shortest = min(map(len, curves), default=0)
    return [statistics.median(one[place] for one in curves) for place in range(shortest)]


def record_of(
    result: Result, *, load: str, server: str, number: int, pace: float, remarks: Sequence[str]
) -> Record:
    """What is kept of a result.

    Args:
        result: What the load has shown.
        load: Its key.
        server: As it is called here.
        number: Of the round.
        pace: Deliveries a second that there should have been; 0 for as many as can be.
        remarks: What has to be known to understand it.
    """
    reached = result.figures.get("deliveries_per_second", 0.0)
    # Most loads say so themselves.
    said = dict.fromkeys([*remarks, *unkept(reached, pace, "deliveries")])
    return Record(
        load=load,
        part=result.load,
        server=server,
        round=number,
        figures={name: value for name, value in result.figures.items() if not math.isnan(value)},
        curve=curve(result.latencies),
        remarks=list(said),
    )


def is_too_much(record: Record, pace: float) -> bool:
    """Whether a server has shown that it cannot do this, so that once is enough."""
    reached = record.figures.get("deliveries_per_second", 0.0)
    return bool(record.failed) or reached < KEPT * pace
