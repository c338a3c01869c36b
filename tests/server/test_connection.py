"""Connections: order, limits, back pressure, and the heartbeat, in both profiles alike."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.server.support import (
    UNLIMITED,
    V1,
    Client,
    Plain,
    assert_nothing_is_left,
    drain,
    fill,
    key_of,
    listener,
    live_room,
    plain,
    v1,
)

from causerie.ports import Failed, Holder
from causerie.server import pages
from causerie.server.connection import Connection
from causerie.server.live_room import RUN_BYTES
from causerie.server.plain import PlainConnection
from causerie.server.settings import HubSettings
from causerie.server.v1 import V1Connection
from causerie.testing.memory_server import MemoryServer

START: dict[str, Any] = {"since": {"seq": 0, "id": ""}, "epoch": "epoch-1"}

STALLED_BYTES = 64 * 1024
"""What a reader that has stopped may cost, in bytes."""


def stored(server: MemoryServer, room: str = "lobby") -> list[str]:
    return [one.content for one in server.store.rooms.get(room, [])]


def is_read(client: Client) -> bool:
    """Returns whether the server reads what the client sends."""
    return client.socket._reads


def waiting(client: Client) -> int:
    """Returns the bytes that wait for a client in the server's memory."""
    return len(client.connection.out) + client.socket.unsent()


# Order.


def test_what_follows_a_join_that_has_to_open_the_room_waits_for_it() -> None:
    server = MemoryServer()
    alice = V1(server)
    alice.send("hello", username="Alice", id="1")
    alice.send("join", room="lobby", id="2")
    alice.send("message", room="lobby", content="hello", id="3")
    alice.send("history", room="lobby", id="4")
    alice.send("ping", id="5")
    alice.send("leave", room="lobby", id="6")
    alice.send("ping", id="7")
    replies = [
        (frame["type"], frame["id"])
        for frame in alice.take()
        if "id" in frame and frame["type"] != "message"
    ]
    assert [one for one in replies if one[0] != "ack"] == [
        ("welcome", "1"),
        ("joined", "2"),
        ("history", "4"),
        ("pong", "5"),
        ("left", "6"),
        ("pong", "7"),
    ]
    assert ("ack", "3") in replies
    assert stored(server) == ["hello"]


def test_many_commands_that_waited_are_handled_one_after_the_other_not_within_one_another() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = V1(server)
    alice.connection.receive(b'{"type":"hello","username":"Alice"}')
    for _ in range(3_000):
        alice.connection.receive(b'{"type":"join","room":"lobby"}')
    assert len(alice.take("joined")) == 3_000
    assert alice.connection._inbox is None


def test_a_client_with_too_many_messages_in_flight_is_not_read_until_some_are_stored() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, in_flight=3))
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    for number in range(20):
        alice.send("message", room="lobby", content=f"{number}", id=f"m{number}")
    bob.send("message", room="lobby", content="in between")
    most = 0
    while server.step():
        most = max(most, alice.connection.in_flight)
        assert len(server.hub._in_flight) <= 4
    assert most == 3
    assert [one for one in stored(server) if one != "in between"] == [f"{n}" for n in range(20)]
    assert [frame["id"] for frame in alice.take("ack")] == [f"m{n}" for n in range(20)]
    assert is_read(alice)


def test_frames_that_wait_stop_the_reading_and_reading_goes_on_when_they_are_handled() -> None:
    server = MemoryServer()
    alice = V1(server)
    alice.send("hello", username="Alice")
    alice.send("ping")
    assert is_read(alice)
    server.step()
    assert not is_read(alice)
    server.run()
    assert is_read(alice)
    assert [frame["type"] for frame in alice.take()] == ["welcome", "pong"]


# Limits.


@pytest.mark.parametrize("v1_profile", [True, False])
def test_who_goes_on_after_errors_is_cut_off_for_flooding(v1_profile: bool) -> None:
    server = MemoryServer()
    client: Client = V1(server) if v1_profile else Plain(server)
    for _ in range(1_000):
        client.socket.send("{")
    server.run()
    assert client.socket.close_code == 4008
    assert "retry-after=" in client.socket.close_reason
    told = len(client.take())
    assert 200 <= told <= 202
    assert_nothing_is_left(server)


