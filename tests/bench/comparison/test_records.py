import math

import pytest
from bench.comparison.records import (
    SHARES,
    V1,
    Spread,
    curve,
    is_too_much,
    median_curve,
    ratio,
    record_of,
    spread,
)
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.comparison.canned import comparison, run

from causerie.bench.result import Result


def test_rounds_come_to_their_median_and_extremes() -> None:
    assert spread([3.0, 1.0, 8.0]) == Spread(3.0, 1.0, 8.0)
    assert spread([3.0, 1.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([]) is None


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_a_median_lies_between_the_extremes(values: list[float]) -> None:
    found = spread(values)
    assert found is not None
    assert found.low <= found.median <= found.high


def test_a_ratio_is_that_of_the_medians_and_of_nothing_else() -> None:
    assert ratio(Spread(6, 1, 9), Spread(2, 1, 100)) == 3
    assert ratio(None, Spread(2, 1, 3)) is None
    assert ratio(Spread(2, 1, 3), None) is None
    assert ratio(Spread(2, 1, 3), Spread(0, 0, 0)) is None


def test_a_figure_is_that_of_all_rounds_of_one_load_on_one_server() -> None:
    found = comparison(
        run("burst", V1, 0, p99_ms=1.0),
        run("burst", V1, 1, p99_ms=5.0),
        run("burst", V1, 2, p50_ms=7.0),
        run("burst", "Bun", 0, p99_ms=100.0),
        run("quiet", V1, 0, p99_ms=200.0),
    )
    assert found.figure("burst", V1, "p99_ms") == Spread(3.0, 1.0, 5.0)
    assert found.figure("burst", "ws", "p99_ms") is None


def test_a_part_of_a_load_is_found_by_what_it_is_called() -> None:
    found = comparison(
        run("history", V1, part="1,000 entries: random pages", p99_ms=1.0),
        run("history", V1, part="1,000 entries: forward pages", p99_ms=9.0),
    )
    assert found.figure("history", V1, "p99_ms", "random") == Spread(1.0, 1.0, 1.0)


@given(st.lists(st.integers(0, 10**10), max_size=300))
def test_a_curve_rises_and_goes_no_further_than_there_are_latencies(latencies: list[int]) -> None:
    found = curve(latencies)
    assert found == sorted(found)
    # Of 100 latencies none is beyond 99 %.
    assert all(1 / (1 - share) < len(latencies) + 1e-6 for share in SHARES[: len(found)])
    assert bool(found) == bool(latencies)


def test_a_curve_reads_as_its_percentiles_do() -> None:
    found = curve([number * 1_000_000 for number in range(1, 1_001)])
    assert found[SHARES.index(1 - 10**-1)] == 900
    assert found[SHARES.index(1 - 10**-2)] == 990


def test_the_curve_of_several_rounds_is_their_median_as_far_as_all_reach() -> None:
    curves = ([1.0, 2.0, 9.0], [3.0, 4.0], [2.0, 9.0, 9.0])
    runs = [run("quiet", V1, number) for number in range(4)]
    for record, values in zip(runs, curves, strict=False):
        record.curve.extend(values)
    assert median_curve(runs) == [2.0, 4.0]
    assert median_curve([]) == []


@pytest.mark.parametrize(("reached", "is_kept"), [(480_000, True), (470_000, False)])
def test_who_does_not_keep_the_pace_is_told_and_not_asked_again(
    reached: float, is_kept: bool
) -> None:
    result = Result("fanout: steady", "ws", {"deliveries_per_second": reached, "rss_mb": math.nan})
    record = record_of(
        result, load="steady", server="ws", number=0, pace=500_000, remarks=["so it is"]
    )
    behind = [f"does not keep the pace: {reached:,.0f} of 500,000 deliveries/s"]
    assert record.remarks == ["so it is", *([] if is_kept else behind)]
    again = record_of(
        result, load="steady", server="ws", number=0, pace=500_000, remarks=record.remarks
    )
    assert again.remarks == record.remarks, "what a load has said is not said twice"
    assert is_too_much(record, 500_000) is not is_kept
    assert "rss_mb" not in record.figures, "what is not known is no figure"


def test_without_a_pace_only_a_failure_is_too_much() -> None:
    assert not is_too_much(run("burst", "ws", deliveries_per_second=1), 0)
