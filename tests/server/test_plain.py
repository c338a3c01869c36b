"""The plain profile: clients that nobody here wrote, each in its unit and with its types."""

from typing import Any

import pytest
from tests.server.support import (
    UNLIMITED,
    Frame,
    Plain,
    assert_nothing_is_left,
    drain,
    fill,
    key_of,
    live_room,
    plain,
    v1,
)

from causerie.ports import Commit, Failed, Rejected
from causerie.server.plain import GREETING
from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer

NOW = 1_800_000_000_000
"""What a new server's clock says, in milliseconds."""


def system(content: str, timestamp: float, **more: str) -> Frame:
    return {
        "type": "message",
        "username": "System",
        "content": content,
        "timestamp": timestamp,
        **more,
    }


# The greeting, and the unit of time.


@pytest.mark.parametrize(
    ("timestamp", "greeted"),
    [
        (NOW / 1_000, NOW / 1_000),
        (NOW / 1_000 + 0.25, NOW / 1_000),
        (NOW, NOW),
        (NOW - 300 * 86_400_000, NOW),
        (0, 0),
        (123_456, 0),
        (None, 0),
        ("now", 0),
        (True, 0),
        (NOW * 1_000, 0),
    ],
)
def test_the_first_frame_is_greeted_before_all_in_the_unit_that_it_teaches(
    timestamp: object, greeted: float
) -> None:
    client = Plain(MemoryServer())
    client.send("join", username="Alice", content="", timestamp=timestamp)
    frames = client.take()
    assert frames[0] == system(GREETING, greeted)
    unit = 1_000 if greeted == NOW / 1_000 else 1
    assert frames[1:] == [system("Alice has joined the chat", NOW / unit, room="lobby")]


def test_who_says_nothing_is_greeted_after_a_second_without_a_time() -> None:
    server = MemoryServer()
    client = Plain(server)
    server.advance(0.9)
    assert client.take() == []
    server.advance(0.2)
    assert client.take() == [system(GREETING, 0)]
    server.advance(10.0)
    assert client.take() == []
    client.send("join", username="Alice")
    assert client.words() == ["Alice has joined the chat"]


@pytest.mark.parametrize("text", ["{", "[]", '{"type":"sing"}', '{"type":"join"}'])
def test_an_error_is_told_after_the_greeting_in_words(text: str) -> None:
    client = Plain(MemoryServer())
    client.socket.send(text)
    words = client.words()
    assert words[0] == GREETING
    assert len(words) == 2


def test_a_frame_that_is_refused_teaches_the_unit_too() -> None:
    client = Plain(MemoryServer())
    client.send("sing", timestamp=NOW / 1_000)
    assert [frame["timestamp"] for frame in client.take()] == [NOW / 1_000] * 2


def test_who_goes_before_the_greeting_is_not_greeted() -> None:
    server = MemoryServer()
    client = Plain(server)
    client.cut()
    assert_nothing_is_left(server)
    assert client.take() == []


def test_the_unit_is_learnt_anew_from_each_frame() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob")
    seen: list[float] = []
    for timestamp in (NOW / 1_000, 0, NOW, NOW / 1_000):
        bob.send("typing", isTyping=False, timestamp=timestamp)
        server.run()
        alice.say("hello")
        seen.append(bob.only("message")["timestamp"])
    assert [round(one / NOW, 3) for one in seen] == [0.001, 0.001, 1.0, 0.001]


def test_a_unit_learnt_while_behind_holds_for_what_is_shown_after() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob", "lobby", "kitchen")
    bob.connection.paused()
    alice.say("hello")
    bob.connection.is_paused = False
    bob.send("typing", isTyping=False, timestamp=NOW / 1_000)
    server.run()
    bob.connection.paused()
    bob.connection.resumed()
    assert bob.only("message")["timestamp"] == NOW / 1_000


# join


def test_a_second_join_with_the_same_name_changes_nothing_and_another_renames() -> None:
    server = MemoryServer()
    alice, bob = plain(server, "Alice"), v1(server, "Bob", "lobby")
    server.advance(1.0)
    drain([alice, bob])
    assert alice.join("Alice") == []
    assert alice.join("Ada") == ["Alice is now known as Ada"]
    presence = bob.only("presence")
    assert (presence["joined"], presence["left"]) == (["Ada"], ["Alice"])
    server.advance(1.0)
    assert alice.join("ada") == ["Ada is now known as ada"]
    assert alice.connection.joined == 1
    alice.say("hello")
    assert bob.only("message")["username"] == "ada"


