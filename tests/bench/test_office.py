from collections import Counter
from itertools import islice, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.bench.office import LARGEST, ROOMS_EACH, Kind, events, is_active, rooms, sizes


@given(st.integers(2, 3_000), st.integers(0))
def test_everybody_is_in_as_many_rooms_as_anybody_and_nobody_twice_in_one(
    members: int, seed: int
) -> None:
    dealt = rooms(members, Random(seed))
    assert all(len(set(room)) == len(room) for room in dealt)
    each = Counter(member for room in dealt for member in room)
    assert set(each) == set(range(members))
    assert min(each.values()) >= ROOMS_EACH
    assert max(each.values()) <= min(each.values()) + 1


@given(st.integers(2, 3_000))
def test_rooms_have_from_two_to_so_many_members(members: int) -> None:
    largest = max(2, min(LARGEST, members // 2))
    first = [*islice(sizes(members), largest // 2)]
    assert first == sorted(first, reverse=True)
    assert first[0] == largest
    assert first[-1] == (3 if largest == 3 else 2)


def test_in_an_office_of_a_thousand_rooms_follow_zipf() -> None:
    lengths = [len(room) for room in rooms(1_000, Random(1))]
    assert lengths[:5] == [500, 250, 166, 125, 100]
    assert sum(length == 2 for length in lengths) > 50


def test_who_is_alone_has_a_room() -> None:
    assert rooms(1, Random(1)) == [[0]]


def test_the_same_seed_deals_the_same_rooms() -> None:
    assert rooms(100, Random(5)) == rooms(100, Random(5)) != rooms(100, Random(6))


def test_three_of_ten_are_active() -> None:
    assert sum(map(is_active, range(1_000))) == 300


@given(
    st.dictionaries(st.sampled_from(Kind), st.floats(0, 50)),
    st.floats(0.1, 10),
    st.integers(0),
)
def test_each_kind_comes_at_its_rate_and_all_in_order(
    rates: dict[Kind, float], seconds: float, seed: int
) -> None:
    happened = [*events(rates, seconds, Random(seed))]
    times = [event.at for event in happened]
    assert times == sorted(times)
    for kind, rate in rates.items():
        of_kind = [event.at for event in happened if event.kind is kind]
        assert len(of_kind) == round(rate * seconds)
        for earlier, later in pairwise(of_kind):
            assert later - earlier == pytest.approx(1 / rate)
        assert all(0 <= at <= seconds + 1 / rate for at in of_kind)
