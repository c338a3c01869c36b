"""Turns: what one turn brings for a connection leaves in one write, of bytes that are shared."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs
from tests.server.support import (
    UNLIMITED,
    V1,
    BusyClock,
    drain,
    entry,
    listener,
    live_room,
    plain,
    v1,
)

from causerie.server.frames import FramedEntry, Variant
from causerie.server.live_room import RUN_BYTES, LiveRoom
from causerie.server.timers import Timers
from causerie.server.turn import GATHERING, LONGEST_GATHERING, SHARED_BY, Turn
from causerie.testing.memory_server import MemoryServer, MemorySocket, VirtualClock

Written = list[tuple[MemorySocket, bytes]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """Returns what has been written since, with the sockets, and goes on recording."""
    record: Written = []
    write = MemorySocket.write

    def recording(self: MemorySocket, frames: bytes) -> None:
        record.append((self, frames))
        write(self, frames)

    monkeypatch.setattr(MemorySocket, "write", recording)
    return record


def test_what_many_say_in_one_turn_leaves_in_one_write_for_each(written: Written) -> None:
    server = MemoryServer(settings=UNLIMITED)
    clients = [v1(server, f"User{number}", "lobby", "kitchen") for number in range(10)]
    drain(clients)
    written.clear()
    for client in clients:
        for room in ("lobby", "kitchen"):
            client.send("message", room=room, content="hello", id=f"{room}1")
            client.send("message", room=room, content="again", id=f"{room}2")
    server.run()
    assert [socket for socket, _ in written] == [client.socket for client in clients]
    for client in clients:
        assert len(client.take("ack")) == 4
        assert len(client.take("message")) == 40


def test_all_who_want_the_same_are_given_the_same_bytes(written: Written) -> None:
    server = MemoryServer(settings=UNLIMITED)
    people = [v1(server, name, "lobby") for name in ("Alice", "Bob", "Cid")]
    plains = [plain(server, name) for name in ("Dan", "Eve")]
    drain([*people, *plains])
    written.clear()
    for number in range(3):
        people[0].send("message", room="lobby", content=f"{number}")
    server.run()
    pieces = {id(socket): frames for socket, frames in written}
    assert pieces[id(people[1].socket)] is pieces[id(people[2].socket)]
    assert pieces[id(plains[0].socket)] is pieces[id(plains[1].socket)]


def test_a_write_of_one_turn_is_cut_at_32_kib(written: Written) -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    drain([alice, bob])
    written.clear()
    for _ in range(100):
        alice.send("message", room="lobby", content="x" * 2_000)
    server.run()
    sizes = [len(frames) for socket, frames in written if socket is bob.socket]
    one = sum(sizes) // 100
    assert len(sizes) == -(-100 // (RUN_BYTES // one + 1))
    assert max(sizes) <= RUN_BYTES + one
    assert bob.contents() == ["x" * 2_000] * 100


def test_what_many_rooms_bring_is_cut_together(written: Written) -> None:
    server = MemoryServer(settings=UNLIMITED)
    rooms = [f"room{number}" for number in range(40)]
    alice, bob = v1(server, "Alice", *rooms), v1(server, "Bob", *rooms)
    drain([alice, bob])
    written.clear()
    for room in rooms:
        alice.send("message", room=room, content="x" * 3_000)
    server.run()
    assert max(len(frames) for socket, frames in written if socket is bob.socket) < 36_000
    assert len(bob.contents()) == 40


def test_an_entry_for_nobody_takes_nothing(written: Written) -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby")
    room = live_room(server)
    alice.connection.paused()
    written.clear()
    server.hub.turn.publish(room, FramedEntry(entry("lobby", 1, "hello")))
    server.run()
    assert room.shown == 1
    assert written == []


def failed(room: LiveRoom, fault: Exception) -> None:
    raise AssertionError(f"{room.name} failed") from fault


def turn_of(clock: VirtualClock) -> tuple[Turn, list[Callable[[], None]], Timers]:
    """Returns a turn with what it wants to have called soon, and its timers."""
    scheduled: list[Callable[[], None]] = []
    timers = Timers(arm=lambda _: None)
    return Turn(scheduled.append, timers, clock, failed=failed), scheduled, timers


def test_a_turn_is_ended_once_however_much_it_brings() -> None:
    turn, scheduled, _ = turn_of(VirtualClock())
    alice = v1(MemoryServer(), "Alice", "lobby")
    before = alice.socket.writes
    turn.push(alice.connection, b"\x81\x02{}")
    turn.push(alice.connection, b"\x81\x02{}")
    assert len(scheduled) == 1
    assert alice.socket.writes == before
    scheduled.pop()()
    assert alice.socket.writes == before + 1
    assert alice.socket.take() == [b"{}", b"{}"]
    turn.flush()
    assert alice.socket.writes == before + 1
    assert scheduled == []


def commit(turn: Turn, client: V1, seq: int, content: str = "hello") -> None:
    """Tells the room that it has an entry, as a commit does."""
    turn.begin()
    turn.publish(live_room(client.server), FramedEntry(entry("lobby", seq, content)))
    turn.push(client.connection, b"\x81\x02{}")
    turn.end()


def test_a_quiet_room_never_waits() -> None:
    turn, scheduled, timers = turn_of(VirtualClock())
    alice = v1(MemoryServer(), "Alice", "lobby")
    for seq in (1, 2, 3):
        before = alice.socket.writes
        commit(turn, alice, seq)
        assert alice.socket.writes == before + 1
    assert scheduled == []
    assert timers.deadline() is None


def crowd(server: MemoryServer, count: int = SHARED_BY) -> list[V1]:
    """So many in one room, all told who is there."""
    members = [v1(server, f"member{number}", "lobby") for number in range(count)]
    server.advance(1.0)
    drain(members)
    return members


def test_after_writing_took_long_what_comes_next_is_gathered_for_a_part_of_that() -> None:
    clock = BusyClock(0.002)
    turn, scheduled, timers = turn_of(clock)
    alice, *_ = crowd(MemoryServer())
    alice.take()
    commit(turn, alice, 1)
    assert len(alice.socket.take()) == 2
    written = clock.elapsed
    clock.seconds = 0.0001
    for seq in (2, 3, 4):
        commit(turn, alice, seq)
    assert alice.socket.take() == []
    assert scheduled == []
    due = timers.deadline()
    assert due is not None
    assert due == pytest.approx(written + 0.002 * GATHERING)
    before = alice.socket.writes
    timers.run(due)
    assert alice.socket.writes == before + 1
    assert len(alice.socket.take()) == 6
    assert timers.deadline() is None


def test_nothing_is_gathered_for_longer_than_a_reader_would_not_notice() -> None:
    clock = BusyClock(10.0)
    turn, _, timers = turn_of(clock)
    alice, *_ = crowd(MemoryServer())
    commit(turn, alice, 1)
    written = clock.elapsed
    clock.seconds = 0.0
    commit(turn, alice, 2)
    assert timers.deadline() == written + LONGEST_GATHERING


def test_no_more_is_gathered_than_one_write_may_hold() -> None:
    clock = BusyClock(0.002)
    turn, _, _ = turn_of(clock)
    alice, *_ = crowd(MemoryServer())
    alice.take()
    commit(turn, alice, 1)
    alice.take()
    clock.seconds = 0.0
    for seq in range(2, 102):
        commit(turn, alice, seq, "x" * 2_000)
        assert turn._gathered <= RUN_BYTES + 3_000
    assert len(alice.socket.take()) >= 80


def test_what_is_told_while_entries_are_gathered_does_not_wait_for_them() -> None:
    clock = BusyClock(0.002)
    server = MemoryServer()
    turn, scheduled, _ = turn_of(clock)
    (alice, *others), bob = crowd(server), V1(server)
    commit(turn, alice, 1)
    clock.seconds = 0.0
    drain([alice, *others, bob])
    commit(turn, alice, 2)
    turn.push(bob.connection, b"\x81\x02{}")
    scheduled.pop()()
    assert bob.socket.take() == [b"{}"]
    # What Alice had to be told goes with it, her entry does not.
    assert alice.socket.take() == [b"{}"]
    turn.flush()
    assert len(alice.socket.take()) == 1


def test_what_few_listen_to_is_not_gathered() -> None:
    clock = BusyClock(0.002)
    turn, _, timers = turn_of(clock)
    alice, *_ = crowd(MemoryServer(), SHARED_BY - 1)
    drain([alice])
    for seq in (1, 2, 3):
        commit(turn, alice, seq)
        assert len(alice.socket.take()) == 2
        clock.seconds = 0.0
    assert timers.deadline() is None


def test_what_a_write_sets_off_leaves_with_the_next_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    server.advance(1.0)
    drain([alice, bob])
    write = MemorySocket.write

    def breaking(self: MemorySocket, frames: bytes) -> None:
        if self is bob.socket and self.is_open:
            # The link is found to be cut as soon as it is written to.
            self.is_open = False
            self.receiver.closed(1000)
        write(self, frames)

    monkeypatch.setattr(MemorySocket, "write", breaking)
    assert alice.say("hello")["type"] == "ack"
    assert alice.only("presence")["left"] == ["Bob"]
    assert alice.contents() == ["hello"]


def test_who_cannot_be_written_to_gets_what_waits_when_it_can() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = V1(server)
    alice.hello("Alice")
    alice.connection.paused()
    server.hub.turn.push(alice.connection, b"\x81\x02{}")
    server.run()
    assert alice.socket.take() == []
    alice.connection.resumed()
    assert alice.socket.take() == [b"{}"]


def test_who_was_live_and_stands_at_the_shown_head_has_been_given_all_of_it() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby")
    room = live_room(server)
    server.hub.turn.publish(room, FramedEntry(entry("lobby", 1, "hello")))
    assert (room.shown, room.sent) == (1, 0)
    alice.connection.paused()
    assert listener(alice).cursor == 0


# Faults of ours.


def test_a_socket_that_fails_ends_its_connection_and_the_others_are_written_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_frames: bytes) -> None:
        raise RuntimeError("a mistake of ours")

    server = MemoryServer(settings=UNLIMITED)
    people = [v1(server, name, "lobby") for name in ("Alice", "Bob", "Cid")]
    bob = people[1]
    drain(people)
    monkeypatch.setattr(bob.socket, "write", fail)
    with capture_logs() as logs:
        people[0].send("message", room="lobby", content="one", id="m")
        server.run()
    assert people[0].answer("m")["type"] == "ack"
    people[2].say("and on")
    assert bob.socket.close_code == 1011
    assert [log["event"] for log in logs] == ["a connection failed"]
    for one in (people[0], people[2]):
        assert one.contents() == ["one", "and on"]
    again = v1(server, "Dan")
    again.join(limit=10)
    assert again.contents() == ["one", "and on"]


class ForV1Alone(FramedEntry):
    """An entry that cannot be framed for plain clients."""

    def frame(self, variant: Variant, *, replay: bool = False) -> bytes:
        if variant is not Variant.V1:
            raise RuntimeError("a mistake of ours")
        return super().frame(variant, replay=replay)


def test_a_room_that_cannot_be_handed_out_fails_alone() -> None:
    server = MemoryServer(settings=UNLIMITED)
    failed: list[tuple[str, Exception]] = []
    turn = Turn(
        server.later,
        server.hub.timers,
        server.clock,
        failed=lambda room, fault: failed.append((room.name, fault)),
    )
    alice, bob, old = v1(server, "Alice", "lobby"), v1(server, "Bob", "attic"), plain(server, "Old")
    drain([alice, bob, old])
    turn.publish(live_room(server), ForV1Alone(entry("lobby", 1, "hello")))
    turn.publish(live_room(server, "attic"), FramedEntry(entry("attic", 1, "hi")))
    turn.flush()
    assert [name for name, _ in failed] == ["lobby"]
    assert alice.contents() == [], "all or nobody"
    assert bob.contents() == ["hi"]


def test_all_who_are_live_in_a_room_that_cannot_be_handed_out_are_ended() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob, old = v1(server, "Alice", "lobby"), v1(server, "Bob", "attic"), plain(server, "Old")
    drain([alice, bob, old])
    one = entry("lobby", 1, "hello")
    server.store.add(one)
    server.hub.turn.publish(live_room(server), ForV1Alone(one))
    with capture_logs() as logs:
        server.hub.turn.flush()
        server.run()
    assert [log["event"] for log in logs] == ["a room failed"]
    assert [person.socket.close_code for person in (alice, bob, old)] == [1011, None, 1011]
    again = v1(server, "Dan")
    again.join(since={"seq": 0, "id": ""}, epoch=server.store.epoch)
    assert again.contents() == ["hello"]
