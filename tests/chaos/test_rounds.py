"""What a round is judged by sees each promise that is broken: in the notes of a crowd that tell of
a good round, one thing is falsified.
"""

import random
from collections.abc import Callable
from typing import Final

import pytest
from tests.chaos.checks import Cut, ghosts
from tests.chaos.conftest import table
from tests.chaos.people import Crowd
from tests.chaos.rounds import Outcome, judge, told
from tests.chaos.wiretap import ROOM, Stay

import causerie
from causerie.testing.history import Seen

NOW: Final = 100.0
SIZE: Final = 3
ENTRIES: Final = [
    Seen(seq, f"id{seq}", f"Person{seq % SIZE}", f"said {seq}") for seq in range(1, 7)
]

Falsify = Callable[[Crowd], object]


def good() -> Crowd:
    """A crowd that talked for a while: what was said at the second `seq` was acked half a second
    later and shown to all, who were connected all the time, another half later.
    """
    crowd = Crowd(SIZE, random.Random(0))
    for person in crowd.people:
        person.witness.since[ROOM] = 0
        person.witness.shown[ROOM] = list(ENTRIES)
        person.shown_at = {(ROOM, entry.seq): entry.seq + 1.0 for entry in ENTRIES}
        for entry in ENTRIES:
            if entry.username == person.name:
                person.witness.acked[entry.id] = (ROOM, entry.seq)
                person.acked_at[ROOM, entry.seq] = entry.seq + 0.5
        crowd.ledger.of(person.name).stays.append(Stay(0, 0.0))
    crowd.visitors.append("Visitor0")
    return crowd


def shown(crowd: Crowd) -> list[Seen]:
    """What the first of the crowd was shown."""
    return crowd.people[0].witness.shown[ROOM]


def swap(crowd: Crowd) -> None:
    """Two entries change their places."""
    entries = shown(crowd)
    entries[2], entries[3] = entries[3], entries[2]


def show_late(crowd: Crowd) -> None:
    """An entry is shown when the patience of whoever listens has ended."""
    crowd.people[0].shown_at[ROOM, 3] = 3.5 + 15.1


def tell_twice(crowd: Crowd) -> None:
    """A visitor's leave is told on each of two connections."""
    crowd.ledger.of("Person0").again.add("Visitor0")


def test_a_good_round_breaks_nothing() -> None:
    crowd = good()
    assert len(crowd.acks) == len(ENTRIES)
    assert judge(crowd, {ROOM: ENTRIES}, [], NOW) == []


@pytest.mark.parametrize(
    ("falsify", "kind"),
    [
        pytest.param(lambda crowd: shown(crowd).pop(2), "lost (Person0)", id="dropped"),
        pytest.param(lambda crowd: shown(crowd).pop(), "lost (Person0)", id="the newest dropped"),
        pytest.param(
            lambda crowd: shown(crowd).append(ENTRIES[-1]), "doubled (Person0)", id="doubled"
        ),
        pytest.param(swap, "misordered (Person0)", id="inverted"),
        pytest.param(
            lambda crowd: shown(crowd).append(Seen(9, "id9", "Person1", "said 9")),
            "invented (Person0)",
            id="invented",
        ),
        pytest.param(
            lambda crowd: crowd.people[0].witness.acked.update(id9=(ROOM, 9)),
            "lost (Person0)",
            id="acked, and not kept",
        ),
        pytest.param(
            lambda crowd: crowd.people[0].gaps.append(
                causerie.Gap(room=ROOM, after=1, missing=None)
            ),
            "gap (Person0)",
            id="gap",
        ),
        pytest.param(
            lambda crowd: crowd.refused.append("refused (Person0): InDoubt()"),
            "refused (Person0)",
            id="refused",
        ),
        pytest.param(show_late, "late (Person0): 3 of lobby was shown 15.1 s later", id="late"),
        pytest.param(
            lambda crowd: crowd.people[0].shown_at.pop((ROOM, 3)),
            "late (Person0): 3 of lobby was shown not",
            id="never in time",
        ),
        pytest.param(tell_twice, "mourned (Person0)", id="a leave told twice"),
        pytest.param(
            lambda crowd: crowd.ledger.of("Person0").wrong.append("Person2"),
            "mourned (Person0)",
            id="a leave of somebody who was not there",
        ),
    ],
)
def test_what_is_falsified_is_seen(falsify: Falsify, kind: str) -> None:
    crowd = good()
    falsify(crowd)
    (broken,) = judge(crowd, {ROOM: ENTRIES}, [], NOW)
    assert broken.startswith(kind)


