"""Catching up: whoever is behind gets there without a hole, and those who are live do not wait."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.server.support import (
    UNLIMITED,
    V1,
    assert_nothing_is_left,
    drain,
    entry,
    fill,
    listener,
    live_room,
    plain,
    v1,
)

from causerie.ports import Commit
from causerie.server.catchup import READ_ENTRIES, READS_AT_ONCE, Page
from causerie.server.live_room import RUN_BYTES, Listener
from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer, MemorySocket

START: dict[str, Any] = {"since": {"seq": 0, "id": ""}, "epoch": "epoch-1"}
"""What a join says that wants the room from its first entry on."""


def at(seq: int) -> dict[str, Any]:
    """Returns what a join says that has seen entries up to this one."""
    return {"since": {"seq": seq, "id": f"e{seq}"}, "epoch": "epoch-1"}


def server_with(entries: int, *, room: str = "lobby", content: str = "{}") -> MemoryServer:
    server = MemoryServer(settings=UNLIMITED)
    fill(server, room, entries, content=content)
    return server


def reads(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns the places after which the log is read from now on."""
    record: list[int] = []
    read = server.log.read

    def recording(room: str, *, after: int, **rest: Any) -> None:
        record.append(after)
        read(room, after=after, **rest)

    monkeypatch.setattr(server.log, "read", recording)
    return record


def run_until(server: MemoryServer, condition: Callable[[], bool]) -> None:
    while not condition():
        assert server.step(), "nothing is left to do"


# One who is behind.


def test_who_joins_at_the_head_is_live_at_once() -> None:
    server = server_with(3)
    alice = v1(server, "Alice", "lobby")
    assert listener(alice).live


def test_who_joins_behind_gets_all_that_follows_and_is_then_live() -> None:
    server = server_with(250)
    alice = v1(server, "Alice")
    assert alice.join(**START)["recovered"] == "complete"
    assert alice.contents() == [f"{number}" for number in range(1, 251)]
    assert listener(alice).live
    alice.say("live")
    assert alice.contents() == ["live"]


def test_entries_that_come_meanwhile_follow_in_order() -> None:
    server = server_with(250)
    bob = v1(server, "Bob", "lobby")
    alice = v1(server, "Alice")
    alice.send("join", room="lobby", **START)
    shown: list[str] = []
    for number in range(60):
        bob.send("message", room="lobby", content=f"new {number}")
        for _ in range(3):
            server.step()
        shown += [frame["content"] for frame in alice.arrived("message")]
    shown += alice.contents()
    assert shown == [f"{number}" for number in range(1, 251)] + [f"new {n}" for n in range(60)]


def test_what_was_said_before_the_join_is_marked_and_what_comes_meanwhile_is_not() -> None:
    server = server_with(250)
    bob = v1(server, "Bob", "lobby")
    alice = v1(server, "Alice")
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(alice.arrived("joined")))
    bob.say("meanwhile")
    frames = alice.take("message")
    assert [frame.get("replay", False) for frame in frames] == [True] * 250 + [False]


def test_what_comes_meanwhile_is_not_marked_though_it_is_read_from_the_log() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, ring=0))
    fill(server, "lobby", 150)
    alice, bob = v1(server, "Alice"), v1(server, "Bob", "lobby")
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(alice.arrived("joined")))
    alice.connection.paused()
    bob.say("meanwhile")
    alice.connection.resumed()
    frames = alice.take("message")
    assert [frame["content"] for frame in frames][-1] == "meanwhile"
    assert [frame.get("replay", False) for frame in frames] == [True] * 150 + [False]


def test_what_is_stored_and_not_shown_yet_is_not_read_from_the_log() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, ring=0))
    fill(server, "lobby", 50)
    alice, bob = v1(server, "Alice"), v1(server, "Bob", "lobby")
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(alice.connection.listeners))
    # The disk has it already; that it has is not told yet.
    server.store.add(entry("lobby", 51, "new"))
    assert alice.contents() == [f"{number}" for number in range(1, 51)]
    assert listener(alice).live
    server.hub.committed(Commit([], [entry("lobby", 51, "new")]))
    assert (alice.contents(), bob.contents()) == (["new"], ["new"])


