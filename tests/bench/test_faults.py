from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from causerie.bench.faults import Faults, faults

EXPECTED = [b"%d" % number for number in range(10, 20)]

found = st.builds(Faults, *[st.integers(0, 9)] * 3)


def test_who_was_given_all_once_and_in_order_has_no_fault_to_find() -> None:
    assert not faults(list(EXPECTED), EXPECTED)
    assert not faults(array("q", [3, 1, 2]), array("q", [3, 1, 2]))


@given(st.permutations(EXPECTED), st.lists(st.sampled_from([b"1", *EXPECTED])))
def test_each_fault_is_counted_for_what_it_is(order: list[bytes], again: list[bytes]) -> None:
    in_order = sum(int(b) < int(a) for a, b in pairwise(order))
    assert faults([*order, *again], EXPECTED) == Faults(0, len(again), in_order)


@given(st.sets(st.sampled_from(EXPECTED)))
def test_what_never_came_is_lost(missing: set[bytes]) -> None:
    received = [number for number in EXPECTED if number not in missing]
    assert faults(received, EXPECTED) == Faults(lost=len(missing))


@given(st.lists(st.integers(0, 1_000), unique=True, min_size=1))
def test_the_order_is_that_of_what_is_expected(expected: list[int]) -> None:
    assert faults(sorted(expected), expected).misordered == sum(
        expected.index(after) < expected.index(before)
        for before, after in pairwise(sorted(expected))
    )


@given(found, found)
def test_faults_add_up_and_none_is_none(some: Faults, more: Faults) -> None:
    total = some + more
    assert total == more + some
    assert total.lost == some.lost + more.lost
    assert total.doubled == some.doubled + more.doubled
    assert total.misordered == some.misordered + more.misordered
    assert bool(total) == (bool(some) or bool(more)) == (total != Faults())
