"""Promises that a server breaks, counted: what was lost, what came twice, what came too late."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

_Entry = TypeVar("_Entry", bytes, int)


@dataclass
class Faults:
    """Promises that were broken, in entries."""

    lost: int = 0
    """Entries, or runs of them, that never came."""
    doubled: int = 0
    """Entries that somebody was told twice, or that are in a log twice."""
    misordered: int = 0
    """Entries that somebody was told after later ones, and those that others have elsewhere."""

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.misordered + other.misordered,
        )

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.misordered)


def faults(received: Sequence[_Entry], expected: Sequence[_Entry]) -> Faults:
    """What is wrong with what somebody was given who is known to have missed all of `expected`, and
    nothing else: what is lacking, what came twice or had come before, and what came after something
    later.
    """
    if received == expected:
        return Faults()
    places = {entry: place for place, entry in enumerate(expected)}
    first = [places[entry] for entry in dict.fromkeys(received) if entry in places]
    return Faults(
        lost=len(expected) - len(first),
        doubled=len(received) - len(first),
        misordered=sum(after < before for before, after in pairwise(first)),
    )
