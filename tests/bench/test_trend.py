import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from causerie.bench.trend import slope

NUMBERS = st.floats(-1e6, 1e6)


@given(st.floats(-100, 100), NUMBERS, st.lists(st.integers(0, 300), min_size=2, unique=True))
def test_of_a_straight_line_it_is_the_line_s(grows: float, begins: float, times: list[int]) -> None:
    samples = [(float(time), begins + grows * time) for time in times]
    assert slope(samples) == pytest.approx(grows, abs=1e-5)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 1000)), min_size=2, max_size=30))
def test_no_other_line_is_nearer(samples: list[tuple[int, int]]) -> None:
    assume(len({time for time, _ in samples}) > 1)
    best = slope([(float(time), float(value)) for time, value in samples])
    middle = sum(time for time, _ in samples) / len(samples)
    height = sum(value for _, value in samples) / len(samples)

    def distance(tried: float) -> float:
        return sum((height + tried * (time - middle) - value) ** 2 for time, value in samples)

    for other in (best - 0.01, best + 0.01):
        assert distance(best) <= distance(other) + 1e-6


@pytest.mark.parametrize("samples", [[], [(1.0, 2.0)], [(1.0, 2.0), (1.0, 3.0)]])
def test_of_less_than_two_moments_it_is_unknown(samples: list[tuple[float, float]]) -> None:
    assert math.isnan(slope(samples))
