"""Checks what clients were told against what the log holds.

Whoever drives clients through cuts, crashes and restarts notes in a `Witness` for each of them what
it sent, what was acked, and what it was shown. `check` compares them with the rooms' logs as they
are in the end, and with one another, and answers every promise that was broken, in words:

- *lost*: acked, and not in the log; or in the log at the end, and not shown to a client that
  listened from before it and was told of no hole;
- *doubled*: in the log, or shown to one client, more than once;
- *misordered*: shown to a client in another order than the log's;
- *invented*: shown, and not in the log; nobody may ever see what a crash could take back;
- *moved*: acked at one place and found at another.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple


class Seen(NamedTuple):
    """An entry as a client was shown it, or as the log holds it."""

    seq: int
    id: str
    username: str
    content: str


@dataclass(slots=True)
class Witness:
    """What one client has to say. Rooms by name."""

    name: str
    sent: dict[str, str] = field(default_factory=dict)
    """Message id -> room, of all that it sent."""
    acked: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Message id -> (room, seq), of all that was acked."""
    shown: dict[str, list[Seen]] = field(default_factory=dict)
    """Room -> what was shown, in the order in which it was."""
    since: dict[str, int] = field(default_factory=dict)
    """Room -> the seq from which on it wants to have been shown everything (exclusive)."""


class Violation(NamedTuple):
    """One broken promise."""

    kind: str
    """lost, doubled, misordered, invented, or moved."""
    witness: str
    """Whose account shows it; `log` for the log itself."""
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.witness}): {self.detail}"


def check(witnesses: Iterable[Witness], logs: Mapping[str, Sequence[Seen]]) -> list[Violation]:
    """Answers all that was broken; an empty list if everything held.

    `logs` holds every room's whole log as it is in the end, oldest first.
    """
    violations: list[Violation] = []
    for room, log in logs.items():
        violations += _check_log(room, log)
    for witness in witnesses:
        violations += _check_acks(witness, logs)
        for room in {*witness.shown, *witness.since}:
            violations += _check_shown(witness, room, logs.get(room, ()))
    return violations


def _check_log(room: str, log: Sequence[Seen]) -> Iterable[Violation]:
    for (username, id), times in Counter((seen.username, seen.id) for seen in log).items():
        if times > 1:
            yield Violation("doubled", "log", f"{id} of {username} is {times} times in {room}")
    for one, other in pairwise(log):
        if other.seq <= one.seq:
            yield Violation("misordered", "log", f"{other.seq} follows {one.seq} in {room}")


def _check_acks(witness: Witness, logs: Mapping[str, Sequence[Seen]]) -> Iterable[Violation]:
    for id, (room, seq) in witness.acked.items():
        places = [seen.seq for seen in logs.get(room, ()) if seen.id == id]
        if not places:
            yield Violation("lost", witness.name, f"{id} was acked at {seq} in {room}")
        elif seq not in places:
            yield Violation(
                "moved", witness.name, f"{id} was acked at {seq} in {room} and is at {places}"
            )


def _check_shown(witness: Witness, room: str, log: Sequence[Seen]) -> Iterable[Violation]:
    shown = witness.shown.get(room, [])
    for seq, times in Counter(seen.seq for seen in shown).items():
        if times > 1:
            yield Violation("doubled", witness.name, f"{seq} of {room} was shown {times} times")
    for one, other in pairwise(shown):
        if other.seq < one.seq:
            yield Violation("misordered", witness.name, f"{other.seq} after {one.seq} in {room}")
    held = set(log)
    for seen in shown:
        if seen not in held:
            yield Violation("invented", witness.name, f"{seen} is not in the log of {room}")
    if room in witness.since:
        seqs = {seen.seq for seen in shown}
        for seen in log:
            if seen.seq > witness.since[room] and seen.seq not in seqs:
                yield Violation("lost", witness.name, f"{seen} of {room} was never shown")
