"""Who is in which room of an office, and what happens there when: chance alone, without I/O."""

from collections.abc import Iterator, Mapping
from enum import Enum
from heapq import merge
from itertools import cycle, islice
from random import Random
from typing import Final, NamedTuple

LARGEST: Final = 500
"""Members of the largest room, or half of all if that is less."""

ROOMS_EACH: Final = 3
"""Rooms that each member is in, at least."""

FRIENDS: Final = 5
"""People with whom one begins to speak privately; others begin with oneself."""


class Kind(Enum):
    """What happens in an office."""

    MESSAGE = "message"
    PRIVATE = "private"
    TYPING = "typing"
    LEAVE = "leave"
    """Somebody leaves a room, for a while."""
    CUT = "cut"
    """Somebody's connection ends without a goodbye, for a while."""
    SAMPLE = "sample"
    """The server's memory is looked at."""


class Event(NamedTuple):
    """Something that happens at a time, in seconds from the beginning."""

    at: float
    kind: Kind


def sizes(members: int) -> Iterator[int]:
    """The sizes of rooms by Zipf's law, from the largest to two; and again, for ever."""
    largest = max(2, min(LARGEST, members // 2))
    return cycle([largest // rank for rank in range(1, largest // 2 + 1)])


def rooms(members: int, chance: Random) -> list[list[int]]:
    """Deals rooms until everybody is in some: the numbers of the members of each room.

    Everybody is in as many as everybody else, or in one more.
    """
    if members < 2:
        return [[*range(members)]]
    deck = [*range(members)]
    chance.shuffle(deck)
    dealing = cycle(deck)
    dealt: list[list[int]] = []
    left = ROOMS_EACH * members
    for size in sizes(members):
        if left <= 0:
            break
        dealt.append([*islice(dealing, size)])
        left -= size
    return dealt


def is_active(member: int) -> bool:
    """Whether a member ever says anything: three of ten do, the others listen."""
    return member % 10 < 3


def events(rates: Mapping[Kind, float], seconds: float, chance: Random) -> Iterator[Event]:
    """What happens, in order of time: of each kind so much a second, at a steady pace."""
    return merge(*(_steadily(kind, rate, seconds, chance.random()) for kind, rate in rates.items()))


def _steadily(kind: Kind, rate: float, seconds: float, phase: float) -> Iterator[Event]:
    for number in range(round(rate * seconds)):
        yield Event((number + phase) / rate, kind)