def test_who_was_not_connected_all_that_time_may_be_shown_late() -> None:
    crowd = good()
    show_late(crowd)
    crowd.ledger.of("Person0").stays[:] = [Stay(0, 0.0, 18.0), Stay(1, 18.2)]
    assert judge(crowd, {ROOM: ENTRIES}, [], NOW) == []


@pytest.mark.parametrize(
    ("cut", "excused"),
    [
        pytest.param(Cut(0, 10.0, 12.0), True, id="meanwhile"),
        pytest.param(Cut(0, 1.0, 4.0), True, id="when it was acked"),
        pytest.param(Cut(1, 10.0, 12.0), False, id="another machine"),
        pytest.param(Cut(0, 20.0, 35.0), False, id="later"),
        pytest.param(Cut(0, 0.5, 1.0), False, id="before"),
    ],
)
def test_who_was_connected_to_a_machine_that_was_cut_off_was_connected_to_nobody(
    cut: Cut, *, excused: bool
) -> None:
    crowd = good()
    show_late(crowd)
    assert (judge(crowd, {ROOM: ENTRIES}, [cut], NOW) == []) is excused


def test_what_was_acked_just_now_may_yet_be_shown() -> None:
    crowd = good()
    crowd.people[0].shown_at.clear()
    assert judge(crowd, {ROOM: ENTRIES}, [], now=1.5 + 14.9) == []
    assert len(judge(crowd, {ROOM: ENTRIES}, [], now=1.5 + 15.0)) == 1


def test_a_list_with_a_ghost_or_without_somebody_who_is_there_or_with_a_twin_is_seen() -> None:
    there = ["Ann", "Bob"]
    assert ghosts({"Ann": ["Bob", "Ann"], "Bob": there}, there) == []
    lists = {"Ann": ["Ann", "Bob", "Visitor3"], "Bob": ["Bob"], "Cy": ["Ann", "Ann", "Bob"]}
    assert ghosts(lists, there) == [
        "ghosts (Ann): Visitor3",
        "missing (Bob): Ann",
        "listed twice (Cy): ['Ann', 'Ann', 'Bob']",
    ]


def test_the_table_has_the_longest_times_of_all_rounds_of_a_fault() -> None:
    outcomes = [
        Outcome("kill-node", 1, 1_000, 2.0, 9.25, []),
        Outcome("kill-node", 2, 2_000, 3.0, 1.0, ["lost"]),
        Outcome("cut-back", 1, 10, 0.1, 0.2, []),
    ]
    assert [line.split() for line in table(outcomes)][1:] == [
        ["kill-node", "2", "1", "3,000", "3.0", "s", "9.2", "s"],
        ["cut-back", "1", "0", "10", "0.1", "s", "0.2", "s"],
    ]


def test_of_a_thousand_broken_promises_five_of_each_kind_are_told() -> None:
    broken = [f"lost (Ann): {n}" for n in range(1_000)]
    lines = told(Outcome("cut-back", 1, 10, 0.1, 0.2, ["late (Bob): 3", *broken, "late (Cy): 3"]))
    assert lines.splitlines() == [
        *("late (Bob): 3", "late (Cy): 3"),
        *broken[:5],
        "and 995 more of the kind: lost",
    ]