def test_commands_beyond_the_rate_are_refused_and_say_when_the_next_may_come() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    for number in range(60):
        alice.send("ping", id=f"p{number}")
    answers = alice.take("pong", "error")
    refused = [frame for frame in answers if frame["type"] == "error"]
    assert len(refused) == 60 - (40 - 2)
    assert refused[0]["code"] == "rate_limited"
    assert refused[0]["id"] == "p38"
    server.advance(refused[0]["retryAfter"] / 1_000)
    assert alice.ask("ping")["type"] == "pong"


def test_errors_heal_with_time() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = V1(server)
    for _ in range(10):
        for _ in range(150):
            alice.socket.send("{")
        server.advance(15.0)
    assert alice.socket.is_open
    assert len(alice.take("error")) == 1_500


def test_of_a_connection_that_is_being_closed_nothing_is_handled() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    alice.connection.close(1008, "enough")
    alice.connection.close(1011, "a second word")
    alice.connection.receive(b'{"type":"message","room":"lobby","content":"hello"}')
    server.run()
    assert (alice.socket.close_code, stored(server)) == (1008, [])


def test_what_was_read_before_the_close_is_not_handled_after_it() -> None:
    server = MemoryServer()
    alice = V1(server)
    alice.send("hello", username="Alice")
    alice.send("join", room="lobby")
    server.step()
    alice.connection.close(1008, "enough")
    server.run()
    assert len(server.hub.rooms) == 0
    assert_nothing_is_left(server)


# Goodbyes.


@pytest.mark.parametrize("code", [1000, 1001])
def test_what_was_said_before_a_close_frame_is_carried_out(code: int) -> None:
    server = MemoryServer()
    bob = v1(server, "Bob", "lobby")
    connection = V1(server).connection
    connection.receive(b'{"type":"hello","username":"Alice"}')
    connection.receive(b'{"type":"join","room":"lobby"}')
    connection.receive(b'{"type":"message","room":"lobby","content":"and good night"}')
    connection.closed(code)
    assert bob.contents() == ["and good night"]
    bob.quit()
    assert_nothing_is_left(server)


def test_what_was_said_before_a_cut_and_had_to_wait_is_not() -> None:
    server = MemoryServer()
    alice = V1(server)
    alice.send("hello", username="Alice")
    alice.send("join", room="lobby")
    alice.send("message", room="lobby", content="hello?")
    server.step()
    alice.cut()
    assert stored(server) == []
    assert_nothing_is_left(server)


def test_a_slow_reader_that_says_goodbye_is_not_waited_for() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    alice.socket.window = 0
    alice.send("ping")
    server.run()
    alice.send("message", room="lobby", content="farewell")
    server.run()
    assert stored(server) == []
    alice.socket.receiver.closed(1000)
    server.run()
    assert stored(server) == ["farewell"]
    assert_nothing_is_left(server)


def end_in_midst(client: Client, command: dict[str, Any], steps: int, how: str) -> None:
    """Ends a connection so many steps after it has sent a command."""
    client.send(**command)
    for _ in range(steps):
        client.server.step()
    if how == "closed by us":
        client.connection.close(1008, "enough")
    elif how == "lost":
        # Told in the midst of all, not after what is under way.
        client.socket.is_open = False
        client.connection.closed(None)
    else:
        client.socket.hang_up(None if how == "cut" else 1000)
    client.server.run()
    client.server.advance(20.0)


