from collections.abc import Iterator

import pytest

from causerie.bench import history
from causerie.bench.courses import Ask, Page, Place
from causerie.bench.dialects import DIALECTS
from causerie.bench.generator import LoadFailed
from causerie.bench.history import History
from causerie.bench.result import FIGURES
from causerie.bench.target import OwnServer, at_url, own_server

SMALL = History(entries=300, limit=20, pages=30)


@pytest.fixture(scope="module")
def ours() -> Iterator[OwnServer]:
    """One that nobody else minds being killed."""
    with own_server() as server:
        yield server


@pytest.mark.slow
@pytest.mark.real
def test_our_own_server_is_filled_started_again_and_read(ours: OwnServer, alone: None) -> None:
    before = ours.pid
    shares: list[float] = []
    results = history.run(SMALL, ours, DIALECTS["v1"], room="long", progress=shares.append)
    assert ours.pid != before
    assert [result.load.partition(": ")[2] for result in results] == [
        "before",
        "filling",
        "restarted",
        "random pages of 20",
        "backward pages of 20",
        "forward pages of 20",
    ]
    empty, filling, restarted, *pages = [result.figures for result in results]
    assert all(result.figures.keys() <= FIGURES.keys() for result in results)
    assert empty["start_up_s"] > 0
    assert restarted["start_up_s"] > 0
    assert filling["acks_per_second"] > 10
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    for figures in pages:
        assert figures["pages_per_second"] > 10
        assert figures["cpu_us_per_page"] >= 0
        assert 0 < figures["p50_ms"] <= figures["max_ms"]
    assert [len(result.latencies) for result in results[3:]] == [30, 30, 30]


@pytest.mark.slow
@pytest.mark.real
def test_a_server_of_somebody_else_is_not_started_again(ours: OwnServer, alone: None) -> None:
    before = ours.pid
    target = at_url(f"ws://127.0.0.1:{ours.address[1]}", ours.pid)
    load = History(entries=40, rooms=4, limit=5, pages=4)
    results = history.run(load, target, DIALECTS["v1"], room="short")
    assert ours.pid == before
    assert len(results) == 5
    assert not any("start_up_s" in result.figures for result in results)
    assert results[0].load == "40 entries in 4 rooms: before"


@pytest.mark.slow
@pytest.mark.real
def test_more_processes_than_rooms_read_all_of_them(ours: OwnServer) -> None:
    results = history.run(
        History(entries=30, pages=5), ours, DIALECTS["v1"], room="shared", processes=2
    )
    assert [len(result.latencies) for result in results[-3:]] == [10, 10, 10]


@pytest.mark.slow
@pytest.mark.real
def test_a_page_that_is_not_whole_ends_the_load(
    ours: OwnServer, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(_: bytes) -> Page:
        return Page([Place(1, 0), Place(3, 2)])

    monkeypatch.setattr(history, "decode", decode)
    with pytest.raises(LoadFailed, match=str(Ask.__name__)):
        history.run(History(entries=10), ours, DIALECTS["v1"], room="torn")


def test_the_plain_profile_has_no_history() -> None:
    with pytest.raises(LoadFailed, match="plain"):
        history.run(SMALL, at_url("ws://localhost:1", None), DIALECTS["plain"], room="none")