def test_a_join_may_name_a_room_and_a_client_may_be_in_several() -> None:
    server = MemoryServer()
    alice, bob = plain(server, "Alice", "lobby", "kitchen"), v1(server, "Bob", "lobby", "kitchen")
    alice.say("in the lobby")
    alice.say("in the kitchen", room="Kitchen")
    assert [(frame["room"], frame["content"]) for frame in bob.take("message")] == [
        ("lobby", "in the lobby"),
        ("kitchen", "in the kitchen"),
    ]
    assert [frame["room"] for frame in alice.take("message")] == ["lobby", "kitchen"]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "username"),
        ({"username": ""}, "username"),
        ({"username": "no name"}, "name"),
        ({"username": "System"}, "name"),
        ({"username": "Anonymous"}, "name"),
        ({"username": "Alice", "room": "no room"}, "room"),
        ({"username": "Alice", "room": "~nobody"}, "may not"),
        ({"username": "Alice", "since": "yesterday"}, "since"),
        ({"username": "Bob"}, "name"),
    ],
)
def test_a_join_that_is_refused_says_why(fields: dict[str, Any], word: str) -> None:
    server = MemoryServer()
    v1(server, "Bob")
    client = Plain(server)
    client.send("join", **fields)
    greeting, refused = client.words()
    assert greeting == GREETING
    assert word in refused
    assert len(server.hub.rooms) == 0


def test_a_room_that_cannot_be_read_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MemoryServer()
    client = plain(server, "Alice", "kitchen")

    def watch(room: str, done: Any) -> None:
        server.later(lambda: done(Failed("the disk is gone")))

    with monkeypatch.context() as patch:
        patch.setattr(server.log, "watch", watch)
        assert len(client.join("Alice")) == 1
    server.log.fail_reads("the disk is gone")
    assert len(client.join("Alice", since=0)) == 1
    server.log.fail_reads("")
    assert client.join("Alice") == ["Alice has joined the chat"]


# since


@pytest.mark.parametrize("unit", [1_000_000, 1_000])
def test_what_was_said_after_a_time_is_said_again_to_the_microsecond(unit: int) -> None:
    server = MemoryServer(settings=UNLIMITED)
    bob = v1(server, "Bob", "lobby")
    for number in range(5):
        bob.send("message", room="lobby", content=f"{number}")
    server.run()
    at = [one.timestamp for one in server.store.rooms["lobby"]]
    assert at == [at[0] + number for number in range(5)], "they lie a microsecond apart"
    for number in range(5):
        client = Plain(server)
        client.send("join", username="Alice", timestamp=at[0] / unit, since=at[number] / unit)
        frames = client.take("message")
        said = [frame for frame in frames if frame["username"] == "Bob"]
        assert [frame["content"] for frame in said] == [f"{one}" for one in range(number + 1, 5)]
        assert [frame["timestamp"] for frame in said] == [one / unit for one in at[number + 1 :]]
        client.quit()


def test_no_more_than_a_hundred_are_said_again() -> None:
    server = MemoryServer()
    fill(server, "lobby", 250)
    client = Plain(server)
    client.send("join", username="Alice", since=0)
    assert [text for text in client.contents() if text.isdigit()] == [
        f"{number}" for number in range(151, 251)
    ]


def test_since_replays_to_who_takes_a_name_only_if_it_had_not_heard_the_room_before() -> None:
    server = MemoryServer()
    fill(server, "lobby", 3)
    client = Plain(server)
    client.say("hello")
    client.take()
    client.send("join", username="Alice", since=0)
    assert client.words() == ["Alice has joined the chat"]
    assert client.take() == []


# message


def test_who_speaks_before_any_join_is_anonymous_and_hears_the_room() -> None:
    server = MemoryServer()
    alice, client = v1(server, "Alice", "lobby"), Plain(server)
    server.advance(0.5)
    alice.take()
    client.say("hello")
    assert alice.only("message")["username"] == "Anonymous"
    assert [frame["content"] for frame in client.take()] == [GREETING, "hello"]
    alice.say("who is there?")
    assert client.contents() == ["who is there?"]
    client.say("me")
    assert alice.take("presence") == []
    client.send("join", username="Bob")
    client.say("Bob")
    assert alice.take("presence")[0]["joined"] == ["Bob"]
    assert [frame["username"] for frame in alice.take("message")][-1] == "Bob"
    assert client.connection.joined == 1
    assert len(live_room(server).presence) == 2


