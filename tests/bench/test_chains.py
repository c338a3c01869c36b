from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.bench.chains import Chain, Ledger
from causerie.bench.faults import Faults
from causerie.wire.commands import Cursor

LOGS = st.sets(st.integers(1, 50), min_size=1).map(sorted)
"""The seqs of a log: increasing, and some numbers are skipped."""


def entries(seqs: list[int]) -> list[tuple[int, int, str]]:
    return [(seq, prev, f"id{seq}") for prev, seq in zip([0, *seqs], seqs, strict=False)]


def heard(told: Iterable[tuple[int, int, str]], chain: Chain | None = None) -> Faults:
    faults = Faults()
    chain = chain or Chain(is_listening=True)
    for seq, prev, id in told:
        chain.hear(seq, prev, id, faults)
    return faults


@given(LOGS)
def test_who_is_told_a_log_in_order_finds_no_fault(seqs: list[int]) -> None:
    chain = Chain(is_listening=True)
    assert not heard(entries(seqs), chain)
    assert chain.cursor == Cursor(seq=seqs[-1], id=f"id{seqs[-1]}")


@given(st.data(), LOGS)
def test_each_entry_that_is_left_out_breaks_the_chain(data: st.DataObject, seqs: list[int]) -> None:
    told = entries(seqs)
    left_out = data.draw(st.sets(st.integers(0, len(told) - 1)))
    breaks = sum(place - 1 in left_out for place in range(1, len(told)) if place not in left_out)
    faults = heard(entry for place, entry in enumerate(told) if place not in left_out)
    assert faults == Faults(lost=breaks)


@given(st.data(), LOGS)
def test_each_entry_that_comes_again_is_doubled(data: st.DataObject, seqs: list[int]) -> None:
    told = entries(seqs)
    again = data.draw(st.integers(0, len(told) - 1))
    later = data.draw(st.integers(again, len(told) - 1))
    told.insert(later + 1, told[again])
    assert heard(told) == Faults(doubled=1)


def test_an_entry_that_comes_after_a_later_one_is_misordered() -> None:
    first, second, third = entries([1, 2, 3])
    assert heard([first, third, second]) == Faults(lost=1, misordered=1)


def test_what_comes_before_one_listens_is_told_again() -> None:
    chain = Chain()
    assert not heard(entries([1, 2, 3]), chain)
    chain.is_listening = True
    assert not heard(entries([1, 2, 3]), chain)
    assert chain.cursor.seq == 3


def test_an_account_goes_on_where_it_was() -> None:
    chain = Chain(Cursor(seq=4, id="id4"), is_listening=True)
    assert not heard([(6, 4, "id6")], chain)


@given(LOGS)
def test_a_log_that_all_have_heard_alike_has_no_fault(seqs: list[int]) -> None:
    ledger, faults = Ledger(), Faults()
    for seq, _, id in entries(seqs) * 2:
        ledger.note(seq, id, faults)
    assert not faults
    assert ledger.head == seqs[-1]


@pytest.mark.parametrize(
    ("seq", "id", "fault"),
    [
        (2, "one", Faults(doubled=1)),
        (1, "other", Faults(misordered=1)),
    ],
)
def test_an_id_has_one_place_and_a_place_one_id(seq: int, id: str, fault: Faults) -> None:
    ledger, faults = Ledger(), Faults()
    ledger.note(1, "one", faults)
    ledger.note(seq, id, faults)
    assert faults == fault


def test_of_a_log_that_nobody_has_heard_of_there_is_no_head() -> None:
    assert Ledger().head == 0
