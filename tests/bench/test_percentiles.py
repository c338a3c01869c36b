from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.bench.percentiles import SHOWN, at, percentiles

EXACT = {0.5: Fraction(1, 2), 0.9: Fraction(9, 10), 0.99: Fraction(99, 100)} | {
    0.999: Fraction(999, 1000),
    1.0: Fraction(1),
}


def naive(values: list[int], share: Fraction) -> int:
    """The smallest value that at least this share of all values do not exceed."""
    return next(
        value
        for value in sorted(values)
        if Fraction(sum(other <= value for other in values), len(values)) >= share
    )


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300), st.sampled_from(sorted(EXACT)))
def test_a_percentile_is_that_of_the_nearest_rank(values: list[int], share: float) -> None:
    assert at(sorted(values), share) == naive(values, EXACT[share])


@pytest.mark.parametrize("share", EXACT)
def test_no_rank_is_missed_by_a_rounding(share: float) -> None:
    for count in range(1, 20_001):
        assert at(range(count), share) == -(-count * EXACT[share] // 1) - 1


def test_every_share_that_is_shown_is_tested_here() -> None:
    assert set(SHOWN.values()) == EXACT.keys()


def test_latencies_are_told_in_ms() -> None:
    assert percentiles(number * 1_000_000 for number in range(1, 1_001)) == {
        "p50_ms": 500.0,
        "p90_ms": 900.0,
        "p99_ms": 990.0,
        "p999_ms": 999.0,
        "max_ms": 1_000.0,
    }


def test_of_nothing_nothing_is_told() -> None:
    assert percentiles([]) == {}
