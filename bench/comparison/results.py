"""RESULTS.md: what a comparison has shown, and under which circumstances."""

from collections.abc import Mapping, Sequence
from typing import Final

from bench.comparison.records import Comparison
from bench.comparison.tables import Table, tables

BEGINNING: Final = (
    "# What it costs\n",
    (
        "Made by `{command}`; not typed. All servers ran on one machine, in one run, one after the "
        "other, with the generator beside them. Each load had a new process. {rounds} Latencies "
        "count from when a thing should have begun: to when a message reached a member; in small "
        "rooms to its ack, in joins to the room, in coming back to the last that was missed, in "
        "history to the whole page. CPU is the server's, user and system, of all its threads.\n"
    ),
    (
        "Causerie stores each message and syncs it to the disk before anybody sees it; the others "
        "store nothing ([what they leave out](rivals/README.md#what-they-leave-out)).\n"
    ),
)

ROUNDS: Final = (
    "All had their turn with a load before any had the next, {rounds} times over: figures are "
    "medians of these rounds, with the least and the most in brackets."
)
ONE_ROUND: Final = "It was one round, so that no figure tells how much it varies."

BUSY: Final = 0.25
"""Of all cores: what else went on, from which on it is remarked."""


def document(comparison: Comparison, pictures: Mapping[str, str]) -> str:
    """The file.

    Args:
        comparison: What it is about.
        pictures: What each shows in a sentence, by the path to it without `-light.svg`.
    """
    rounds = comparison.rounds
    said = ROUNDS.format(rounds=rounds) if rounds > 1 else ONE_ROUND
    parts = [
        *(part.format(command=comparison.command, rounds=said) for part in BEGINNING),
        *(_picture(path, text) for path, text in pictures.items()),
        _facts(comparison),
    ]
    *measured, targets = tables(comparison)
    parts += ["## Targets\n", _table(targets), "## What was measured\n"]
    for table in measured:
        parts += [f"### {table.title}\n", _table(table)]
    return "\n".join(parts)


def _facts(comparison: Comparison) -> str:
    """Where, when and of what."""
    machine = comparison.machine
    rows = [
        ("CPU", f"{machine.cpu}, {machine.cores} cores"),
        ("memory", f"{machine.memory_gb:.0f} GB"),
        ("kernel", machine.kernel),
        (
            "data folders",
            f"{machine.filesystem}; an append and its fsync {machine.fsync_ms:.2f} ms",
        ),
        ("date", f"{comparison.date}, {comparison.minutes:.0f} minutes"),
        ("commit", comparison.commit),
        *(
            (server.name, f"{server.version}: {server.description}")
            for server in comparison.servers
        ),
    ]
    notes = list(comparison.missing)
    if machine.filesystem == "tmpfs":
        notes.append("The data folders were in memory: nothing was synced to a disk.")
    if machine.load_average > BUSY:
        notes.append(
            f"Something else ran as well: in the minute before, {machine.load_average:.0%} of the "
            "cores were taken."
        )
    return "## Circumstances\n\n" + _table(Table("", ("", ""), list(rows), notes))


def _picture(path: str, text: str) -> str:
    return (
        "<picture>\n"
        f'<source media="(prefers-color-scheme: dark)" srcset="{path}-dark.svg">\n'
        f'<img alt="{text}" src="{path}-light.svg">\n'
        "</picture>\n"
    )


def _table(table: Table) -> str:
    columns = ["---", *["---:"] * (len(table.header) - 1)]
    if not any(table.header):
        columns = ["---"] * len(table.header)
    lines = [_row(table.header), _row(columns), *map(_row, table.rows)]
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes, ""])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