def test_plain_clients_catch_up_too() -> None:
    server = server_with(250)
    alice = plain(server, "Alice", "kitchen")
    alice.send("join", username="Alice", since=1_700_000_000_000.0)
    assert alice.contents()[:100] == [f"{number}" for number in range(151, 251)]


# Pauses.


def test_a_pause_while_behind_loses_nothing() -> None:
    server = server_with(250, content="{}" + "x" * 1_000)
    alice = v1(server, "Alice")
    alice.send("join", room="lobby", **START)
    shown: list[str] = []
    alice.socket.window = 0
    while len(shown) < 250:
        alice.socket.read_more(5_000)
        server.run()
        shown += [frame["content"] for frame in alice.arrived("message")]
    assert shown == [f"{number}" + "x" * 1_000 for number in range(1, 251)]
    alice.socket.read_more(None)
    server.run()
    assert listener(alice).live


@pytest.mark.parametrize("resumed", [True, False])
def test_a_pause_while_the_log_is_read_loses_nothing(resumed: bool) -> None:
    server = server_with(250)
    alice = v1(server, "Alice")
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(server.hub.catch_up._pages))
    alice.connection.paused()
    if resumed:
        alice.connection.resumed()
    server.run()
    if not resumed:
        assert alice.arrived("message") == []
        alice.connection.resumed()
    assert alice.contents() == [f"{number}" for number in range(1, 251)]
    assert not server.hub.catch_up._pages


def test_who_is_slow_when_it_joins_is_not_live_before_it_reads() -> None:
    server = server_with(3)
    alice = v1(server, "Alice")
    alice.socket.window = 0
    alice.send("ping")
    server.run()
    room = server.hub.rooms
    room.with_room("lobby", lambda lobby: room.listen(alice.connection, lobby, 3))  # type: ignore[arg-type]
    server.run()
    assert not listener(alice).live
    alice.socket.read_more(None)
    server.run()
    assert listener(alice).live


def test_who_gets_slow_with_the_last_that_it_missed_is_not_live_and_fills_no_memory() -> None:
    server = server_with(1, content="x" * (RUN_BYTES + 1))
    alice, bob = v1(server, "Alice"), v1(server, "Bob", "lobby")
    alice.socket.window = 1_000
    alice.send("join", room="lobby", **START)
    server.run()
    assert listener(alice).cursor == live_room(server).shown
    assert not listener(alice).live
    for number in range(40):
        bob.say(f"{number}" + "y" * 1_000)
    assert len(alice.connection.out) < 1_000
    alice.socket.read_more(None)
    server.run()
    assert alice.contents()[1:] == [f"{number}" + "y" * 1_000 for number in range(40)]
    assert listener(alice).live


def test_what_was_announced_while_one_caught_up_is_told_as_a_snapshot() -> None:
    server = server_with(250)
    alice, bob = v1(server, "Alice"), v1(server, "Bob", "lobby")
    server.advance(1.0)
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(alice.arrived("joined")))
    server.clock.set(server.clock.monotonic() + 1.0)
    bob.connection.closed(1000)
    server.run()
    told = alice.take("presence")
    assert told[-1]["joined"] == ["Alice"]
    assert told[-1]["snapshot"]


# Those who go.


@pytest.mark.parametrize("how", ["leave", "cut", "quit"])
def test_who_goes_while_the_log_is_read_leaves_nothing_behind(how: str) -> None:
    server = server_with(250)
    alice = v1(server, "Alice")
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(server.hub.catch_up._pages))
    if how == "leave":
        server.hub.rooms.leave(alice.connection, live_room(server), goodbye=True)
        assert alice.take("message") == []
    alice.socket.hang_up(None if how == "cut" else 1000)
    server.run()
    server.advance(20.0)
    assert_nothing_is_left(server)


