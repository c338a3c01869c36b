import socket
from typing import Any

import pytest
from tests.bench.tiny_chat import TinyChat

from causerie.bench import stalled
from causerie.bench.dialects import DIALECTS
from causerie.bench.generator import LoadFailed
from causerie.bench.marks import MARK
from causerie.bench.stalled import Stalled
from causerie.bench.target import OwnServer, at_url


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(("dialect", "processes"), [("v1", 2), ("plain", 1)])
def test_what_those_cost_who_do_not_read_is_measured(
    server: OwnServer, dialect: str, processes: int
) -> None:
    told: list[float] = []
    load = Stalled(stalled=10, members=6, seconds=0.4)
    alone, beside = stalled.run(
        load,
        server,
        DIALECTS[dialect],
        room=f"stalled-{dialect}-{processes}",
        processes=processes,
        progress=told.append,
    )
    for figures in (alone.figures, beside.figures):
        assert figures["deliveries_per_second"] == pytest.approx(600, rel=0.3)
        assert 0.5 < figures["cpu_us_per_delivery"] < 5_000
        assert 0 < figures["p50_ms"] <= figures["p99_ms"] < 10_000
    # Each of the messages by each of those who read, and none of those who had stalled.
    assert len(alone.latencies) == len(beside.latencies) == 40 * 6
    assert (beside.figures["lost"], beside.figures["doubled"]) == (0, 0)
    assert beside.figures["misordered"] == 0
    assert 0 < beside.figures["caught_up_s"] < 20
    assert 0 < beside.figures["rss_kb_per_stalled"] < 10_000
    assert told == sorted(told)
    assert told[-1] > 0.9


@pytest.mark.real
@pytest.mark.slow
def test_what_those_never_hear_who_had_stalled_is_lost(chat: TinyChat) -> None:
    def answer(connection: socket.socket, command: dict[str, Any]) -> None:
        late = chat.members[2:] if MARK.decode() in command.get("content", "") else []
        del chat.members[len(chat.members) - len(late) :]
        chat.answer_rightly(connection, command)
        chat.members.extend(late)

    chat.answer = answer
    load = Stalled(stalled=3, members=2, rate=50, seconds=0.2)
    _, beside = stalled.run(load, at_url(chat.url, None), DIALECTS["v1"], room="lossy")
    assert beside.figures["lost"] == (stalled.FILLERS + 10) * 3
    assert beside.figures["caught_up_s"] >= stalled.QUIET


def test_where_nothing_would_be_said_nothing_is_measured(chat: TinyChat) -> None:
    load = Stalled(stalled=1, members=1, rate=1, seconds=0.5)
    with pytest.raises(LoadFailed, match="nothing was said"):
        stalled.run(load, at_url(chat.url, None), DIALECTS["v1"], room="silence")
    assert not chat.commands


def test_what_a_load_is_like_is_told() -> None:
    assert str(Stalled()) == "100 members, 100 messages/s"
    assert Stalled().connections == 1_100