def test_who_has_a_name_speaks_only_where_it_has_joined() -> None:
    client = plain(MemoryServer(), "Alice")
    client.say("hello", room="kitchen")
    assert len(client.words()) == 1
    assert client.take() == []


def test_anonymous_is_in_no_more_rooms_than_others() -> None:
    server = MemoryServer(settings=HubSettings(rooms=1))
    client = Plain(server)
    client.say("hello")
    client.take()
    client.say("hello", room="kitchen")
    assert len(client.words()) == 1
    assert server.store.rooms.keys() == {"lobby"}


@pytest.mark.parametrize("content", [None, "", " ", 7, "x" * 4_001])
def test_a_message_that_is_refused_is_not_stored(content: object) -> None:
    server = MemoryServer()
    client = plain(server, "Alice")
    client.send("message", content=content)
    (refused,) = client.words()
    assert "content" in refused
    assert server.store.rooms == {}


def test_a_message_that_cannot_be_stored_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MemoryServer()
    client = plain(server, "Alice")

    def rejecting(draft: Any) -> None:
        server.later(lambda: server.hub.committed(Commit([Rejected(draft, "failed")], [])))

    monkeypatch.setattr(server.log, "append", rejecting)
    client.say("hello")
    assert len(client.words()) == 1


def test_a_plain_client_is_not_acked() -> None:
    client = plain(MemoryServer(), "Alice")
    client.send("message", content="hello", id="m1")
    (frame,) = client.take()
    assert (frame["type"], frame["content"]) == ("message", "hello")
    assert frame["id"] != "m1"


# private


def test_a_private_message_has_what_clients_show_that_know_no_such_type() -> None:
    server = MemoryServer()
    alice, bob, eve = plain(server, "Alice"), plain(server, "Bob"), plain(server, "Eve")
    drain([alice, bob, eve])
    alice.send("private", to="bob", content="psst")
    for one in (alice, bob):
        frame = one.only("private")
        assert len(frame.pop("id")) == 32
        assert frame == {
            "type": "private",
            "username": "Alice",
            "from": "Alice",
            "to": "Bob",
            "content": "psst",
            "timestamp": NOW,
        }
    assert eve.take() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"content": "psst"},
        {"to": "", "content": "psst"},
        {"to": "Bob"},
        {"to": "Bob", "content": ""},
        {"to": "Nobody", "content": "psst"},
        {"to": "Alice", "content": "psst"},
        {"to": "no name", "content": "psst"},
    ],
    ids=str,
)
def test_a_private_message_that_is_refused_says_why(fields: dict[str, Any]) -> None:
    server = MemoryServer()
    alice, bob = plain(server, "Alice"), plain(server, "Bob")
    drain([alice, bob])
    alice.send("private", **fields)
    assert len(alice.words()) == 1
    assert bob.take() == []
    assert server.store.rooms == {}


def test_who_has_no_name_says_nothing_privately() -> None:
    server = MemoryServer()
    bob, client = plain(server, "Bob"), Plain(server)
    client.send("private", to="Bob", content="psst")
    assert len(client.words()) == 2
    assert bob.take() == []


def test_nobody_is_a_member_of_a_conversation_or_speaks_in_it_as_in_a_room() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", key=key_of("Alice")), plain(server, "Bob")
    room = alice.tell("Bob", "psst")["room"]
    bob.take()
    for _ in range(2):
        assert bob.join("Bob", room=room) == []
    bob.say("hello", room=room)
    assert len(bob.words()) == 1
    assert len(live_room(server, room).presence) == 0
    bob.send("leave", room=room)
    server.run()
    assert bob.join("Bob", room=room) == []
    alice.tell("Bob", "again")
    assert bob.contents() == ["again"]
    for one in (alice, bob):
        one.quit()
    assert_nothing_is_left(server)


# typing


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ({"kind": "typing", "isTyping": True}, True),
        ({"kind": "typing.start"}, True),
        ({"kind": "typing", "isTyping": False}, None),
        ({"kind": "typing.stop"}, None),
    ],
    ids=str,
)
def test_typing_in_any_spelling_is_told_to_the_others(
    frame: dict[str, Any], told: bool | None
) -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob")
    bob.send(**frame)
    assert [one["isTyping"] for one in alice.take("typing")] == ([told] if told else [])
    assert bob.take() == []


