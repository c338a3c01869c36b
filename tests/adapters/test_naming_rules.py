"""The rules by themselves, on a dictionary. The whole of them is in the directory's contract."""

import msgspec
from tests.adapters.kept_table import begin, claim

from causerie.adapters.naming import Names
from causerie.adapters.naming_rules import DAY, UNUSED, Kept
from causerie.ports import Claimed, Holder, Taken, TooManyNames
from causerie.testing.contracts_directory import ALICE, ALIKE, BOB, SHOUTED


def test_what_is_only_borrowed_writes_nothing() -> None:
    table, names = begin()
    claim(names)
    claim(names, BOB, "dead")
    claim(names, BOB, "b", replacing="dead")
    claim(names, ALIKE, "b")
    names.find("alice", now=0)
    names.release("alice", "a", now=0)
    names.release("nobody", "a", now=0)
    names.keep(ALICE, "a", now=0)
    assert (table.writes, table) == (0, {})


def test_a_kept_name_is_written_when_it_is_kept_claimed_and_released() -> None:
    table, names = begin(names_per_address=1)
    claim(names, address="x")
    names.keep(ALICE, "a", now=5)
    kept = Kept(
        folded="alice",
        skeleton="alice",
        display="Alice",
        identity="a",
        address="x",
        created=5,
        used=5,
        claimed=0,
    )
    assert table == {"alice": kept}
    names.keep(ALICE, "a", now=6)
    assert table.writes == 1
    claim(names, SHOUTED, now=7)
    assert table == {"alice": msgspec.structs.replace(kept, display="ALICE", used=7, claimed=7)}
    names.release("alice", "a", now=8)
    names.release("alice", "b", now=9)
    assert table["alice"].used == 8
    # The clock may go back; what was used later was.
    names.release("alice", "a", now=3)
    claim(names, now=4)
    assert table["alice"].used == 8
    assert table.writes == 5


def test_of_claims_the_last_comes_last_whatever_the_clock_says() -> None:
    table, names = begin()
    claim(names, now=9)
    claim(names, BOB, now=3)
    names.keep(BOB, "a", now=3)
    names.keep(ALICE, "a", now=3)
    assert (table["alice"].claimed, table["bob"].claimed) == (9, 10)
    again = Names(table, names_per_address=0)
    assert claim(again, ALICE, returning=True, now=1) == Claimed(
        Holder(identity="a", display="Bob", kept=True), instead=BOB
    )
    assert table["bob"].claimed == 11


def test_who_comes_back_under_the_same_name_has_its_skeleton_worked_out_anew() -> None:
    table, names = begin()
    claim(names)
    names.keep(ALICE, "a", now=0)
    names.release("alice", "a", now=0)
    newer = msgspec.structs.replace(ALICE, skeleton="a1ice")
    answer = claim(names, newer, returning=True)
    assert isinstance(answer, Claimed)
    assert answer.instead is None
    assert table["alice"].skeleton == "a1ice"


def test_an_unused_name_is_removed_once_another_takes_it() -> None:
    table, names = begin()
    claim(names)
    names.keep(ALICE, "a", now=0)
    names.release("alice", "a", now=0)
    assert isinstance(claim(names, ALIKE, "b", now=UNUSED - 1), Taken)
    assert names.find("alice", now=UNUSED) is None
    assert "alice" in table
    assert isinstance(claim(names, ALIKE, "b", now=UNUSED), Claimed)
    assert table == {}


def test_of_two_in_the_way_the_name_itself_is_told() -> None:
    _, names = begin()
    claim(names, ALIKE)
    claim(names, ALICE)
    for name in (ALICE, ALIKE):
        answer = claim(names, name, "b")
        assert answer == Taken(Holder(identity="a", display=name.display, kept=False), name.folded)


def test_a_name_whose_looks_were_worked_out_otherwise_is_still_the_same_name() -> None:
    table, names = begin()
    claim(names)
    names.keep(ALICE, "a", now=0)
    names.release("alice", "a", now=0)
    newer = msgspec.structs.replace(ALICE, skeleton="a1ice")
    assert isinstance(claim(names, newer, "b"), Taken)
    assert isinstance(claim(names, newer, "a"), Claimed)
    assert table["alice"].skeleton == "a1ice"


def test_a_name_that_an_operator_frees_is_its_users_until_they_leave() -> None:
    table, names = begin()
    claim(names)
    names.keep(ALICE, "a", now=0)
    del table["alice"]
    assert names.find("alice", now=0) == Holder(identity="a", display="Alice", kept=False)
    assert isinstance(claim(names, ALICE, "b"), Taken)
    names.release("alice", "a", now=0)
    assert isinstance(claim(names, ALICE, "b"), Claimed)


def test_how_long_to_wait_is_rounded_up_to_milliseconds() -> None:
    _, names = begin(names_per_address=1)
    claim(names, address="x")
    names.keep(ALICE, "a", now=1)
    assert claim(names, BOB, "b", address="x", now=DAY) == TooManyNames(retry_after=1)
    assert claim(names, BOB, "b", address="x", now=DAY - 1_000) == TooManyNames(retry_after=2)
    assert isinstance(claim(names, BOB, "b", address="x", now=DAY + 1), Claimed)


def test_where_there_is_no_limit_no_address_is_held() -> None:
    table, names = begin()
    claim(names, address="x")
    names.keep(ALICE, "a", now=0)
    assert table["alice"].address == ""
    assert names._in_use._borrowed == {}
