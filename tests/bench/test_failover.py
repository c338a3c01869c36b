from collections.abc import Iterator
from typing import Any

import pytest
from tests.bench.tiny_chat import TinyChat

from causerie.bench import failover
from causerie.bench.dialects import DIALECTS
from causerie.bench.failover import Failover
from causerie.bench.generator import LoadFailed
from causerie.bench.target import NOT_OURS, OwnServer, at_url, own_server


def run(load: Failover, target: Any, **more: Any) -> Any:
    return failover.run(load, target, DIALECTS["v1"], room=f"failover-{load.clients}", **more)


@pytest.fixture
def workers() -> Iterator[OwnServer]:
    with own_server(options=("--workers", "2")) as server:
        yield server


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_those_of_a_killed_process_are_given_what_they_have_missed_by_the_others(
    workers: OwnServer, processes: int
) -> None:
    told: list[float] = []
    # That all forty came to one of two is less likely than one in 10^11.
    load = Failover(clients=39 + processes, behind=30)
    result = run(load, workers, processes=processes, progress=told.append)
    figures = result.figures
    assert (figures["lost"], figures["doubled"], figures["misordered"]) == (0, 0, 0)
    assert result.remarks == ()
    assert 0 < figures["cut_off"] < load.clients
    assert len(result.latencies) == figures["cut_off"]
    assert 0 < figures["p50_ms"] <= figures["max_ms"] < 20_000
    assert figures["caught_up_s"] == pytest.approx(figures["max_ms"] / 1e3)
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.real
@pytest.mark.slow
def test_one_process_alone_is_not_killed() -> None:
    with own_server() as server:
        pid = server.pid
        with pytest.raises(LoadFailed, match="--workers 2"):
            run(Failover(clients=2), server)
        assert server.pid == pid


def test_a_server_that_is_not_ours_is_not_killed(chat: TinyChat) -> None:
    with pytest.raises(LoadFailed, match=NOT_OURS) as caught:
        run(Failover(), at_url(chat.url, None))
    assert "--kill" not in str(caught.value), "this load has no such option"
    assert not chat.connections


def test_the_plain_profile_is_refused(chat: TinyChat) -> None:
    with pytest.raises(LoadFailed, match="leave --plain out"):
        failover.run(Failover(), at_url(chat.url, None), DIALECTS["plain"], room="r")
