"""What a load has shown, as figures with names, titles and units."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple


class Figure(NamedTuple):
    """How a figure is shown."""

    title: str
    digits: int
    """Behind the decimal point."""
    meaning: str = ""
    """What the title has no room for."""


FIGURES: Final[Mapping[str, Figure]] = {
    "connections": Figure("connections", 0),
    "messages": Figure("messages", 0),
    "cut_off": Figure("cut off", 0),
    "returns": Figure("came back", 0),
    "deliveries_per_second": Figure("deliveries/s", 0),
    "acks_per_second": Figure("acks/s", 0),
    "joins_per_second": Figure("joins/s", 0),
    "first_joins_per_second": Figure("joins/s, first tenth", 0),
    "last_joins_per_second": Figure("joins/s, last tenth", 0),
    "pages_per_second": Figure("pages/s", 0),
    "cpu_us_per_delivery": Figure("CPU µs a delivery", 2),
    "cpu_us_per_ack": Figure("CPU µs an ack", 1),
    "cpu_us_per_join": Figure("CPU µs a join", 0),
    "cpu_us_per_page": Figure("CPU µs a page", 0),
    "p50_ms": Figure("p50 ms", 2),
    "p90_ms": Figure("p90 ms", 2),
    "p99_ms": Figure("p99 ms", 2, "99 of 100 latencies were no longer"),
    "p999_ms": Figure("p99.9 ms", 2),
    "max_ms": Figure("max ms", 2),
    "caught_up_s": Figure("caught up s", 2, "until the last had been given all that it had missed"),
    "lost": Figure("lost", 0),
    "doubled": Figure("doubled", 0),
    "misordered": Figure("misordered", 0),
    "start_up_s": Figure("start-up s", 2),
    "rss_warm_mb": Figure("RSS MB, warm", 1),
    "rss_mb": Figure("RSS MB", 1),
    "rss_mb_per_minute": Figure(
        "RSS MB a minute", 2, "how fast its memory grew once it was warm; 0 is no leak"
    ),
    "connections_warm": Figure("connections, warm", 0),
    "connections_left": Figure("connections left", 0),
    "sessions_warm": Figure("sessions, warm", 0),
    "sessions_left": Figure("sessions left", 0),
    "rooms_warm": Figure("rooms, warm", 0),
    "rooms_left": Figure("rooms left", 0),
    "tasks_warm": Figure("tasks, warm", 0),
    "tasks_left": Figure("tasks left", 0),
    "rss_kb_per_connection": Figure(
        "KB a connection",
        1,
        "how much its memory grew, shared out; means little with few",
    ),
    "rss_kb_per_stalled": Figure("KB a stalled reader", 1),
    "cpu_us_per_second_idle": Figure(
        "CPU µs/s, one idle",
        2,
        "what one silent connection costs the server each second",
    ),
    "pings_answered": Figure("pings answered", 0),
    "server_busy": Figure(
        "server, CPU cores", 2, "how many cores it kept busy, all its threads together"
    ),
    "generator_busy": Figure("generator, CPU cores", 2),
}
"""Whatever a load can show, in the order in which it is shown; times in what the name ends in."""


@dataclass(frozen=True)
class Result:
    """One load on one server."""

    load: str
    server: str
    figures: Mapping[str, float]
    """By the names of FIGURES; NaN is what the system does not tell."""
    latencies: list[int] = field(default_factory=list, repr=False)
    """ns; for plots. Not all, but every so many."""
    remarks: tuple[str, ...] = ()
    """Sentences that one has to know to understand the figures."""
    seconds: float = math.inf
    """For how long it was measured; without end if how long it takes is what was measured."""
