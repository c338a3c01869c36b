"""The tables of a comparison, for a terminal and for RESULTS.md alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.comparison.records import V1, Comparison, LoadInfo, Record, Spread, ratio, spread
from bench.comparison.targets import Verdict, verdicts

from causerie.bench.crew import BUSY
from causerie.bench.report import common_words
from causerie.bench.result import FIGURES, Figure

ALL_FIGURES: Final = {**FIGURES, "loop_held_ms": Figure("longest turn ms", 1)}

COMPARED: Final = ("deliveries_per_second", "cpu_us_per_delivery")
"""What is told as a multiple of Causerie's as well."""
SHOWN: Final = ("p50_ms", "p99_ms", "rss_mb", "server_busy")

LIMIT: Final = "†"
LIMIT_MEANS: Final = (
    f"{LIMIT} the generator used more than {BUSY:.0%} of a core: unless the server did as well, it "
    "was the limit, and that server can do more"
)
NOT_HELD: Final = "**not held**"

BRIEF: Final = (
    "each figure is of one short run: where another table has the same load, that is of longer ones"
)

TRIAL: Final = "This was a trial. The targets are for `make bench`, of its full size and length."


@dataclass
class Table:
    """Text in rows; the first column is what the row is about."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[str]]
    notes: list[str] = field(default_factory=list)
    """To be read below it."""


def tables(comparison: Comparison) -> list[Table]:
    """Everything that was measured, and the targets at the end."""
    found = [_fanout(comparison, load) for load in comparison.group("fanout")]
    for group, title in (
        ("members", "CPU µs a delivery, against members; 100 messages/s"),
        ("rooms", "CPU µs an ack, against rooms"),
    ):
        if loads := comparison.group(group):
            found.append(_costs(comparison, title, loads))
    found += [_alone(comparison, load) for load in comparison.group("alone")]
    judged = targets(verdicts(comparison))
    if comparison.is_trial:
        judged.notes.append(TRIAL)
    return [*found, judged]


def _fanout(comparison: Comparison, load: LoadInfo) -> Table:
    """A row for each server."""
    header = ["server"]
    for name in COMPARED:
        header += [ALL_FIGURES[name].title, f"× {V1}"]
    header += [ALL_FIGURES[name].title for name in SHOWN]
    table = Table(load.title, header, [])
    ours = {name: comparison.figure(load.key, V1, name) for name in COMPARED}
    for server in comparison.servers:
        runs = comparison.of(load.key, server.name)
        if not runs:
            continue
        row = [server.name + (f" {LIMIT}" if _is_limited(runs) else "")]
        for name in COMPARED:
            found = comparison.figure(load.key, server.name, name)
            row += [written(found, name), _times(ratio(found, ours[name]))]
        row += [written(comparison.figure(load.key, server.name, name), name) for name in SHOWN]
        table.rows.append(row)
        table.notes += _said(server.name, runs)
    if any(LIMIT in row[0] for row in table.rows):
        table.notes.append(LIMIT_MEANS)
    return table


def _costs(comparison: Comparison, title: str, loads: Sequence[LoadInfo]) -> Table:
    """A row for each server, a column for each size."""
    name = cost_of(loads[0].group)
    table = Table(title, ["server", *(f"{load.x:,}" for load in loads)], [], [BRIEF])
    for server in comparison.servers:
        found = [comparison.figure(load.key, server.name, name) for load in loads]
        if any(found):
            table.rows.append([server.name, *(written(one, name) for one in found)])
        for load in loads:
            table.notes += _said(f"{server.name}, {load.x:,}", comparison.of(load.key, server.name))
    return table


def cost_of(group: str) -> str:
    """The figure that is the cost, in a group of loads."""
    return "cpu_us_per_delivery" if group == "members" else "cpu_us_per_ack"


def _alone(comparison: Comparison, load: LoadInfo) -> Table:
    """A row for each figure, a column for each part."""
    runs = comparison.of(load.key, V1)
    parts = list(dict.fromkeys(record.part for record in runs if record.part))
    common = common_words(parts) if len(parts) > 1 else len("".join(parts))
    table = Table(load.title, ["", *(part[common:] or "figure" for part in parts)], [])
    for name, figure in ALL_FIGURES.items():
        found = [comparison.figure(load.key, V1, name, part) for part in parts]
        if any(found):
            table.rows.append([figure.title, *(written(one, name) for one in found)])
    table.notes += _said(V1, runs)
    if _is_limited(runs):
        table.notes.append(LIMIT_MEANS.removeprefix(f"{LIMIT} "))
    return table


def targets(found: Iterable[Verdict]) -> Table:
    """A row for each target."""
    table = Table("Targets", ["target", "", "measured", "at most or least", "held"], [])
    for verdict in found:
        sign = "≥" if verdict.at_least else "≤"
        measured, bound = (
            "" if value is None else f"{_short(value)} {verdict.unit}".strip()
            for value in (verdict.measured, verdict.bound)
        )
        held = {True: "held", False: NOT_HELD, None: "not measured"}[verdict.is_held]
        table.rows.append(
            [verdict.what, verdict.server, measured, f"{sign} {bound}" if bound else "", held]
        )
    return table


def written(found: Spread | None, name: str) -> str:
    """A median, and between which values it is."""
    if found is None:
        return "–"
    digits = ALL_FIGURES[name].digits
    median, low, high = (f"{value:,.{digits}f}" for value in found)
    return median if low == high else f"{median} ({low}–{high})"


def _short(value: float) -> str:
    """As much of a number as one compares."""
    for limit, digits in ((100, 0), (10, 1)):
        if abs(value) >= limit or value == int(value):
            return f"{value:,.{digits}f}" if value != int(value) else f"{value:,.0f}"
    return f"{value:.2f}"


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _is_limited(runs: Sequence[Record]) -> bool:
    """Whether in the median round the generator had no time left."""
    busy = spread(run.figures.get("generator_busy", 0.0) for run in runs)
    return busy is not None and busy.median > BUSY


def _said(server: str, runs: Sequence[Record]) -> list[str]:
    """What is to be remarked of a server, each once."""
    said = [one for run in runs for one in (*run.remarks, run.failed) if one]
    return [f"{server}: {one}" for one in dict.fromkeys(said)]
