import pytest
from tests.bench.tiny_chat import TinyChat

from causerie.bench import fanout
from causerie.bench.dialects import DIALECTS
from causerie.bench.fanout import Fanout
from causerie.bench.generator import LoadFailed
from causerie.bench.target import OwnServer, at_url

pytestmark = [pytest.mark.real, pytest.mark.slow]

SMALL = Fanout(members=20, senders=4, in_flight=8, seconds=0.4)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_real_server_does_is_measured(
    server: OwnServer, dialect: str, processes: int
) -> None:
    told: list[float] = []
    result = fanout.run(
        SMALL,
        server,
        DIALECTS[dialect],
        room=f"fanout-{dialect}-{processes}",
        processes=processes,
        progress=told.append,
    )
    figures = result.figures
    # 8 messages are always on their way to 20 members.
    assert figures["deliveries_per_second"] > 500
    assert 0.05 < figures["cpu_us_per_delivery"] < 1_000
    assert 0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"] < 10_000
    assert 0 < figures["server_busy"] < 2
    assert 0 < figures["generator_busy"] <= 1.1
    assert result.latencies
    assert told == sorted(told)
    assert told[-1] > 0.5
    assert str(SMALL) in result.load


def test_a_steady_pace_is_kept(server: OwnServer) -> None:
    load = Fanout(members=5, senders=5, rate=100, seconds=0.5)
    result = fanout.run(load, server, DIALECTS["v1"], room="steady")
    assert result.figures["deliveries_per_second"] == pytest.approx(500, rel=0.2)
    # Each of the messages by each of the members.
    assert len(result.latencies) == 50 * 5


def test_more_processes_than_speakers_are_not_needed(server: OwnServer) -> None:
    load = Fanout(members=3, senders=1, in_flight=2, seconds=0.2)
    assert fanout.run(load, server, DIALECTS["v1"], room="few", processes=3).latencies


def test_where_nothing_is_said_nothing_is_made_up(server: OwnServer) -> None:
    load = Fanout(members=2, senders=1, rate=0.1, seconds=0.1)
    with pytest.raises(LoadFailed, match="nothing was said"):
        fanout.run(load, server, DIALECTS["v1"], room="silence")


def test_a_server_that_limits_what_is_said_is_told_of(chat: TinyChat) -> None:
    target = at_url(chat.url, None)
    chat.limit = 3
    with pytest.raises(LoadFailed, match=r"refuses what m\d says: Too many \(rate_limited\)"):
        fanout.run(SMALL, target, DIALECTS["v1"], room="limited")


def test_what_a_load_is_like_is_told() -> None:
    assert str(Fanout()) == "500 members, 64 in flight"
    assert str(Fanout(members=1_000, rate=2_000)) == "1,000 members, 2,000 messages/s"
