"""Announcements: who is told what of comings, goings and typing, and in which words."""

import json
from collections.abc import Callable

import pytest
from tests.server.support import UNLIMITED, V1, Client, Frame, Plain, drain, live_room, plain, v1

from causerie.chat.presence import Change
from causerie.server.announcements import announce_presence, system_frame
from causerie.testing.memory_server import MemoryServer

NOW = 1_800_000_000_000
"""What a new server's clock says, in milliseconds."""


def announce(server: MemoryServer, change: Change) -> None:
    """Announces a change in the lobby."""
    announce_presence(server.hub.turn, server.clock, live_room(server), change)


def in_seconds(server: MemoryServer, name: str) -> Plain:
    """Connects a plain client that counts in seconds."""
    client = Plain(server)
    client.send("join", username=name, timestamp=NOW / 1000)
    client.take()
    return client


def presence(client: Client) -> Frame:
    frame = client.only("presence")
    assert frame.pop("room") == "lobby"
    return frame


def test_of_a_crowd_some_are_told_in_each_turn_how_many_are_here_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("causerie.server.announcements.COUNTED_A_TURN", 4)
    server = MemoryServer(settings=UNLIMITED)
    crowd = [v1(server, f"member{number}", "lobby") for number in range(10)]
    server.advance(1.0)
    drain(crowd)
    turns: list[Callable[[], None]] = []
    monkeypatch.setattr(server.hub.turn, "_schedule", turns.append)

    def counts() -> list[int | None]:
        """What each was told since, of how many are here."""
        server.hub.turn.write()
        told = [client.take("presence") for client in crowd]
        return [frames[-1]["members"] if frames else None for frames in told]

    def next_turn() -> list[int | None]:
        (action,) = [action for action in turns if action != server.hub.turn.write]
        turns.clear()
        action()
        return counts()

    announce(server, Change(10))
    assert counts() == [10] * 4 + [None] * 6
    # One who is behind by then is owed more than a number; another has left.
    crowd[4].connection.paused()
    live_room(server).presence.depart("member9", 0.0, goodbye=True)
    assert next_turn() == [None] * 4 + [None] + [9] * 3 + [None] * 2
    assert crowd[4].connection.out == b""
    assert next_turn() == [None] * 8 + [9] * 2
    assert [action for action in turns if action != server.hub.turn.write] == []


def test_v1_is_told_who_came_and_who_went() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    server.advance(1.0)
    bob = v1(server, "Bob", "lobby")
    assert presence(alice) == {
        "type": "presence",
        "members": 2,
        "joined": ["Bob"],
        "left": [],
        "snapshot": False,
    }
    server.advance(1.0)
    bob.hello("Robert")
    assert presence(alice)["joined"] == ["Robert"]
    server.advance(1.0)
    bob.quit()
    assert presence(alice) | {"joined": [], "left": ["Robert"]} == {
        "type": "presence",
        "members": 1,
        "joined": [],
        "left": ["Robert"],
        "snapshot": False,
    }


def test_a_rename_is_told_to_v1_as_one_who_goes_and_one_who_comes() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    announce(server, Change(3, joined=("A",), left=("B",), renamed=(("C", "D"),)))
    told = presence(alice)
    assert (told["joined"], told["left"]) == (["A", "D"], ["B", "C"])


def test_plain_clients_are_told_in_words_each_in_its_unit() -> None:
    server = MemoryServer()
    alice, bob = plain(server, "Alice"), in_seconds(server, "Bob")
    server.advance(1.0)
    drain([alice, bob])
    announce(server, Change(3, joined=("A",), left=("B",), renamed=(("C", "D"),)))
    words = ["B has left the chat", "C is now known as D", "A has joined the chat"]
    common = {"type": "message", "username": "System", "room": "lobby"}
    assert alice.take() == [{**common, "content": text, "timestamp": NOW + 1000} for text in words]
    assert bob.take() == [
        {**common, "content": text, "timestamp": NOW / 1000 + 1} for text in words
    ]


def test_in_a_large_room_v1_is_told_the_count_and_plain_nothing() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob")
    alice.take()
    announce(server, Change(2))
    assert presence(alice) == {
        "type": "presence",
        "members": 2,
        "joined": [],
        "left": [],
        "snapshot": False,
    }
    assert bob.take() == []


