"""Compares Causerie with the same small chat on other stacks, on this machine, in one run.

    python -m bench.compare [--rounds N] [--quick] [--loads WORD] [--json] [--from FILE]

Every load is put on Causerie (durable, synced to the disk; once in v1 and once in the plain
profile) and on each rival that is installed (bench/rivals), all in turn, in each of several rounds,
and on a new process each time. What only Causerie can do it then does alone.

Prints tables, whether the targets are held among them. Writes bench/results.json, of which it can
make all else anew (--from), bench/RESULTS.md and its pictures in docs/pictures; but nothing in a
trial (--quick or --loads). Figures are medians of the rounds, with the least and the most in
brackets.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from bench.comparison.contestants import Contestant, contestants, loop_held
from bench.comparison.loads import Load, loads
from bench.comparison.machine import ROOT, commit, machine
from bench.comparison.plots import CannotDraw, draw
from bench.comparison.records import Comparison, Record, is_too_much, record_of
from bench.comparison.results import document
from bench.comparison.tables import NOT_HELD, Table, tables
from bench.rivals.stacks import DidNotStart
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table as Grid

from causerie.bench.generator import LoadFailed
from causerie.bench.signals import ended_in_order

FOUND: Final = ROOT / "bench" / "results.json"
RESULTS: Final = ROOT / "bench" / "RESULTS.md"
PICTURES: Final = ROOT / "docs" / "pictures"

Step = Callable[[float], None]
Tell = Callable[[str, float], Step]


def compare(
    chosen: list[Load], rounds: int, command: str, tell: Tell, *, is_trial: bool
) -> Comparison:
    """Runs all loads on all servers.

    Args:
        chosen: The loads.
        rounds: How often.
        command: By which this was asked for.
        tell: Is told what runs now, and for how many seconds; returns what is told how far it is.
        is_trial: Whether this is not all, or not of the size that is meant.
    """
    here, begun = machine(), time.monotonic()
    servers, missing = contestants()
    records: list[Record] = []
    given_up: set[tuple[str, str]] = set()
    for number, load, server in _turns(chosen, servers, rounds):
        key = load.info.key, server.info.name
        step = tell(
            f"round {number + 1} of {rounds} · {server.info.name} · {load.info.title}", load.lasts
        )
        # What was too much once is too much: it would only take long.
        if key not in given_up:
            found = _run(load, server, number, step)
            records += found
            if is_too_much(found[-1], load.pace):
                given_up.add(key)
        step(1.0)
    return Comparison(
        machine=here,
        commit=commit(),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        command=command,
        rounds=rounds,
        minutes=(time.monotonic() - begun) / 60,
        is_trial=is_trial,
        servers=[server.info for server in servers],
        missing=missing,
        loads=[load.info for load in chosen],
        records=records,
    )


def _turns(
    chosen: list[Load], servers: list[Contestant], rounds: int
) -> Iterator[tuple[int, Load, Contestant]]:
    """What is run, in its order: so that a machine that changes changes for all."""
    for number in range(rounds):
        for load in chosen:
            if load.once and number:
                continue
            for server in servers:
                if not load.servers or server.info.name in load.servers:
                    yield number, load, server


def _run(load: Load, server: Contestant, number: int, step: Step) -> list[Record]:
    """One load on one server."""
    key, name = load.info.key, server.info.name
    try:
        with server.start(load.is_watched) as target:
            held: dict[str, float] = {}
            target.at_begin = partial(loop_held, target)
            target.at_end = lambda: held.update(loop_held(target))
            found = load.run(target, server.dialect, progress=step)
            results = found if isinstance(found, list) else [found]
    # Whatever it was: the others are not to have run in vain.
    except (LoadFailed, DidNotStart, OSError, RuntimeError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[-1]
        return [Record(load=key, part="", server=name, round=number, figures={}, failed=why)]
    results[-1] = replace(results[-1], figures={**results[-1].figures, **held})
    return [
        record_of(
            result,
            load=key,
            server=name,
            number=number,
            pace=load.pace,
            remarks=result.remarks,
        )
        for result in results
    ]


@contextmanager
def telling(total: float) -> Iterator[Tell]:
    """A bar on a terminal, with the time that is left; in a pipe a line for each run."""
    console = Console(stderr=True)
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        # Loads do not all take as long as is thought: what has been is the best guess.
        speed_estimate_period=3_600,
    ) as bar:
        task = bar.add_task("", total=total)
        done = 0.0

        def tell(what: str, lasts: float) -> Step:
            nonlocal done
            before, done = done, done + lasts
            bar.update(task, description=what, completed=before)
            if not console.is_terminal:
                console.print(f"{before / total:4.0%} {what}", highlight=False, soft_wrap=True)
            return lambda share: bar.update(task, completed=before + share * lasts)

        yield tell


def write(comparison: Comparison) -> None:
    """Writes RESULTS.md, and its pictures where they can be drawn."""
    pictures: dict[str, str] = {}
    try:
        pictures = draw(comparison, PICTURES)
    except CannotDraw as error:
        print(f"no pictures were drawn: {error}", file=sys.stderr)
    path = f"../{PICTURES.relative_to(ROOT)}"
    named = {f"{path}/{name}": text for name, text in pictures.items()}
    RESULTS.write_text(document(comparison, named), "utf-8")


def show(found: list[Table]) -> None:
    """Prints tables."""
    console = Console(width=None if sys.stdout.isatty() else 1_000, soft_wrap=True)
    for table in found:
        grid = Grid(
            title=table.title,
            title_justify="left",
            title_style="bold",
            box=None,
            pad_edge=False,
            header_style="dim",
        )
        for place, name in enumerate(table.header):
            grid.add_column(name, justify="right" if place else "left")
        for row in table.rows:
            cells = (cell.strip("*") for cell in row)
            grid.add_row(*cells, style="red" if NOT_HELD in row else None)
        console.print(grid)
        for note in table.notes:
            console.print(note, style="yellow", highlight=False)
        console.print()


def main() -> None:
    """Compares, shows and writes."""
    parser = argparse.ArgumentParser(description="Compares Causerie with other stacks.")
    parser.add_argument("--rounds", type=int, default=3, help="how often all have their turn")
    parser.add_argument("--quick", action="store_true", help="small loads, to try it out")
    parser.add_argument("--loads", default="", help="those loads whose title contains this")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--from", type=Path, help="write and show what was found before")
    arguments = parser.parse_args()
    earlier: Path | None = getattr(arguments, "from")
    rounds = 1 if arguments.quick else arguments.rounds
    if earlier is not None:
        comparison = msgspec.json.decode(earlier.read_bytes(), type=Comparison)
    else:
        chosen = [
            load for load in loads(quick=arguments.quick) if arguments.loads in load.info.title
        ]
        given = " ".join(word for word in sys.argv[1:] if word != "--json")
        command = f'make bench ARGS="{given}"' if given else "make bench"
        turns = _turns(chosen, contestants()[0], rounds)
        is_trial = bool(arguments.quick or arguments.loads)
        with ended_in_order(), telling(sum(load.lasts for _, load, _ in turns)) as tell:
            comparison = compare(chosen, rounds, command, tell, is_trial=is_trial)
        if not is_trial:
            FOUND.write_bytes(msgspec.json.encode(comparison))
    if not comparison.is_trial:
        write(comparison)
    if arguments.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(comparison)) + b"\n")
    else:
        show(tables(comparison))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