@pytest.mark.parametrize(
    "frame",
    [
        {"kind": "typing"},
        {"kind": "typing", "isTyping": "yes"},
        {"kind": "typing", "isTyping": True, "room": "kitchen"},
        {"kind": "typing.start", "room": "no room"},
    ],
    ids=str,
)
def test_typing_that_is_refused_says_why(frame: dict[str, Any]) -> None:
    client = plain(MemoryServer(), "Alice")
    client.send(**frame)
    assert len(client.words()) == 1


def test_who_has_no_name_does_not_type() -> None:
    server = MemoryServer()
    alice, client = v1(server, "Alice", "lobby"), Plain(server)
    client.send("typing.start")
    assert len(client.words()) == 2
    assert alice.take("typing") == []


# leave and goodbye


def test_who_leaves_its_last_room_has_no_name_any_more() -> None:
    server = MemoryServer()
    alice = plain(server, "Alice", "lobby", "kitchen")
    bob = v1(server, "Bob", "lobby", key=key_of("Bob"))
    server.advance(1.0)
    bob.tell("Alice", "psst")
    drain([alice, bob])
    alice.send("leave")
    assert alice.take() == []
    assert bob.only("presence")["left"] == ["Alice"]
    assert bob.tell("Alice", "still there?")["type"] == "ack"
    alice.send("leave", room="kitchen")
    server.run()
    assert alice.connection.session is None
    assert not alice.connection.listeners
    assert bob.tell("Alice", "gone?")["code"] == "recipient_unknown"
    drain([alice, bob])
    alice.say("who am I?")
    assert bob.only("message")["username"] == "Anonymous"
    server.advance(1.0)
    assert alice.join("Alice") == ["Alice has joined the chat"]
    assert bob.tell("Alice", "new")["seq"] == 1, "another Alice, another conversation"


def test_leaving_what_one_is_not_in_is_refused() -> None:
    client = plain(MemoryServer(), "Alice")
    client.send("leave", room="kitchen")
    client.send("leave", room="no room")
    assert len(client.words()) == 2


@pytest.mark.parametrize("code", [1000, 1001, 1005, 4321])
def test_any_close_frame_is_a_goodbye(code: int) -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob")
    server.advance(1.0)
    alice.take()
    bob.socket.hang_up(code)
    assert alice.only("presence")["left"] == ["Bob"]
    assert_after_all_have_gone(server, alice)


def assert_after_all_have_gone(server: MemoryServer, *clients: Any) -> None:
    for client in clients:
        client.quit()
    assert_nothing_is_left(server)


def test_without_a_close_frame_the_grace_begins() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob")
    server.advance(1.0)
    alice.take()
    bob.cut()
    server.advance(14.0)
    assert alice.take() == []
    server.advance(2.0)
    assert alice.only("presence")["left"] == ["Bob"]


# Presence.


def test_a_slow_plain_client_is_told_of_no_members() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob")
    bob.socket.window = 0
    alice.say("hello")
    server.run()
    v1(server, "Cid", "lobby")
    bob.socket.read_more(None)
    assert [frame["content"] for frame in bob.take()] == ["hello"]


# What comes too early, and what comes too late.


def test_a_frame_beyond_the_rate_is_refused_in_words() -> None:
    server = MemoryServer()
    client = plain(server, "Alice")
    for number in range(45):
        client.send("message", content=f"{number}")
    words = client.words()
    assert len(words) == 6
    assert len(client.contents()) == 39


@pytest.mark.parametrize(
    "command",
    [
        {"kind": "join", "username": "Alicia"},
        {"kind": "join", "username": "Alice", "room": "attic", "since": 0},
        {"kind": "private", "to": "Bob", "content": "psst"},
    ],
    ids=str,
)
def test_an_answer_for_one_who_was_lost_meanwhile_comes_to_nothing(command: dict[str, Any]) -> None:
    for steps in range(1, 5):
        server = MemoryServer()
        fill(server, "attic", 150)
        alice, bob = plain(server, "Alice"), v1(server, "Bob")
        alice.send(**command)
        for _ in range(steps):
            server.step()
        alice.socket.is_open = False
        alice.connection.closed(None)
        alice.take()
        assert_after_all_have_gone(server, bob)


def test_who_spoke_unnamed_is_named_in_that_room_too_once_it_takes_a_name() -> None:
    server = MemoryServer()
    watcher = plain(server, "Watcher")
    stranger = Plain(server)
    stranger.say("who is there?")
    stranger.send("join", username="Alice", room="garden")
    stranger.take()
    server.advance(1.0)
    assert "Alice has joined the chat" in watcher.words()
    room = server.hub.rooms.get("lobby")
    assert room is not None
    assert "alice" in room.presence