@pytest.mark.parametrize(
    "command",
    [
        {"kind": "hello", "username": "Alicia"},
        {"kind": "join", "room": "attic"},
        {"kind": "join", "room": "lobby", **START},
        {"kind": "history", "room": "attic"},
        {"kind": "history", "room": "lobby"},
        {"kind": "rooms"},
        {"kind": "message", "room": "lobby", "content": "hello"},
        {"kind": "private", "to": "Bob", "content": "psst"},
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["cut", "lost", "quit", "closed by us"])
def test_who_goes_while_a_command_is_under_way_leaves_nothing(
    command: dict[str, Any], how: str
) -> None:
    for steps in range(1, 6):
        server = MemoryServer()
        fill(server, "lobby", 150)
        alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
        end_in_midst(alice, command, steps, how)
        bob.quit()
        assert_nothing_is_left(server)


@pytest.mark.parametrize(
    "command",
    [
        {"kind": "join", "username": "Alicia"},
        {"kind": "join", "username": "Alice", "room": "attic"},
        {"kind": "join", "username": "Alice", "room": "attic", "since": 0},
        {"kind": "message", "content": "hello"},
        {"kind": "private", "to": "Bob", "content": "psst"},
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["cut", "lost", "quit", "closed by us"])
def test_a_plain_client_that_goes_while_a_command_is_under_way_leaves_nothing(
    command: dict[str, Any], how: str
) -> None:
    for steps in range(1, 6):
        server = MemoryServer()
        fill(server, "attic", 150)
        alice, bob = plain(server, "Alice"), v1(server, "Bob", "lobby")
        end_in_midst(alice, command, steps, how)
        bob.quit()
        assert_nothing_is_left(server)


# Slow readers.


def test_commands_of_one_who_does_not_read_wait_until_it_does() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby")
    alice.socket.window = 0
    alice.send("ping", id="first")
    server.run()
    for number in range(1_000):
        alice.send("message", room="lobby", content=f"{number}")
        server.run()
    assert stored(server) == []
    assert waiting(alice) < 100
    assert not is_read(alice)
    alice.socket.read_more(None)
    assert alice.answer("first")["type"] == "pong"
    assert stored(server) == [f"{number}" for number in range(1_000)]


def test_a_reader_that_stops_costs_little_however_much_is_said_and_then_misses_nothing() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, slow = v1(server, "Alice", "lobby"), v1(server, "Slow", "lobby")
    old = plain(server, "Old")
    for reader in (slow, old):
        reader.socket.window = 10_000
    most = 0
    for number in range(10_000):
        alice.send("message", room="lobby", content=f"{number}" + "x" * 100)
        if number % 3 == 0:
            alice.send("typing", room="lobby", isTyping=number % 2 == 0)
        if number % 50 == 0:
            server.run()
            most = max(most, waiting(slow), waiting(old))
    server.run()
    assert most <= STALLED_BYTES
    assert stored(server)[-1].startswith("9999")
    for reader in (slow, old):
        assert not listener(reader).live
        reader.socket.read_more(None)
        assert [text.rstrip("x") for text in reader.contents()] == [f"{n}" for n in range(10_000)]
        assert listener(reader).live
    alice.say("live")
    assert (slow.contents(), old.contents()) == (["live"], ["live"])


def test_signals_pass_a_reader_that_has_stopped_and_it_is_told_who_is_here_when_it_reads() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, slow = v1(server, "Alice", "lobby"), v1(server, "Slow", "lobby")
    server.advance(1.0)
    drain([alice, slow])
    slow.socket.window = 0
    alice.say("stop")
    server.run()
    waits = waiting(slow)
    for number in range(50):
        client = v1(server, f"User{number}", "lobby")
        client.send("typing", room="lobby", isTyping=True)
        server.advance(0.4)
        if number:
            client.quit()
    assert waiting(slow) == waits
    slow.socket.read_more(None)
    frames = slow.take()
    assert [frame["type"] for frame in frames] == ["message", "presence"]
    assert frames[1]["snapshot"] is True
    assert frames[1]["joined"] == ["Alice", "Slow", "User0"]
    assert frames[1]["members"] == 3


def test_one_who_stops_reading_while_it_catches_up_is_owed_a_snapshot_too() -> None:
    server = MemoryServer(settings=UNLIMITED)
    fill(server, "lobby", 300, content="{}" + "x" * 1_000)
    alice = v1(server, "Alice")
    alice.socket.window = 100_000
    alice.send("join", room="lobby", **START)
    server.run()
    assert alice.connection.is_paused
    assert listener(alice).snapshot_due
    alice.socket.read_more(None)
    frames = alice.take()
    assert [frame["type"] for frame in frames if frame["type"] != "message"] == [
        "joined",
        "presence",
    ]
    assert frames[-1]["snapshot"] is True


def test_a_slow_reader_is_written_to_again_only_when_it_has_taken_all() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, slow = v1(server, "Alice", "lobby"), v1(server, "Slow", "lobby")
    slow.socket.window = 0
    for number in range(5):
        alice.say(f"{number}" * 100)
    assert slow.socket.writes == (before := slow.socket.writes)
    unsent = slow.socket.unsent()
    slow.socket.read_more(unsent - 1)
    server.run()
    assert slow.socket.writes == before
    assert slow.socket.unsent() == 1
    slow.socket.read_more(1)
    server.run()
    assert slow.socket.writes > before


def test_one_who_reads_in_small_steps_misses_nothing() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, slow = v1(server, "Alice", "lobby"), v1(server, "Slow", "lobby")
    slow.socket.window = 0
    shown: list[str] = []
    for number in range(300):
        alice.send("message", room="lobby", content=f"{number}")
        slow.socket.read_more(70)
        server.run()
        shown += [frame["content"] for frame in slow.arrived("message")]
        assert waiting(slow) <= STALLED_BYTES
    slow.socket.read_more(None)
    assert shown + slow.contents() == [f"{number}" for number in range(300)]


def test_a_pause_in_the_midst_of_a_write_to_many_touches_no_other() -> None:
    server = MemoryServer(settings=UNLIMITED)
    people = [v1(server, f"User{number}", "lobby", "kitchen") for number in range(9)]
    drain(people)
    for slow in people[::2]:
        slow.socket.window = 10
    for number in range(5):
        for room in ("lobby", "kitchen"):
            people[1].send("message", room=room, content=f"{room} {number}")
        server.run()
    for one in people:
        one.socket.read_more(None)
        frames = one.take("message")
        for room in ("lobby", "kitchen"):
            said = [frame["content"] for frame in frames if frame["room"] == room]
            assert said == [f"{room} {number}" for number in range(5)]


def test_a_long_reply_is_written_at_once() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, reply=256 * 1024))
    fill(server, "lobby", 100, content="{}" + "x" * 1_000)
    alice = v1(server, "Alice")
    alice.send("history", room="lobby", limit=100, id="h")
    alice.send("history", room="lobby", limit=100, id="i")
    writes = alice.socket.writes
    server.run()
    assert alice.socket.writes == writes + 2
    assert len(alice.answer("h")["entries"]) == 100


