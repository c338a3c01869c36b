"""Shows how far a load is, and what it has shown: as a table, or as JSON."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import fill
from typing import Any, Final, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from causerie.bench.crew import BUSY
from causerie.bench.phases import Phase
from causerie.bench.result import FIGURES, Result

GENERATOR_BUSY: Final = (
    "the generator used {busy:.0%} of a core: it was the limit, and the server can do more"
)
HEADING: Final = 9
"""Characters of a line above a column of many, on a terminal: six of them and the titles fit into
80."""

ENOUGH: Final = 1_000
"""Latencies for a p99 that ten of them are beyond."""
FEW: Final = (
    "only {count:,} latencies were measured: a few of them decide what p99 is, and so the "
    "next run may show something else; it takes {enough:,}"
)
LONG: Final = 1.0
"""Seconds in which chance evens out, at least."""
SHORT: Final = (
    "only {seconds:.1f} s were measured, in which a single pause counts for much: give it more "
    "--seconds"
)
UNSEEN: Final = "the server's process is not to be seen from here: its CPU and memory are left out"


class Step(Protocol):
    """Is told how much of a load is done, from 0 to 1."""

    def __call__(self, share: float, /) -> None:
        """Tells it."""
        ...


class Bar:
    """A bar, beside which it stands what is being done."""

    def __init__(self, title: str, progress: Progress) -> None:
        self._title = title
        self._progress = progress
        self._task = progress.add_task(self._doing(Phase.STARTING), total=1.0)

    def __call__(self, share: float) -> None:
        """Shows how much is done, from 0 to 1."""
        self._progress.update(self._task, completed=share)

    def turn_to(self, phase: Phase) -> None:
        """Shows what is done from here on."""
        self._progress.update(self._task, description=self._doing(phase), refresh=True)

    def _doing(self, phase: Phase) -> str:
        return f"{self._title}: {phase.value}"


@contextmanager
def progress_bar(title: str, terminal: TextIO) -> Iterator[Bar]:
    """A bar on a terminal, and nothing in a pipe."""
    console = Console(file=terminal)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        yield Bar(title, bar)


def remarks(result: Result) -> list[str]:
    """What has to be known to understand a result."""
    said = list(result.remarks)
    if "p99_ms" in result.figures and (count := len(result.latencies)) < ENOUGH:
        said.append(FEW.format(count=count, enough=ENOUGH))
    if result.seconds < LONG:
        said.append(SHORT.format(seconds=result.seconds))
    if (busy := result.figures.get("generator_busy", 0.0)) > BUSY:
        said.append(GENERATOR_BUSY.format(busy=busy))
    if math.isnan(result.figures.get("server_busy", 0.0)):
        said.append(UNSEEN)
    return said


def write_table(results: Sequence[Result], output: TextIO) -> None:
    """A row for each figure, a column for each result; below it what there is to remark."""
    loads = [result.load for result in results]
    is_terminal = output.isatty()
    # What all are called stands above them once, or six would not fit beside one another.
    common = common_words(loads) if len(loads) > 1 else len(loads[0])
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=len(loads) > 1)
    table.add_column("", no_wrap=True)
    for load in loads:
        heading = load[common:].replace(": ", ":\n")
        if common and is_terminal:
            heading = fill(heading, HEADING, break_long_words=False)
        table.add_column(heading, justify="right")
    meanings = []
    for name, figure in FIGURES.items():
        values = [result.figures.get(name, math.nan) for result in results]
        if not all(map(math.isnan, values)):
            table.add_row(figure.title, *(_written(value, figure.digits) for value in values))
            if figure.meaning:
                meanings.append(f"{figure.title}: {figure.meaning}")
    # In a pipe nothing is to be cut off.
    console = Console(file=output, width=None if is_terminal else 1_000, highlight=False)
    if title := loads[0][:common].rstrip(" ,:"):
        console.print(title, style="bold", soft_wrap=not is_terminal)
    console.print(table, soft_wrap=True)
    for meaning in meanings:
        console.print(meaning, style="dim", soft_wrap=not is_terminal)
    for result in results:
        for remark in remarks(result):
            console.print(f"{result.load}: {remark}", style="yellow", soft_wrap=not is_terminal)


def common_words(names: Sequence[str]) -> int:
    """How many characters all names begin with, as far as words go."""
    shared = 0
    for characters in zip(*names, strict=False):
        if len(set(characters)) > 1:
            break
        shared += 1
    return names[0].rfind(" ", 0, shared) + 1


def write_json(results: Sequence[Result], output: TextIO) -> None:
    """A list of objects, one for each result; a figure that is not known is left out."""
    json.dump([as_json(result) for result in results], output, indent=2)
    output.write("\n")


def as_json(result: Result) -> dict[str, Any]:
    """A result as an object."""
    figures = {name: value for name, value in result.figures.items() if not math.isnan(value)}
    return {
        "load": result.load,
        "server": result.server,
        "figures": figures,
        "remarks": remarks(result),
    }


def _written(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:,.{digits}f}"
