"""The numbers that Causerie is to reach, and whether it does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.comparison.records import PLAIN, V1, Comparison, Spread

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


def verdicts(comparison: Comparison) -> list[Verdict]:
    """All targets: those beside the rivals for each profile, and those of Causerie alone."""
    found: list[Verdict] = []
    for profile in (V1, PLAIN):
        found += _beside(comparison, profile)
    return [*found, *_alone(comparison)]


def _beside(comparison: Comparison, profile: str) -> Iterator[Verdict]:
    """Those that are measured by the rivals."""

    def figure(load: str, name: str, server: str = profile) -> float | None:
        return _median(comparison.figure(load, server, name))

    cpu, pace = "cpu_us_per_delivery", "deliveries_per_second"
    of = f"{profile}, "
    for load in (BURST, CROWD):
        title = of + comparison.title(load)
        yield Verdict(
            f"{title}: CPU a delivery, that of {PEER}",
            figure(load, cpu),
            figure(load, cpu, PEER),
            "µs",
        )
        yield Verdict(f"{title}: p99", figure(load, "p99_ms"), 25.0, "ms")
        twenty = _times(20, figure(load, pace, USUAL))
        yield Verdict(
            f"{title}: deliveries, 20 × those of {USUAL}", figure(load, pace), twenty, "/s", True
        )
    title = of + comparison.title(FOUR)
    twice = _times(2, figure(FOUR, cpu, PEER))
    yield Verdict(f"{title}: CPU a delivery, 2 × that of {PEER}", figure(FOUR, cpu), twice, "µs")
    title = of + comparison.title(STEADY)
    yield Verdict(
        f"{title}: CPU a delivery, that of {PEER}",
        figure(STEADY, cpu),
        figure(STEADY, cpu, PEER),
        "µs",
    )
    yield Verdict(f"{title}: p99", figure(STEADY, "p99_ms"), 10.0, "ms")
    title = of + comparison.title(QUIET)
    bare = _times(2, figure(QUIET, "p50_ms", BARE))
    bound = None if bare is None else bare + comparison.machine.fsync_ms
    yield Verdict(
        f"{title}: p50, 2 × that of {BARE} + one fsync", figure(QUIET, "p50_ms"), bound, "ms"
    )
    thrice = _times(3, figure(QUIET, "p50_ms"))
    yield Verdict(f"{title}: p99, 3 × its p50", figure(QUIET, "p99_ms"), thrice, "ms")


@dataclass(frozen=True)
class _Alone:
    """A target that is a number."""

    load: str
    figure: str
    bound: float
    unit: str
    what: str
    at_least: bool = False
    part: str | None = None


_ALONE: Final = (
    _Alone("rooms", "acks_per_second", 20_000, "/s", "durable acks", at_least=True),
    _Alone("paced rooms", "p99_ms", 20, "ms", "p99 of an ack"),
    _Alone("connections", "rss_kb_per_connection", 8, "KB", "memory of a connection"),
    _Alone("connections", "cpu_us_per_second_idle", 1, "µs/s", "CPU of an idle connection"),
    _Alone("connections", "joins_per_second", 2_000, "/s", "joins", at_least=True),
    _Alone("paced joins", "p99_ms", 100, "ms", "p99 of a join"),
    _Alone("reconnect", "caught_up_s", 10, "s", "caught up"),
    _Alone("reconnect", "lost", 0, "", "lost"),
    _Alone("reconnect", "doubled", 0, "", "doubled"),
    _Alone("history", "p99_ms", 5, "ms", "p99 of any page", part="random"),
    _Alone("history", "start_up_s", 1, "s", "start-up", part="restarted"),
    _Alone("stalled", "rss_kb_per_stalled", 64, "KB", "memory of a stalled reader"),
    _Alone("stalled", "lost", 0, "", "lost"),
    _Alone("stalled", "doubled", 0, "", "doubled"),
    _Alone("mixed", "lost", 0, "", "lost"),
    _Alone("mixed", "doubled", 0, "", "doubled"),
)

LOOP_HELD_MS: Final = 20.0
"""That the server does nothing but one thing, at most, in any load; where it tells."""


def _alone(comparison: Comparison) -> Iterator[Verdict]:
    """Those that are numbers. What was not run is left out."""
    keys = {load.key for load in comparison.loads}
    for target in _ALONE:
        if target.load in keys:
            measured = comparison.figure(target.load, V1, target.figure, target.part)
            title = f"{comparison.title(target.load)}: {target.what}"
            yield Verdict(title, _median(measured), target.bound, target.unit, target.at_least)
    for load in comparison.group("alone"):
        if held := comparison.figure(load.key, V1, "loop_held_ms"):
            yield Verdict(f"{load.title}: longest turn", held.high, LOOP_HELD_MS, "ms")


def _median(found: Spread | None) -> float | None:
    return None if found is None else found.median


def _times(factor: float, value: float | None) -> float | None:
    return None if value is None else factor * value