def test_what_the_socket_says_twice_or_too_late_changes_nothing() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    connection = alice.connection
    connection.resumed()
    assert listener(alice).live
    connection.paused()
    cursor = listener(alice).cursor
    connection.paused()
    assert listener(alice).cursor == cursor
    alice.cut()
    connection.resumed()
    connection.closed(None)
    connection.receive(b'{"type":"ping"}')
    connection.send(b"\x81\x02{}")
    server.run()
    assert alice.take() == []
    assert_nothing_is_left(server)


# The heartbeat.


def test_who_says_nothing_is_asked_and_lives_as_long_as_it_answers() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    server.advance(1_000.0)
    assert alice.socket.is_open
    assert alice.connection.beats_unanswered <= 1


@pytest.mark.parametrize("profile", ["v1", "plain"])
def test_who_does_not_answer_two_pings_is_cut(profile: str) -> None:
    server = MemoryServer()
    client: Client = v1(server, "Alice", "lobby") if profile == "v1" else plain(server, "Alice")
    client.socket.answers_pings = False
    server.advance(2 * 27.0 - 1.0)
    assert client.socket.is_open
    server.advance(27.0 + 2.0)
    assert client.socket.aborted
    assert client.socket.pings == 2
    assert_nothing_is_left(server)


def test_any_traffic_counts_as_life() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    alice.socket.answers_pings = False
    for _ in range(20):
        server.advance(20.0)
        alice.send("typing", room="lobby", isTyping=False)
    assert alice.socket.is_open


