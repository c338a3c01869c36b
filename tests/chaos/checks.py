"""What has to hold of a round besides what `causerie.testing.history` checks: all are told soon, of
the right people, and of no leave twice. Pure: times, in seconds, come in with what is checked.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from tests.chaos.wiretap import ROOM, Ledger, Stay

SOON: Final = 15.0
"""Seconds from an ack until whoever is connected has been shown the entry: a node that stood still
for ten, or a server of NATS that was missed for that long, is no excuse."""


class Cut(NamedTuple):
    """A machine was cut off: whoever was connected to its node was connected to nobody."""

    node: int
    since: float
    until: float


class Ack(NamedTuple):
    """Something was acked."""

    room: str
    seq: int
    at: float


def late(
    acks: Iterable[Ack],
    shown: Mapping[str, Mapping[tuple[str, int], float]],
    stays: Mapping[str, Sequence[Stay]],
    cuts: Sequence[Cut],
    now: float,
) -> list[str]:
    """Answers who was connected from an ack in the room on for as long as `SOON`, and was not shown
    by then what was acked. `shown` and `stays` are by name.
    """
    found: list[str] = []
    told = [ack for ack in acks if ack.room == ROOM and ack.at + SOON <= now]
    for name, on in stays.items():
        spans = [span for stay in on for span in _connected(stay, cuts, now)]
        at = shown.get(name, {})
        for ack in told:
            due = ack.at + SOON
            if any(since <= ack.at and due <= until for since, until in spans):
                when = at.get((ack.room, ack.seq))
                if when is None or when > due:
                    after = "not" if when is None else f"{when - ack.at:.1f} s later"
                    found.append(f"late ({name}): {ack.seq} of {ack.room} was shown {after}")
    return found


def ghosts(lists: Mapping[str, Sequence[str]], there: Collection[str]) -> list[str]:
    """Answers whose list of members, by name, is not exactly those who are there."""
    found: list[str] = []
    for name, members in lists.items():
        if extra := sorted(set(members) - set(there)):
            found.append(f"ghosts ({name}): {', '.join(extra)}")
        if missing := sorted(set(there) - set(members)):
            found.append(f"missing ({name}): {', '.join(missing)}")
        if len(set(members)) < len(members):
            found.append(f"listed twice ({name}): {sorted(members)}")
    return found


def mourned(ledger: Ledger, once: Collection[str]) -> list[str]:
    """Answers who was told twice of a leave: of somebody who was not there for all that it knew, or
    of one of those who came and left but `once`.
    """
    found: list[str] = []
    for name, told in ledger.told.items():
        found += [f"mourned ({name}): {one} had left before" for one in told.wrong]
        found += [
            f"mourned ({name}): {one} left more than once"
            for one in sorted(told.again.intersection(once))
        ]
    return found


def longest_to_last(
    acks: Iterable[Ack], shown: Mapping[str, Mapping[tuple[str, int], float]]
) -> float:
    """Seconds from an ack to the last who was shown what was acked, at the longest; whoever was
    away when it was said is among them.
    """
    last: dict[tuple[str, int], float] = {}
    for at in shown.values():
        for place, when in at.items():
            last[place] = max(when, last.get(place, when))
    return max(
        (last[ack.room, ack.seq] - ack.at for ack in acks if (ack.room, ack.seq) in last),
        default=0.0,
    )


def longest_stall(acks: Iterable[Ack]) -> float:
    """Seconds in which nothing was acked, at the longest."""
    times = sorted(ack.at for ack in acks)
    return max((later - sooner for sooner, later in pairwise(times)), default=0.0)


def _connected(stay: Stay, cuts: Sequence[Cut], now: float) -> Iterator[tuple[float, float]]:
    """Yields a stay's spans without those in which its node was cut off."""
    since = stay.since
    until = now if stay.until is None else stay.until
    for cut in sorted(cuts, key=lambda cut: cut.since):
        if cut.node == stay.node and cut.since < until and since < cut.until:
            yield since, cut.since
            since = cut.until
    yield since, until
