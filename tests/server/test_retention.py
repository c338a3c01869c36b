"""What is kept no longer goes, and nobody is held up by that, or cut."""

from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.server.support import Plain, entry, fill, listener, live_room, plain, v1

from causerie.adapters.memory_store import MemoryStore
from causerie.ports import Failed
from causerie.server.retention import FIRST_TRIM, TRIM_AGAIN, TRIM_EVERY
from causerie.server.settings import HubSettings
from causerie.testing.memory_cluster import MemoryCluster
from causerie.testing.memory_server import MemoryServer

HOUR = 60 * 60.0

KEPT_FIVE = HubSettings(rate=0.0, keep_last=5)
UNREMEMBERED = HubSettings(rate=0.0, keep_last=5, ring=0)
"""Everybody who is behind is served from the log."""


def server_with(
    entries: int, settings: HubSettings = KEPT_FIVE, store: MemoryStore | None = None
) -> MemoryServer:
    server = MemoryServer(store, settings=settings)
    fill(server, "lobby", entries)
    return server


def stored(server: MemoryServer, room: str = "lobby") -> list[str]:
    return [kept.content for kept in server.store.rooms[room]]


def cursor(seq: int) -> dict[str, Any]:
    return {"since": {"seq": seq, "id": f"e{seq}"}, "epoch": "epoch-1"}


# When it is done.


def test_unless_it_is_said_everything_is_kept_for_ever() -> None:
    server = server_with(20, HubSettings())
    server.advance(FIRST_TRIM + 2 * TRIM_EVERY)
    assert len(stored(server)) == 20


def test_what_is_too_much_goes_shortly_after_the_start_and_then_every_hour() -> None:
    server = server_with(20)
    server.advance(FIRST_TRIM - 1.0)
    assert len(stored(server)) == 20
    server.advance(2.0)
    assert stored(server) == ["16", "17", "18", "19", "20"]
    alice = v1(server, "Alice", "lobby")
    for number in range(3):
        alice.say(f"new {number}")
    assert len(stored(server)) == 8
    server.advance(TRIM_EVERY)
    assert stored(server) == ["19", "20", "new 0", "new 1", "new 2"]


def test_what_is_old_goes_and_the_newest_entry_stays() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, keep_for=2 * HOUR))
    alice = v1(server, "Alice", "lobby", "kitchen")
    alice.say("old", room="kitchen")
    for hour in range(4):
        alice.say(f"hour {hour}")
        server.advance(HOUR)
    assert stored(server) == ["hour 2", "hour 3"]
    server.advance(4 * HOUR)
    assert stored(server) == ["hour 3"]
    assert stored(server, "kitchen") == ["old"]


def test_a_time_longer_than_there_have_been_is_for_ever() -> None:
    server = server_with(20, HubSettings(keep_for=1e15))
    server.advance(FIRST_TRIM + 1.0)
    assert len(stored(server)) == 20


def test_it_is_logged_how_many_were_removed() -> None:
    with capture_logs() as logs:
        server = server_with(20)
        server.advance(FIRST_TRIM + 3 * TRIM_EVERY)
    told = [line for line in logs if line["event"] == "the rooms were trimmed"]
    assert [line["removed"] for line in told] == [15]


def test_what_has_failed_is_tried_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    server = server_with(20)
    trim = server.log.trim

    def fails(*, before: int, keep: int, done: Any) -> None:
        monkeypatch.setattr(server.log, "trim", trim)
        server.later(lambda: done(Failed("NATS is away")))

    monkeypatch.setattr(server.log, "trim", fails)
    with capture_logs() as logs:
        server.advance(FIRST_TRIM + 1.0)
        assert len(stored(server)) == 20
        server.advance(TRIM_AGAIN)
    assert [line["event"] for line in logs] == [
        "the rooms cannot be trimmed now",
        "the rooms were trimmed",
    ]
    assert len(stored(server)) == 5


def test_all_nodes_of_a_cluster_may_do_it() -> None:
    cluster = MemoryCluster(3, settings=KEPT_FIVE)
    alice = v1(cluster.nodes[0], "Alice", "lobby")
    bob = v1(cluster.nodes[1], "Bob", "lobby")
    for number in range(20):
        alice.say(f"{number}")
    cluster.advance(FIRST_TRIM + 1.0)
    assert [kept.content for kept in cluster.store.rooms["lobby"]] == ["15", "16", "17", "18", "19"]
    assert len(bob.contents()) == 20
    carol = v1(cluster.nodes[1], "Carol")
    carol.join(limit=100)
    assert carol.contents() == ["15", "16", "17", "18", "19"], "from no node's memory either"