def test_any_traffic_keeps_a_name_that_somebody_else_asks_for() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice")
    alice.socket.answers_pings = False
    server.advance(6.0)
    claimant = V1(server)
    claimant.send("hello", username="Alice", id="h")
    assert claimant.take() == []
    alice.ask("ping")
    assert claimant.answer("h")["code"] == "name_taken"


@pytest.mark.parametrize("profile", ["v1", "plain"])
def test_who_takes_nothing_between_two_beats_is_cut_and_the_others_go_on(profile: str) -> None:
    server = MemoryServer(settings=UNLIMITED)
    bob = v1(server, "Bob", "lobby")
    slow: Client = v1(server, "Slow", "lobby") if profile == "v1" else plain(server, "Slow")
    slow.socket.window = 0
    bob.say("hello")
    server.advance(27.0 - 1.0)
    assert slow.socket.is_open
    server.advance(27.0 + 2.0)
    assert slow.socket.aborted
    assert slow.socket.pings == 0
    assert bob.say("still here")["type"] == "ack"
    server.advance(20.0)
    assert live_room(server).presence.tell_newcomer()[1] == ["Bob"]


def test_who_takes_a_little_between_two_beats_is_not_cut() -> None:
    server = MemoryServer(settings=UNLIMITED)
    bob, slow = v1(server, "Bob", "lobby"), v1(server, "Slow", "lobby")
    slow.socket.window = 0
    bob.say("x" * 1_000)
    for _ in range(30):
        server.advance(20.0)
        slow.socket.read_more(10)
    assert slow.socket.is_open
    slow.socket.read_more(None)
    assert slow.contents() == ["x" * 1_000]
    server.advance(100.0)
    assert slow.socket.is_open


def test_a_second_pause_is_timed_anew() -> None:
    server = MemoryServer(settings=UNLIMITED)
    bob, slow = v1(server, "Bob", "lobby"), v1(server, "Slow", "lobby")
    slow.take()
    for _ in range(10):
        slow.socket.window = 0
        bob.say("the same length")
        server.advance(27.0)
        slow.socket.read_more(None)
        server.run()
    assert slow.socket.is_open


# Faults of ours.


def test_a_fault_in_a_command_that_waited_ends_its_connection_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, in_flight=1))
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    handle = V1Connection.handle

    def fail(self: V1Connection, text: bytes) -> None:
        assert b"typing" not in text, "a mistake of ours"
        handle(self, text)

    monkeypatch.setattr(V1Connection, "handle", fail)
    alice.send("message", room="lobby", content="one", id="1")
    alice.send("typing", room="lobby", isTyping=True)
    bob.send("message", room="lobby", content="two", id="2")
    assert bob.answer("2")["type"] == "ack"
    assert alice.answer("1")["type"] == "ack"
    assert alice.socket.close_code == 1011
    stopped: list[str] = []
    server.hub.stop(lambda: stopped.append("stopped"))
    server.run()
    assert stopped, "nothing is waited for any more"


WAITS: dict[type[Connection], dict[str, tuple[str, dict[str, Any]]]] = {
    V1Connection: {
        "_claimed": ("hello", {"username": "Alice"}),
        "_join_room": ("join", {"room": "attic"}),
        "_located": ("join", {"room": "attic", **START}),
        "_have_conversations": ("rooms", {}),
        "_private_to": ("private", {"to": "Bob", "content": "psst"}),
    },
    PlainConnection: {
        "_claimed": ("join", {"username": "Zoe"}),
        "_enter_room": ("join", {"username": "Alice", "room": "attic"}),
        "_listen": ("join", {"username": "Alice", "room": "attic", "since": 0}),
        "_private_to": ("private", {"to": "Bob", "content": "psst"}),
    },
}
"""What waits for an answer: the step after it, and a command that comes to it."""


