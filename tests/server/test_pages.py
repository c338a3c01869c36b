"""Pages of members, rooms and history: all of it, in order, and no more than a page at a time."""

from typing import Any

import pytest
from tests.server.support import (
    UNLIMITED,
    V1,
    fill,
    key_of,
    v1,
)

from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer


def refusal(reply: dict[str, Any]) -> tuple[str, str | None]:
    assert reply["type"] == "error", reply
    return reply["code"], reply.get("field")


# members and rooms


def test_members_are_told_page_by_page_however_a_name_is_written() -> None:
    server = MemoryServer(settings=UNLIMITED)
    people = [v1(server, name, "lobby") for name in ("Zoe", "Adam", "Mia", "bea")]
    asked = people[0].ask("members", room="lobby", limit=3, id="x")
    assert asked == {
        "type": "members",
        "id": "x",
        "room": "lobby",
        "members": 4,
        "names": ["Adam", "bea", "Mia"],
        "more": True,
    }
    asked = people[0].ask("members", room="lobby", limit=3, after="Mia")
    assert (asked["names"], asked.get("more", False)) == (["Zoe"], False)
    assert len(people[0].ask("members", room="lobby", after="")["names"]) == 4
    assert refusal(people[0].ask("members", room="lobby", after="no name")) == ("invalid", "after")
    assert refusal(people[0].ask("members", room="kitchen")) == ("not_joined", "room")


def test_rooms_are_told_page_by_page_with_their_heads() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby", "été", "kitchen", key=key_of("Alice"))
    for number in range(3):
        v1(server, f"User{number}", key=key_of(f"User{number}"))
        alice.tell(f"User{number}", "psst", id=f"p{number}")
    other = v1(server, "Alice", key=key_of("Alice"))
    alice.say("hello", room="kitchen", id="k1")
    found: list[dict[str, Any]] = []
    more, after = True, None
    while more:
        page = alice.ask("rooms", limit=2, after=after)
        assert len(page["rooms"]) <= 2
        found += page["rooms"]
        more, after = page.get("more", False), page["rooms"][-1]["room"]
    names = [summary["room"] for summary in found]
    assert names == sorted(names)
    assert [name for name in names if name[0] != "~"] == ["kitchen", "lobby", "été"]
    assert found[0] == {
        "room": "kitchen",
        "epoch": "epoch-1",
        "head": {"seq": 1, "id": "k1"},
        "joined": True,
        "members": 1,
    }
    conversations = [summary for summary in found if "peer" in summary]
    assert {summary["peer"] for summary in conversations} == {"User0", "User1", "User2"}
    assert all(summary["joined"] for summary in conversations)
    listed = other.ask("rooms")["rooms"]
    assert [summary["room"] for summary in listed] == [name for name in names if name[0] == "~"]
    assert not any(summary.get("joined", False) for summary in listed)


# history


def texts(page: dict[str, Any]) -> list[str]:
    assert page["type"] == "history", page
    return [entry["content"] for entry in page["entries"]]


def test_history_is_told_page_by_page_in_both_directions() -> None:
    server = MemoryServer(settings=UNLIMITED)
    fill(server, "lobby", 250)
    alice = v1(server, "Alice")
    page = alice.ask("history", room="lobby", limit=100)
    assert texts(page) == [f"{number}" for number in range(151, 251)]
    assert (page["more"], page["epoch"], page["room"]) == (True, "epoch-1", "lobby")
    page = alice.ask("history", room="lobby", before=151, limit=100)
    assert texts(page) == [f"{number}" for number in range(51, 151)]
    page = alice.ask("history", room="lobby", before=51, limit=100)
    assert (len(texts(page)), page["more"]) == (50, False)
    page = alice.ask("history", room="lobby", after=100, limit=100)
    assert texts(page) == [f"{number}" for number in range(101, 201)]
    assert page["more"] is True
    page = alice.ask("history", room="lobby", after=200, limit=100)
    assert (len(texts(page)), page["more"]) == (50, False)
    assert len(texts(alice.ask("history", room="lobby"))) == 50
    assert texts(alice.ask("history", room="empty")) == []
    assert alice.ask("history", room="lobby", before=3, id="h")["entries"][0] == {
        "type": "message",
        "room": "lobby",
        "seq": 1,
        "prev": 0,
        "id": "e1",
        "username": "Somebody",
        "content": "1",
        "timestamp": 1_700_000_000_000,
    }


