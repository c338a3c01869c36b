"""Draws a comparison, each picture for light pages and for dark ones."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.comparison.records import PLAIN, SHARES, V1, Comparison, median_curve
from bench.comparison.tables import cost_of
from bench.comparison.targets import BURST, QUIET, STEADY

LIBRARIES: Final = Path(__file__).parents[2] / ".venv" / "bench"
"""Where `make bench` installs what draws."""

INKS: Final[Mapping[str, tuple[str, str]]] = {
    "light": ("#1f2328", "#d1d9e0"),
    "dark": ("#f0f6fc", "#3d444d"),
}
"""The colours of text and of lines."""

HUES: Final = {
    V1: "#e8590c",
    PLAIN: "#f5a524",
    "Bun": "#2f81f7",
    "ws": "#2da44e",
    "websockets": "#a371f7",
    "C": "#8b949e",
    "Socket.IO": "#bf3989",
    "aiohttp": "#1b9e9e",
    "FastAPI": "#a0711c",
}
"""Of the servers; each can be told from both backgrounds, and from the others."""

OTHERS: Final = "#6e7f91"

TICKS: Final = (("0", 0.0), ("50", 0.5), ("90", 0.9), ("99", 0.99), ("99.9", 0.999))
"""Percentages at which latencies are read, and the parts that they are."""

BARS: Final = "bench-servers"
LATENCIES: Final = "bench-latency"
MEMBERS: Final = "bench-members"
ROOMS: Final = "bench-rooms"


class CannotDraw(Exception):
    """What draws is not installed."""


def draw(comparison: Comparison, folder: Path) -> dict[str, str]:
    """Draws what was measured into files of a folder.

    Returns:
        What each shows in a sentence, by its name without `-light.svg` or `-dark.svg`.

    Raises:
        CannotDraw: Something is missing here.
    """
    pictures = [
        (BARS, _has(comparison, BURST), _bars, _BARS_SHOW),
        (
            LATENCIES,
            any(median_curve(comparison.of(load, V1)) for load in (QUIET, STEADY)),
            _latencies,
            _LATENCIES_SHOW,
        ),
        (MEMBERS, _has_costs(comparison, "members"), _members, _MEMBERS_SHOW),
        (ROOMS, _has_costs(comparison, "rooms"), _rooms, _ROOMS_SHOW),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, str] = {}
    for name, is_there, picture, shows in pictures:
        if is_there:
            for scheme in INKS:
                _save(picture, comparison, scheme, folder / f"{name}-{scheme}.svg")
            drawn[name] = shows
    return drawn


_BARS_SHOW: Final = "Deliveries per second, and CPU per delivery, of all servers"
_LATENCIES_SHOW: Final = "The latency of the servers at steady paces, percentile by percentile"
_MEMBERS_SHOW: Final = "What a delivery costs in rooms of 10 to 1,000 members"
_ROOMS_SHOW: Final = "What an ack costs with 10 to 10,000 rooms"


def _save(
    picture: Callable[[Comparison, Any], Any], comparison: Comparison, scheme: str, file: Path
) -> None:
    pyplot = _pyplot()
    ink, line = INKS[scheme]
    style = {
        "text.color": ink,
        "axes.labelcolor": ink,
        "axes.edgecolor": line,
        "axes.facecolor": "none",
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "figure.facecolor": "none",
        "grid.color": line,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "xtick.color": ink,
        "ytick.color": ink,
        "font.size": 10,
        # The same numbers make the same file.
        "svg.hashsalt": "causerie",
    }
    with pyplot.rc_context(style):
        figure = picture(comparison, pyplot)
        figure.savefig(file, metadata={"Date": None}, bbox_inches="tight")
        pyplot.close(figure)


def _pyplot() -> Any:
    # Behind all else: it brings versions of its own of what others need as well.
    if str(LIBRARIES) not in sys.path:
        sys.path.append(str(LIBRARIES))
    try:
        import matplotlib as mpl
        from matplotlib import pyplot as plt
    except ImportError:
        raise CannotDraw("matplotlib is not installed: `make bench` does it") from None
    mpl.use("svg")
    return plt


def _bars(comparison: Comparison, pyplot: Any) -> Any:
    """Two columns of bars; the one who delivers most stands at the top."""
    paces, costs = (
        {
            server.name: one
            for server in comparison.servers
            if (one := comparison.figure(BURST, server.name, name))
        }
        for name in ("deliveries_per_second", "cpu_us_per_delivery")
    )
    names = sorted(paces.keys() & costs.keys(), key=lambda name: paces[name].median)
    figure, (pace, cost) = pyplot.subplots(
        1, 2, figsize=(9, 0.6 + 0.38 * len(names)), sharey=True, layout="constrained"
    )
    colours = [HUES[name] if name in {V1, PLAIN} else OTHERS for name in names]
    for axes, spreads_of, title, form in (
        (pace, paces, "deliveries per second: more is better", "{:,.0f}"),
        (cost, costs, "CPU µs per delivery: less is better", "{:.2f}"),
    ):
        spreads = [spreads_of[name] for name in names]
        medians = [one.median for one in spreads]
        errors = [
            [one.median - one.low for one in spreads],
            [one.high - one.median for one in spreads],
        ]
        axes.barh(names, medians, color=colours, height=0.7)
        axes.errorbar(
            medians, names, xerr=errors, fmt="none", ecolor=pyplot.rcParams["text.color"], lw=0.8
        )
        for name, one in zip(names, spreads, strict=True):
            axes.annotate(
                form.format(one.median),
                (one.high, name),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_title(title)
        axes.set_xlim(0, max(one.high for one in spreads) * 1.35)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(length=0)
    figure.suptitle(
        f"One room, {comparison.title(BURST)}", x=0.01, ha="left", fontweight="bold", fontsize=12
    )
    return figure


def _latencies(comparison: Comparison, pyplot: Any) -> Any:
    """A panel for each steady pace; those who do not keep it are left out."""
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
    for axes, load in zip(panels, (QUIET, STEADY), strict=True):
        for server in comparison.servers:
            runs = comparison.of(load, server.name)
            found = median_curve(runs)
            if found and not any(run.remarks or run.failed for run in runs):
                axes.plot(
                    [_nines(share) for share in SHARES[: len(found)]],
                    found,
                    label=server.name,
                    color=HUES.get(server.name, OTHERS),
                    linewidth=2.4 if server.name in {V1, PLAIN} else 1.4,
                )
        axes.set_yscale("log")
        axes.set_xticks([_nines(share) for _, share in TICKS], [text for text, _ in TICKS])
        axes.set_xlim(0, _nines(TICKS[-1][1]))
        axes.set_xlabel("percentile")
        axes.grid(visible=True)
        axes.set_title(comparison.title(load))
        _plain_numbers(axes.yaxis)
    panels[0].set_ylabel("latency, ms")
    handles: dict[str, Any] = {}
    for axes in panels:
        found, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, found, strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5)
    return figure


def _nines(share: float) -> float:
    """Where a percentile stands on an axis on which 90, 99 and 99.9 % are equally far apart."""
    return -math.log10(1 - share)


def _members(comparison: Comparison, pyplot: Any) -> Any:
    return _costs(comparison, pyplot, "members", "CPU µs per delivery, 100 messages/s")


def _rooms(comparison: Comparison, pyplot: Any) -> Any:
    return _costs(comparison, pyplot, "rooms", "CPU µs per ack")


def _costs(comparison: Comparison, pyplot: Any, group: str, title: str) -> Any:
    """A line for each server; both axes are logarithmic where there are several."""
    figure, axes = pyplot.subplots(figsize=(6.5, 4), layout="constrained")
    loads = comparison.group(group)
    for server in comparison.servers:
        points = [
            (load.x, found.median)
            for load in loads
            if (found := comparison.figure(load.key, server.name, cost_of(group)))
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                marker="o",
                markersize=4,
                label=server.name,
                color=HUES.get(server.name, OTHERS),
                linewidth=2.4 if server.name == V1 else 1.4,
            )
    axes.set_xscale("log")
    if len(axes.lines) > 1:
        axes.set_yscale("log")
        _plain_numbers(axes.yaxis)
    else:
        # There is nothing to compare it with but nothing.
        axes.set_ylim(bottom=0)
    axes.set_xticks([load.x for load in loads], [f"{load.x:,}" for load in loads])
    axes.minorticks_off()
    axes.set_xlabel(group)
    axes.set_title(title)
    axes.grid(visible=True)
    if len(axes.lines) > 1:
        axes.legend()
    return figure


def _plain_numbers(axis: Any) -> None:
    """Ticks at 1, 2 and 5 times the powers of ten, written as one reads them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    axis.set_minor_formatter(NullFormatter())


def _has(comparison: Comparison, load: str) -> bool:
    return any(
        comparison.figure(load, server.name, "deliveries_per_second")
        for server in comparison.servers
    )


def _has_costs(comparison: Comparison, group: str) -> bool:
    loads: Sequence[Any] = comparison.group(group)
    return any(comparison.figure(load.key, V1, cost_of(group)) for load in loads)