# Those who read.


def test_who_is_live_is_told_what_comes_as_before() -> None:
    server = server_with(20)
    alice = v1(server, "Alice", "lobby")
    server.advance(FIRST_TRIM + 1.0)
    alice.say("next")
    frame = alice.only("message")
    assert (frame["prev"], frame["content"]) == (20, "next")


def test_who_joins_is_given_what_is_left() -> None:
    server = server_with(20)
    v1(server, "Alice", "lobby")
    server.advance(FIRST_TRIM + 1.0)
    bob = v1(server, "Bob")
    assert bob.join(limit=100)["head"] == {"seq": 20, "id": "e20"}
    assert bob.contents() == ["16", "17", "18", "19", "20"]
    dan = Plain(server)
    dan.join("Dan", since=1_700_000_000_000.0)
    assert dan.contents() == ["16", "17", "18", "19", "20"]


def test_who_comes_back_to_what_is_gone_is_told_so_and_given_the_newest() -> None:
    server = server_with(20)
    alice = v1(server, "Alice", "lobby")
    server.advance(FIRST_TRIM + 1.0)
    bob = v1(server, "Bob")
    for place in (cursor(3), cursor(15), {"since": {"seq": 0, "id": ""}, "epoch": "epoch-1"}):
        assert bob.join(**place)["recovered"] == "none"
        assert bob.contents() == ["16", "17", "18", "19", "20"]
    assert bob.join(**cursor(16))["recovered"] == "complete"
    assert bob.contents() == ["17", "18", "19", "20"]
    assert bob.join(**cursor(20))["recovered"] == "complete"
    alice.say("next")
    assert bob.contents() == ["next"]


def test_history_begins_where_it_does() -> None:
    server = server_with(20)
    server.advance(FIRST_TRIM + 1.0)
    bob = v1(server, "Bob", "lobby")
    page = bob.ask("history", room="lobby", before=18, limit=50)
    assert [each["content"] for each in page["entries"]] == ["16", "17"]
    assert not page.get("more")
    page = bob.ask("history", room="lobby", before=16)
    assert (page["entries"], page.get("more", False)) == ([], False)
    page = bob.ask("history", room="lobby", after=2, limit=2)
    assert [each["content"] for each in page["entries"]] == ["16", "17"]


@pytest.mark.parametrize("settings", [KEPT_FIVE, UNREMEMBERED])
def test_who_is_behind_goes_on_with_what_is_left(settings: HubSettings) -> None:
    server = server_with(20, settings)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    bob.connection.paused()
    for number in range(20):
        alice.say(f"new {number}")
    server.advance(FIRST_TRIM + 1.0)
    bob.connection.resumed()
    frames = bob.take("message")
    assert [frame["content"] for frame in frames] == [f"new {number}" for number in range(15, 20)]
    assert frames[0]["prev"] == 35, "which tells that something is missing"
    assert bob.socket.is_open
    assert listener(bob).live


def test_who_is_behind_and_finds_all_up_to_the_shown_head_gone_goes_on_behind_it() -> None:
    server = server_with(20, UNREMEMBERED)
    bob = v1(server, "Bob")
    bob.send("join", room="lobby", **cursor(12))
    while not bob.connection.listeners:
        assert server.step(), "nothing is left to do"
    # The disk has it already; that it has is not told yet.
    newest = entry("lobby", 21, "newest")
    server.store.add(newest)
    server.store.trim(before=0, keep=1)
    assert bob.contents() == []
    assert bob.socket.is_open
    assert listener(bob).live
    assert live_room(server).shown == 20


def test_a_plain_client_that_is_behind_is_not_cut() -> None:
    server = server_with(20, UNREMEMBERED)
    alice, dan = v1(server, "Alice", "lobby"), plain(server, "Dan")
    dan.connection.paused()
    for number in range(20):
        alice.say(f"new {number}")
    server.advance(FIRST_TRIM + 1.0)
    dan.connection.resumed()
    assert dan.contents() == [f"new {number}" for number in range(15, 20)]
    assert dan.socket.is_open


def test_what_is_gone_is_not_remembered_either() -> None:
    server = server_with(20)
    alice = v1(server, "Alice", "lobby", "kitchen")
    alice.say("only", room="kitchen")
    assert live_room(server).remembered == 20
    server.advance(FIRST_TRIM + 1.0)
    assert live_room(server).remembered == 5
    assert live_room(server, "kitchen").remembered == 1
    rooms = server.hub.rooms
    assert len(rooms._ring) == 6
    assert rooms._ring_bytes == sum(cost for _, _, cost in rooms._ring)
