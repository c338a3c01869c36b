"""The numbers that Causerie is to reach, and whether it does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.comparison.records import PLAIN, V1, Comparison

BURST: Final = "burst"
CROWD: Final = "crowd"
FOUR: Final = "four"
STEADY: Final = "steady"
QUIET: Final = "quiet"

PEER: Final = "Bun"
"""The fastest of those that many use."""
USUAL: Final = "ws"
"""What most people begin with."""
BARE: Final = "C"
"""What the operating system itself costs."""


@dataclass(frozen=True)
class Verdict:
    """One target, and what was measured; None where something for it is missing."""

    what: str
    server: str
    measured: float | None
    bound: float | None
    unit: str
    at_least: bool = False
    """Whether more is better."""

    @property
    def is_held(self) -> bool | None:
        """None if it cannot be said."""
        if self.measured is None or self.bound is None:
            return None
        if self.at_least:
            return self.measured >= self.bound
        return self.measured <= self.bound


@dataclass(frozen=True, kw_only=True)
class _Target:
    """A figure of a load, and what it is to be: a number, or so many times another figure."""

    load: str
    figure: str
    what: str
    unit: str
    at_least: bool = False
    part: str | None = None
    """What the part of the load is called in which it is; None if there is but one."""
    number: float = 0.0
    times: float = 0.0
    """Of that figure of the peer, or else of its own."""
    peer: str = ""
    peer_figure: str = ""
    """If it is another one."""
    fsyncs: float = 0.0
    """That may come on top of it."""

    def bound(self, comparison: Comparison, server: str) -> float | None:
        """What it is to be; None if that was not measured."""
        bound = self.number + self.fsyncs * comparison.machine.fsync_ms
        if not self.times:
            return bound
        name = self.peer_figure or self.figure
        found = comparison.figure(self.load, self.peer or server, name)
        return None if found is None else bound + self.times * found.median

    def judge(self, comparison: Comparison, server: str) -> Verdict:
        """Says whether it is so."""
        measured = comparison.figure(self.load, server, self.figure, self.part)
        return Verdict(
            f"{comparison.title(self.load)}: {self.what}",
            server,
            None if measured is None else measured.median,
            self.bound(comparison, server),
            self.unit,
            self.at_least,
        )


def _cpu(load: str, times: float) -> _Target:
    """That a delivery costs no more than so many of the peer's."""
    of = f"{times:g} × that of" if times != 1 else "that of"
    return _Target(
        load=load,
        figure="cpu_us_per_delivery",
        what=f"CPU a delivery, {of} {PEER}",
        unit="µs",
        times=times,
        peer=PEER,
    )


def _most(
    load: str, figure: str, what: str, unit: str, number: float, *, part: str | None = None
) -> _Target:
    """That a figure is no more than a number."""
    return _Target(load=load, figure=figure, what=what, unit=unit, number=number, part=part)


def _least(load: str, figure: str, what: str, number: float) -> _Target:
    """That there are so many a second."""
    return _Target(load=load, figure=figure, what=what, unit="/s", number=number, at_least=True)


def _deliveries(load: str) -> _Target:
    return _Target(
        load=load,
        figure="deliveries_per_second",
        what=f"deliveries, 20 × those of {USUAL}",
        unit="/s",
        at_least=True,
        times=20,
        peer=USUAL,
    )


BESIDE: Final = (
    _cpu(BURST, 1),
    _most(BURST, "p99_ms", "p99", "ms", 25),
    _deliveries(BURST),
    _cpu(CROWD, 1),
    _most(CROWD, "p99_ms", "p99", "ms", 25),
    _deliveries(CROWD),
    _cpu(FOUR, 2),
    _cpu(STEADY, 1),
    _most(STEADY, "p99_ms", "p99", "ms", 10),
    _Target(
        load=QUIET,
        figure="p50_ms",
        what=f"p50, 2 × that of {BARE} and one fsync",
        unit="ms",
        times=2,
        peer=BARE,
        fsyncs=1,
    ),
    _Target(
        load=QUIET,
        figure="p99_ms",
        what="p99, 3 × its p50",
        unit="ms",
        times=3,
        peer_figure="p50_ms",
    ),
)
"""For both profiles."""

ALONE: Final = (
    _least("rooms", "acks_per_second", "durable acks", 20_000),
    _most("paced rooms", "p99_ms", "p99 of an ack", "ms", 20),
    _most("idle", "rss_kb_per_connection", "memory of a connection", "KB", 8),
    _most("idle", "cpu_us_per_second_idle", "CPU of an idle connection", "µs/s", 1),
    _least("connections", "joins_per_second", "joins", 2_000),
    _most("paced joins", "p99_ms", "p99 of a join", "ms", 100),
    _most("reconnect", "caught_up_s", "caught up", "s", 10),
    _most("reconnect", "lost", "lost", "", 0),
    _most("reconnect", "doubled", "doubled", "", 0),
    _most("history", "p99_ms", "p99 of any page", "ms", 5, part="random"),
    _most("history", "start_up_s", "start-up", "s", 1, part="restarted"),
    _most("rooms of history", "p99_ms", "p99 of any page", "ms", 5, part="random"),
    _most("rooms of history", "start_up_s", "start-up", "s", 1, part="restarted"),
    _most("stalled", "rss_kb_per_stalled", "memory of a stalled reader", "KB", 64),
    _most("stalled", "lost", "lost", "", 0),
    _most("stalled", "doubled", "doubled", "", 0),
    _most("mixed", "lost", "lost", "", 0),
    _most("mixed", "doubled", "doubled", "", 0),
    _most("mixed", "sessions_left", "sessions left when all have gone", "", 0),
    _most("mixed", "rooms_left", "rooms left when all have gone", "", 0),
    _most("mixed", "tasks_left", "tasks left when all have gone", "", 0),
)
"""For v1, which alone can do all of it."""

LOOP_HELD_MS: Final = 20.0
"""That the server does nothing but one thing, at most, in any load; where it tells."""


def verdicts(comparison: Comparison) -> list[Verdict]:
    """All targets for which something was run."""
    found = [
        *_judged(comparison, BESIDE, V1),
        *_judged(comparison, BESIDE, PLAIN),
        *_judged(comparison, ALONE, V1),
    ]
    turns: dict[str, float] = {}
    for load in comparison.loads:
        # A point of a plot may be a load of its own as well.
        if held := comparison.figure(load.key, V1, "loop_held_ms"):
            turns[load.title] = max(held.median, turns.get(load.title, 0.0))
    for title, longest in turns.items():
        found.append(Verdict(f"{title}: longest turn", V1, longest, LOOP_HELD_MS, "ms"))
    return found


def _judged(comparison: Comparison, targets: Iterable[_Target], server: str) -> Iterator[Verdict]:
    keys = {load.key for load in comparison.loads}
    for target in targets:
        if target.load in keys:
            yield target.judge(comparison, server)