@pytest.mark.parametrize("direction", ["before", "after"])
def test_a_page_of_history_stops_at_its_size_and_says_so(direction: str) -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, reply=20_000))
    fill(server, "lobby", 30, content="{}" + "x" * 3_000)
    alice = v1(server, "Alice")
    seqs: list[int] = []
    place = 31 if direction == "before" else 0
    more = True
    while more:
        page = alice.ask("history", room="lobby", limit=100, **{direction: place})
        assert len(str(page)) < 24_000
        got = [entry["seq"] for entry in page["entries"]]
        assert got == sorted(got)
        assert got
        seqs = got + seqs if direction == "before" else seqs + got
        place = got[0] if direction == "before" else got[-1]
        more = page["more"]
    assert seqs == list(range(1, 31))


def test_an_entry_larger_than_a_page_is_told_alone() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, reply=1_000))
    fill(server, "lobby", 3, content="{}" + "x" * 3_000)
    page = v1(server, "Alice").ask("history", room="lobby")
    assert ([entry["seq"] for entry in page["entries"]], page["more"]) == ([3], True)


@pytest.mark.parametrize("content", ["x" * 4_000, "\x01" * 4_000], ids=["plain", "escaped"])
def test_who_asks_for_history_and_reads_nothing_costs_no_more_than_64_kib(content: str) -> None:
    server = MemoryServer(settings=UNLIMITED)
    rooms = [f"room{number}" for number in range(5)]
    for room in rooms:
        fill(server, room, 100, content="{}" + content[:-3])
    stalled, talker = v1(server, "Stalled", "lobby"), v1(server, "Talker", "lobby")
    stalled.take()
    stalled.socket.window = 0
    asked = [f"h{number}" for number in range(20)]
    for number, id in enumerate(asked):
        stalled.send("history", room=rooms[number % 5], limit=100, id=id)
    held = 0
    while server.step():
        held = max(held, stalled.socket.unsent() + len(stalled.connection.out))
    for number in range(50):
        talker.say(content, id=f"t{number}")
        held = max(held, stalled.socket.unsent() + len(stalled.connection.out))
    assert 0 < held <= 64 * 1024
    stalled.socket.read_more(None)
    frames = stalled.take("history", "message")
    assert [frame["id"] for frame in frames if frame["type"] == "history"] == asked
    assert [frame["id"] for frame in frames if frame["type"] == "message"] == [
        f"t{number}" for number in range(50)
    ]


def test_the_page_that_is_told_of_is_the_page_that_may_be_asked_for() -> None:
    server = MemoryServer(settings=UNLIMITED)
    page = V1(server).ask("hello", username="Bob")["limits"]["page"]
    fill(server, "lobby", page + 1)
    alice = v1(server, "Alice", "attic")
    for kind, fields in (
        ("history", {"room": "lobby"}),
        ("members", {"room": "attic"}),
        ("rooms", {}),
    ):
        assert alice.ask(kind, limit=page, **fields)["type"] == kind
        assert refusal(alice.ask(kind, limit=page + 1, **fields)) == ("invalid", "limit")
    assert len(texts(alice.ask("history", room="lobby", limit=page))) == page


def test_history_in_two_directions_at_once_is_refused() -> None:
    alice = v1(MemoryServer(), "Alice")
    assert refusal(alice.ask("history", room="lobby", before=1, after=1)) == ("invalid", "after")
    assert refusal(alice.ask("history", room="~nobody")) == ("forbidden", "room")


def test_a_conversation_has_two_members_whoever_is_here() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    room = alice.tell("Bob", "psst")["room"]
    bob.take()
    page = alice.ask("members", room=room)
    assert (page["members"], page["names"]) == (2, [])