@pytest.mark.parametrize(
    ("profile", "step"), [(profile, step) for profile in WAITS for step in WAITS[profile]]
)
def test_a_fault_in_what_waited_for_an_answer_ends_its_connection_and_holds_up_nobody(
    profile: type[Connection], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    bob = v1(server, "Bob")
    alice: Client = v1(server, "Alice") if profile is V1Connection else plain(server, "Alice")
    alice.take()
    owner = profile if hasattr(profile, step) else pages
    go_on = getattr(owner, step)

    def fail(self: Connection, *arguments: object) -> None:
        assert self is not alice.connection, "a mistake of ours"
        go_on(self, *arguments)

    monkeypatch.setattr(owner, step, fail)
    command, fields = WAITS[profile][step]
    alice.send(command, **fields)
    bob.send("join", room="attic", id="1")
    bob.send("ping", id="2")
    assert {frame["id"] for frame in bob.take() if "id" in frame} == {"1", "2"}
    assert alice.socket.close_code == 1011
    assert alice.connection not in server.hub.connections
    bob.quit()
    server.advance(server.hub.settings.grace + 1.0)
    assert_nothing_is_left(server)


def test_a_fault_after_the_peers_close_frame_ends_the_connection_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")

    def fail(*_arguments: object) -> None:
        raise ValueError("a mistake of ours")

    monkeypatch.setattr(V1Connection, "_join_room", fail)
    alice.send("join", room="attic")
    assert server.step(), "the room is asked for"
    alice.quit()
    assert_nothing_is_left(server)


# Whom a private message is for.


def test_a_private_message_needs_somebody_else_who_can_be_reached() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    refusals = {
        "": ("invalid", "to"),
        "no such!": ("invalid", "to"),
        "Nobody": ("recipient_unknown", "to"),
        "alice": ("recipient_self", "to"),
    }
    for to, (code, field) in refusals.items():
        refused = alice.tell(to, "psst")
        assert (refused["code"], refused["field"]) == (code, field)
    assert alice.ask("ping")["type"] == "pong", "nothing is held back"
    old = plain(server, "Old")
    for to in refusals:
        old.send("private", to=to or " ", content="psst")
        assert len(old.words()) == (to != "alice")
    assert old.take("private")[0]["to"] == "Alice"


def test_a_private_message_that_cannot_be_sent_now_says_when_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    find, watch = server.directory.find, server.log.watch

    def failing_find(folded: str, *, now: int, done: Any) -> None:
        server.later(lambda: done(Failed("the disk is gone")))

    def failing_watch(room: str, done: Any) -> None:
        server.later(lambda: done(Failed("the disk is gone")))

    for name, failing, working in (
        ("find", failing_find, find),
        ("watch", failing_watch, watch),
    ):
        part = server.directory if name == "find" else server.log
        monkeypatch.setattr(part, name, failing)
        refused = alice.tell("Bob", "psst")
        assert (refused["code"], refused["retryAfter"]) == ("unavailable", 1_000)
        monkeypatch.setattr(part, name, working)
    assert alice.tell("Bob", "psst")["type"] == "ack"
    assert bob.contents() == ["psst"]


def test_a_holder_that_is_nowhere_to_be_found_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice")
    ghost = Holder(identity="s:ghost", display="Ghost", kept=False)

    def find(folded: str, *, now: int, done: Callable[[Holder], None]) -> None:
        server.later(lambda: done(ghost))

    monkeypatch.setattr(server.directory, "find", find)
    assert alice.tell("Ghost", "boo")["code"] == "recipient_unknown"


# What is shared.


def test_who_has_no_name_has_no_display() -> None:
    server = MemoryServer()
    alice = V1(server)
    assert alice.connection.display == ""
    alice.hello("Alice")
    assert alice.connection.display == "Alice"
    assert alice.connection.typing_spelling is None


def test_typing_is_told_once_and_its_end_once() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    for is_typing in (True, True, False, False):
        alice.send("typing", room="lobby", isTyping=is_typing)
    assert [frame["isTyping"] for frame in bob.take("typing")] == [True, False]
    assert live_room(server).typing.deadline() is None


def test_a_connection_is_its_sockets_receiver() -> None:
    server = MemoryServer()
    alice = server.connect(address="192.0.2.7")
    assert isinstance(alice.receiver, Connection)
    assert alice.receiver.address == "192.0.2.7"
    assert RUN_BYTES < STALLED_BYTES
