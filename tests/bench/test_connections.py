from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.bench import connections
from causerie.bench.connections import Connections, paces
from causerie.bench.dialects import DIALECTS
from causerie.bench.phases import Phase
from causerie.bench.target import OwnServer, own_server


@pytest.fixture(scope="module")
def hasty() -> Iterator[OwnServer]:
    """A server that pings often."""
    with own_server(options=["--heartbeat", "1"]) as server:
        yield server


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(("dialect", "processes"), [("v1", 2), ("plain", 1)])
def test_what_it_costs_to_let_many_in_and_to_keep_them_is_measured(
    hasty: OwnServer, dialect: str, processes: int
) -> None:
    told: list[float] = []
    load = Connections(count=60, rooms=3, seconds=1.2)
    result = connections.run(
        load,
        hasty,
        DIALECTS[dialect],
        room=f"connections-{dialect}-{processes}",
        processes=processes,
        progress=told.append,
    )
    figures = result.figures
    assert figures["connections"] == len(result.latencies) == 60
    assert 50 < figures["joins_per_second"] < 50_000
    assert figures["first_joins_per_second"] > 0
    assert figures["last_joins_per_second"] > 0
    assert 10 < figures["cpu_us_per_join"] < 50_000
    assert 0 < figures["p50_ms"] <= figures["p99_ms"] < 10_000
    assert 0 < figures["cpu_us_per_second_idle"] < 5_000
    # Each is pinged once a second; a busy machine may come late to the last.
    assert figures["pings_answered"] >= 30
    assert 10e6 < figures["rss_mb"] * 1e6 < 10e9
    assert result.remarks == ()
    assert told[-1] == 1.0


@pytest.mark.real
@pytest.mark.slow
def test_they_come_in_at_a_steady_pace_and_stay_as_long_as_was_said(server: OwnServer) -> None:
    load = Connections(count=20, rate=100, seconds=0)
    result = connections.run(load, server, DIALECTS["v1"], room="pace")
    assert result.figures["joins_per_second"] == pytest.approx(100, rel=0.3)
    assert "cpu_us_per_second_idle" not in result.figures


@pytest.mark.real
@pytest.mark.slow
def test_it_has_ended_when_all_have_been_told_who_came(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases: list[Phase] = []
    done: list[list[Phase]] = []
    monkeypatch.setattr(server, "at_phase", phases.append)
    monkeypatch.setattr(server, "at_end", lambda: done.append([*phases]))
    load = Connections(count=20, seconds=0)
    connections.run(load, server, DIALECTS["v1"], room="told")
    assert done == [[Phase.CONNECTING, Phase.TELLING]]


@pytest.mark.real
@pytest.mark.slow
def test_it_is_told_that_no_ping_came(server: OwnServer) -> None:
    result = connections.run(
        Connections(count=2, seconds=0.1), server, DIALECTS["v1"], room="short"
    )
    assert result.figures["pings_answered"] == 0
    assert "the server sent no ping in these 0.1 s" in result.remarks[0]
    assert "first_joins_per_second" not in result.figures


def test_the_first_and_the_last_tenth_are_told_from_all() -> None:
    # One a second, and the last ten ten times as slow.
    times = [*range(1, 91), *range(100, 200, 10)]
    assert paces(0, [second * 10**9 for second in times]) == {
        "joins_per_second": pytest.approx(100 / 190),
        "first_joins_per_second": 1.0,
        "last_joins_per_second": 0.1,
    }


@given(st.lists(st.integers(1, 10**12), min_size=1))
def test_a_pace_is_known_of_any_joins(times: list[int]) -> None:
    assert all(pace > 0 for pace in paces(0, sorted(times)).values())


def test_what_a_load_is_like_is_told() -> None:
    assert str(Connections()) == "1,000 connections, 64 at a time"
    assert str(Connections(rooms=20, rate=500)) == "1,000 connections in 20 rooms, 500 joins/s"
