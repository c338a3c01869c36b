"""Names in use in dictionaries, and what is noted of them."""

import msgspec
from tests.adapters.kept_table import begin, claim

from causerie.adapters.naming_rules import DAY
from causerie.testing.contracts_directory import ALICE, ALIKE, BOB


def test_what_is_given_up_leaves_nothing_behind() -> None:
    _, names = begin(names_per_address=3)
    claim(names, address="x")
    claim(names, ALIKE, address="y")
    claim(names, BOB, address="x")
    names.keep(BOB, "a", now=0)
    assert names._in_use._borrowed == {"x": 1, "y": 1}
    for name in (ALICE, ALIKE, BOB):
        names.release(name.folded, "a", now=0)
    left = vars(names._in_use)
    assert len(left) == 4
    assert not any(left.values()), left


def test_a_sweep_writes_what_is_used_once_a_day_however_often_it_is_made() -> None:
    table, names = begin()
    claim(names)
    names.keep(ALICE, "a", now=0)
    claim(names, BOB, "b")
    assert table.writes == 1
    for hour in range(1, 49):
        names.sweep(now=hour * DAY // 24)
    assert table.writes == 3
    assert table["alice"].used == 2 * DAY
    # The clock may go back; what was used later was.
    table["alice"] = msgspec.structs.replace(table["alice"], used=9 * DAY)
    names.sweep(now=3 * DAY)
    assert table["alice"].used == 9 * DAY


def test_a_sweep_gives_a_name_that_an_operator_freed_back_to_nobody() -> None:
    table, names = begin()
    claim(names)
    names.keep(ALICE, "a", now=0)
    table.clear()
    names.sweep(now=DAY)
    assert table == {}


def test_an_address_is_forgotten_once_it_no_longer_counts() -> None:
    table, names = begin(names_per_address=2)
    claim(names, address="x")
    names.keep(ALICE, "a", now=0)
    claim(names, BOB, address="x", now=1)
    names.keep(BOB, "a", now=1)
    names.sweep(now=DAY - 1)
    assert [kept.address for kept in table.values()] == ["x", "x"]
    names.sweep(now=DAY)
    assert [kept.address for kept in table.values()] == ["", "x"]
    claim(names, now=DAY)
    names.release("alice", "a", now=DAY)
    names.sweep(now=DAY + 1)
    assert [kept.address for kept in table.values()] == ["", ""]