def test_who_goes_while_it_waits_for_its_turn_is_passed_over() -> None:
    server = server_with(50)
    people = [v1(server, f"User{number}") for number in range(3)]
    for one in people:
        one.send("join", room="lobby", **START)
    run_until(server, lambda: len(server.hub.catch_up._ready) == 3)
    people[0].socket.hang_up(1000)
    people[1].connection.paused()
    server.run()
    assert people[0].arrived("message") == []
    assert people[1].arrived("message") == []
    assert len(people[2].contents()) == 50


def test_a_second_join_goes_on_from_the_new_place_alone() -> None:
    server = server_with(250)
    alice = v1(server, "Alice")
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(server.hub.catch_up._pages))
    # As a client does that has found a hole.
    alice.join(**at(240))
    assert alice.contents()[-10:] == [f"{number}" for number in range(241, 251)]
    alice.join(**at(5))
    assert alice.contents() == [f"{number}" for number in range(6, 251)]


# What cannot be read.


def test_who_cannot_be_served_is_told_to_come_back() -> None:
    server = server_with(250)
    alice, bob = v1(server, "Alice", "kitchen"), v1(server, "Bob", "lobby")
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(server.hub.catch_up._pages))
    server.log.fail_reads("the disk is gone")
    server.run()
    assert alice.socket.close_code == 1011
    server.log.fail_reads("")
    assert bob.say("still here")["type"] == "ack"
    assert not server.hub.catch_up._pages


def test_who_has_left_meanwhile_is_not_closed_for_it() -> None:
    server = server_with(250)
    alice = v1(server, "Alice", "kitchen")
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(server.hub.catch_up._pages))
    server.hub.rooms.leave(alice.connection, live_room(server), goodbye=True)
    server.log.fail_reads("the disk is gone")
    server.run()
    assert alice.socket.is_open


def test_a_fault_in_serving_one_ends_its_connection_and_the_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = server_with(3 * READ_ENTRIES)
    unlucky, lucky = v1(server, "Unlucky"), v1(server, "Lucky")
    run = Page.run

    def fail(self: Page, one: Listener) -> tuple[bytes, int]:
        assert one.connection is not unlucky.connection, "a mistake of ours"
        return run(self, one)

    monkeypatch.setattr(Page, "run", fail)
    for client in (unlucky, lucky):
        client.send("join", room="lobby", **START)
    assert len(lucky.contents()) == 3 * READ_ENTRIES
    assert unlucky.socket.close_code == 1011
    assert server.hub.catch_up._reads == 0
    lucky.quit()
    server.advance(server.hub.settings.grace)
    assert_nothing_is_left(server)


def test_what_has_been_removed_from_the_log_is_passed_over_and_what_follows_betrays_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = server_with(250)
    alice, bob = v1(server, "Alice"), v1(server, "Bob", "lobby")
    monkeypatch.setattr(
        server.log, "read", lambda _room, *, done, **_: server.later(lambda: done(()))
    )
    alice.join(**START)
    assert alice.contents() == []
    assert listener(alice).live
    bob.say("next")
    assert alice.only("message")["prev"] == 250


# Many at once.


def test_the_newest_entries_are_not_read_from_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    server = server_with(250)
    v1(server, "Bob", "lobby")
    record = reads(server, monkeypatch)
    for number in range(5):
        alice = v1(server, f"Alice{number}")
        alice.join(**at(150))
        assert len(alice.contents()) == 100
    assert record == []


def test_all_who_stand_at_one_place_are_served_by_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    server = server_with(150)
    record = reads(server, monkeypatch)
    people = [v1(server, f"User{number}") for number in range(20)]
    for one in people:
        one.send("join", room="lobby", **START)
    server.run()
    assert record == [0]
    for one in people:
        assert one.contents() == [f"{number}" for number in range(1, 151)]