def test_a_room_that_is_small_again_is_told_to_v1_as_a_snapshot() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob")
    alice.take()
    announce(server, Change(2, left=("Zoe",), everybody=("Alice", "Bob")))
    assert presence(alice) == {
        "type": "presence",
        "members": 2,
        "joined": ["Alice", "Bob"],
        "left": [],
        "snapshot": True,
    }
    assert bob.words() == ["Zoe has left the chat"]


def test_who_is_behind_is_told_nothing() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob")
    for client in (alice, bob):
        client.connection.paused()
    announce(server, Change(3, joined=("A",)))
    server.hub.types(live_room(server), "a", "A", is_typing=True)
    assert (alice.take(), bob.take()) == ([], [])
    assert (alice.connection.out, bob.connection.out) == (b"", b"")


def test_those_who_agreed_on_compression_are_told_as_the_others_are() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    bob = V1(server, compression=True)
    bob.hello("Bob")
    bob.join()
    carol, dora = Plain(server, compression=True), Plain(server, compression=True)
    carol.send("join", username="Carol", timestamp=NOW)
    dora.send("join", username="Dora", timestamp=NOW / 1000)
    for one in (carol, dora):
        one.send("typing", isTyping=False)
    drain([alice, bob, carol, dora])
    announce(server, Change(4, joined=("A",), left=("B",)))
    assert presence(bob) == presence(alice)
    words = ["B has left the chat", "A has joined the chat"]
    assert [frame["content"] for frame in carol.take()] == words
    assert [frame["timestamp"] for frame in dora.take()] == [NOW / 1000] * 2
    alice.send("typing", room="lobby", isTyping=True)
    for client in (bob, carol, dora):
        assert client.only("typing")["username"] == "Alice"
    bob.send("typing", room="lobby", isTyping=True)
    assert alice.only("typing")["username"] == "Bob"
    assert bob.take("typing") == [], "the typist is not told"


def test_what_system_says_in_a_room_and_outside_of_one() -> None:
    assert json.loads(system_frame("hi", 0)[2:]) == {
        "type": "message",
        "username": "System",
        "content": "hi",
        "timestamp": 0,
    }
    assert json.loads(system_frame("hi", 1.5, "lobby")[2:])["room"] == "lobby"


# Typing.


def test_v1_is_told_who_types_and_the_typist_is_not() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    drain([alice, bob])
    alice.send("typing", room="lobby", isTyping=True)
    assert alice.take() == []
    assert bob.take() == [
        {"type": "typing", "room": "lobby", "username": "Alice", "isTyping": True}
    ]
    alice.send("typing", room="lobby", isTyping=False)
    assert alice.take() == []
    assert bob.only("typing")["isTyping"] is False


@pytest.mark.parametrize("is_typing", [True, False])
def test_plain_clients_are_told_in_the_spelling_and_unit_that_they_use(is_typing: bool) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    silent, one = plain(server, "Silent"), plain(server, "One")
    dots, other = in_seconds(server, "Dots"), in_seconds(server, "Other")
    one.send("typing", isTyping=False)
    dots.send("typing.stop")
    other.send("typing.start", timestamp=NOW / 1000)
    other.send("typing.stop")
    if not is_typing:
        alice.send("typing", room="lobby", isTyping=True)
    drain([alice, silent, one, dots, other])
    alice.send("typing", room="lobby", isTyping=is_typing)
    assert silent.take() == []
    common = {"username": "Alice", "content": "", "room": "lobby"}
    assert one.take() == [{"type": "typing", "isTyping": is_typing, "timestamp": NOW, **common}]
    spelled = "typing.start" if is_typing else "typing.stop"
    assert dots.take() == [{"type": spelled, "timestamp": NOW / 1000, **common}]
    assert other.take() == [{"type": spelled, "timestamp": NOW / 1000, **common}]


def test_a_plain_typist_is_not_told_of_itself() -> None:
    server = MemoryServer()
    one, other = plain(server, "One"), plain(server, "Other")
    other.send("typing", isTyping=False)
    one.send("typing", isTyping=True)
    one.send("typing", isTyping=False)
    assert one.take("typing") == []
    assert [frame["isTyping"] for frame in other.take("typing")] == [True, False]


def test_typing_is_not_told_in_a_large_room() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    for number in range(199):
        live_room(server).presence.arrive(f"user{number}", f"User{number}")
    drain([alice, bob])
    alice.send("typing", room="lobby", isTyping=True)
    assert bob.take("typing") == []