def test_who_comes_before_a_page_that_was_asked_for_is_given_it_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = server_with(150)
    record = reads(server, monkeypatch)
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    alice.send("join", room="lobby", **START)
    run_until(server, lambda: bool(alice.connection.listeners))
    # Bob's place is looked up before the page is read, and so he stands in the queue before it.
    bob.connection.receive(json.dumps({"type": "join", "room": "lobby", **START}).encode())
    for one in (alice, bob):
        assert one.contents() == [f"{number}" for number in range(1, 151)]
    assert record == [0]


def test_the_pages_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 10 * READ_ENTRIES
    server = server_with(size)
    record = reads(server, monkeypatch)
    people = [v1(server, f"User{number}") for number in range(5 * READS_AT_ONCE)]
    for number, one in enumerate(people):
        one.send("join", room="lobby", **at(number + 1))
    most = 0
    while server.step():
        pages = server.hub.catch_up._pages.values()
        most = max(most, sum(bool(page.entries) for page in pages))
    assert most <= READS_AT_ONCE
    assert len(record) >= len(people)
    for number, one in enumerate(people):
        assert one.contents() == [f"{seq}" for seq in range(number + 2, size + 1)]


@pytest.mark.parametrize("in_the_ring", [True, False])
@pytest.mark.slow
def test_those_who_are_live_get_entries_in_the_very_next_turn_while_1000_catch_up(
    in_the_ring: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = 256 * 1024
    server = server_with(90 if in_the_ring else 190, content="{}" + "x" * 200)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    many = [v1(server, f"User{number}") for number in range(1_000)]
    drain([alice, bob])
    for one in many:
        one.send("join", room="lobby", **START)
    run_until(server, lambda: len(server.hub.catch_up._ready) == 1_000)

    written = 0
    write = MemorySocket.write

    def counting(self: MemorySocket, frames: bytes) -> None:
        nonlocal written
        written += len(frames)
        write(self, frames)

    monkeypatch.setattr(MemorySocket, "write", counting)
    turns = 0
    while server.hub.catch_up._ready or server.hub.catch_up._pages:
        alice.send("message", room="lobby", content=f"{turns}", id=f"m{turns}")
        steps = 0
        while not (arrived := bob.arrived("message")):
            written = 0
            assert server.step()
            steps += 1
            # The first turn writes the answers to a thousand joins as well.
            assert not turns or written <= budget + 2 * RUN_BYTES
        assert [frame["content"] for frame in arrived] == [f"{turns}"]
        assert steps <= 10, "a message waits for no more than what was going on"
        turns += 1
    assert turns > 20
    drain([alice, bob])
    expected = [*range(1, (90 if in_the_ring else 190) + 1)]
    for one in (many[0], many[500], many[999]):
        seqs = [frame["seq"] for frame in one.take("message")]
        assert seqs[: len(expected)] == expected
        assert seqs == [*range(1, seqs[-1] + 1)]


@pytest.mark.parametrize(("compression", "served"), [(False, 8), (True, 3)])
def test_of_those_for_whom_entries_have_to_be_compressed_fewer_are_served_in_a_turn(
    compression: bool, served: int
) -> None:
    server = server_with(90, content="{}" + " and so on" * 90)
    many = [V1(server, compression=compression) for _ in range(20)]
    for number, one in enumerate(many):
        one.hello(f"User{number}")
    for number, one in enumerate(many):
        # Each stands somewhere else, so that no two are given the same bytes.
        one.send("join", room="lobby", **at(number + 1))
    run_until(server, lambda: len(server.hub.catch_up._ready) == 20)
    server.hub.catch_up.pump()
    assert sum(bool(one.arrived("message")) for one in many) == served
    server.run()
    assert all(listener(one).live for one in many)
