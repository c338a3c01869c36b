"""The v1 profile: every command, every refusal, and nothing before the commit."""

from typing import Any

import pytest
from tests.server.support import (
    KEY,
    UNLIMITED,
    V1,
    assert_nothing_is_left,
    drain,
    fill,
    key_of,
    live_room,
    plain,
    v1,
)

from causerie.ports import Commit, Failed, Rejected
from causerie.server.settings import UNAVAILABLE_RETRY, HubSettings
from causerie.testing.memory_server import MemoryServer

NOW = 1_800_000_000_000
"""What a new server's clock says, in milliseconds."""


def refusal(reply: dict[str, Any]) -> tuple[str, str | None]:
    assert reply["type"] == "error", reply
    return reply["code"], reply.get("field")


# What is no command.


@pytest.mark.parametrize(
    ("text", "code", "field", "id"),
    [
        ("{", "bad_json", None, None),
        ("[]", "bad_json", None, None),
        ('{"type":"sing","id":"x"}', "unknown_type", "type", "x"),
        ('{"type":"join","id":"x"}', "invalid", "room", "x"),
        ('{"type":"join","room":7,"id":"x"}', "invalid", "room", "x"),
        ('{"type":"ping","id":""}', "invalid", "id", None),
        (f'{{"type":"ping","id":"{"x" * 65}"}}', "invalid", "id", None),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_is_wrong(
    text: str, code: str, field: str | None, id: str | None
) -> None:
    alice = V1(MemoryServer())
    alice.socket.send(text)
    told = alice.only("error")
    assert (told["code"], told.get("field"), told.get("id")) == (code, field, id)
    assert alice.ask("ping")["type"] == "pong"


# hello


def test_hello_tells_who_one_is_and_what_is_allowed() -> None:
    server = MemoryServer(settings=HubSettings(version="causerie/9"))
    welcome = V1(server).ask("hello", username="A\u0301lice", id="h1")
    assert welcome == {
        "type": "welcome",
        "id": "h1",
        "username": "\u00c1lice",
        "kept": False,
        "server": "causerie/9",
        "time": NOW,
        "heartbeat": 27_000,
        "grace": 15_000,
        "limits": {
            "frame": 65_536,
            "reply": 32_768,
            "content": 4_000,
            "rooms": 100,
            "rate": 20.0,
            "burst": 40,
            "dedupe": None,
            "page": 100,
        },
    }


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"username": "no spaces"}, "name_invalid", "username"),
        ({"username": "System"}, "name_invalid", "username"),
        ({"username": "Alice", "key": "short"}, "invalid", "key"),
        ({"username": "Alice", "token": "jwt"}, "invalid", "token"),
        ({}, "invalid", "username"),
    ],
)
def test_a_hello_that_is_refused(fields: dict[str, Any], code: str, field: str) -> None:
    alice = V1(MemoryServer())
    assert refusal(alice.ask("hello", **fields)) == (code, field)
    assert refusal(alice.join()) == ("hello_required", None)
    assert alice.hello("Alice")["type"] == "welcome"


def test_a_key_cannot_be_changed_and_need_not_be_repeated() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", key=KEY)
    for key in ("another" + KEY, KEY + "_"):
        assert refusal(alice.hello("Ada", key=key)) == ("already_identified", "key")
    assert alice.hello("Ada")["username"] == "Ada"
    bob = v1(server, "Bob")
    assert refusal(bob.hello("Ben", key=KEY)) == ("already_identified", "key")
    assert bob.hello("Ben")["username"] == "Ben"


def test_a_rename_is_told_to_ones_other_connections_and_once_to_one_that_reads_slowly() -> None:
    server = MemoryServer(settings=UNLIMITED)
    phone = v1(server, "Alice", "lobby", key=KEY)
    laptop, tablet = v1(server, "Alice", key=KEY), v1(server, "Alice", "lobby", key=KEY)
    tablet.socket.window = 0
    v1(server, "Bob", "lobby").say("hello", id="h1")
    phone.take()
    for name in ("Alicia", "Ally"):
        laptop.send("hello", username=name, id=name)
        assert laptop.answer(name)["username"] == name
    told = phone.take("welcome")
    assert [("id" in frame, frame["username"]) for frame in told] == [
        (False, "Alicia"),
        (False, "Ally"),
    ]
    tablet.socket.read_more(None)
    server.run()
    assert [frame["username"] for frame in tablet.take("welcome")] == ["Ally"]
    laptop.send("hello", username="Ally", id="again")
    assert laptop.answer("again")["username"] == "Ally"
    assert phone.take("welcome") == tablet.take("welcome") == []


@pytest.mark.parametrize(
    ("locale", "word"), [("en", "name"), ("fr", "nom"), ("fr-CA", "nom"), ("tlh", "name")]
)
def test_errors_are_told_in_the_language_of_hello(locale: str, word: str) -> None:
    server = MemoryServer()
    v1(server, "Bob")
    alice = V1(server)
    refused = alice.ask("hello", username="Bob", locale=locale)
    assert refused["code"] == "name_taken"
    assert word in refused["message"]


@pytest.mark.parametrize(
    "command",
    [
        {"kind": "join", "room": "lobby"},
        {"kind": "leave", "room": "lobby"},
        {"kind": "members", "room": "lobby"},
        {"kind": "rooms"},
        {"kind": "message", "room": "lobby", "content": "hello"},
        {"kind": "private", "to": "Bob", "content": "hello"},
        {"kind": "history", "room": "lobby"},
    ],
    ids=lambda command: str(command["kind"]),
)
def test_who_has_not_said_who_it_is_may_do_nothing(command: dict[str, Any]) -> None:
    assert refusal(V1(MemoryServer()).ask(**command)) == ("hello_required", None)


def test_a_ping_is_answered_to_anybody() -> None:
    server = MemoryServer()
    server.advance(0.5)
    assert V1(server).ask("ping", id="p") == {"type": "pong", "id": "p", "time": NOW + 500}


def test_a_command_without_an_id_is_answered_without_one() -> None:
    alice = V1(MemoryServer())
    alice.send("ping")
    alice.send("join", room="lobby")
    pong, refused = alice.take()
    assert "id" not in pong
    assert "id" not in refused


# join and leave


def test_a_room_is_joined_at_its_head() -> None:
    server = MemoryServer()
    fill(server, "lobby", 3)
    bob = v1(server, "Bob", "lobby")
    alice = v1(server, "Alice")
    assert alice.join("Lobby") == {
        "type": "joined",
        "id": "c2",
        "room": "lobby",
        "epoch": "epoch-1",
        "head": {"seq": 3, "id": "e3"},
        "members": 2,
        "names": ["Bob", "Alice"],
    }
    assert alice.contents() == []
    bob.say("hello")
    assert alice.contents() == ["hello"]


def test_a_room_without_entries_has_a_head_before_all() -> None:
    alice = v1(MemoryServer(), "Alice")
    assert alice.join("empty")["head"] == {"seq": 0, "id": ""}


def test_a_join_that_resumes_says_how_much_is_missing() -> None:
    server = MemoryServer()
    fill(server, "lobby", 250)
    alice = v1(server, "Alice")
    here: dict[str, Any] = {"since": {"seq": 100, "id": "e100"}, "epoch": "epoch-1"}
    joined = alice.join(**here, limit=10)
    assert (joined["recovered"], joined["missing"]) == ("partial", 140)
    assert alice.contents() == [f"{number}" for number in range(241, 251)]
    joined = alice.join(**here)
    assert (joined["recovered"], joined.get("missing", 0)) == ("complete", 0)
    assert len(alice.contents()) == 150
    joined = alice.join(since={"seq": 100, "id": "other"}, epoch="epoch-1")
    assert joined["recovered"] == "none"
    assert len(alice.contents()) == 100


def test_a_join_may_ask_for_the_newest_entries() -> None:
    server = MemoryServer()
    fill(server, "lobby", 250)
    alice = v1(server, "Alice")
    assert "recovered" not in alice.join(limit=3)
    frames = alice.take("message")
    assert [frame["content"] for frame in frames] == ["248", "249", "250"]
    assert all(frame["replay"] for frame in frames)


def test_what_was_gathered_for_one_who_joins_again_comes_before_the_answer_and_once_after_it() -> (
    None
):
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    alice.say("one")
    drain([alice, bob])
    seen = {"since": {"seq": 1, "id": server.store.rooms["lobby"][0].id}, "epoch": "epoch-1"}
    for fields in (seen, {}):
        server.hub.turn._not_before = server.clock.monotonic() + 0.01
        bob.send("message", room="lobby", content="gathered")
        server.run()
        alice.send("join", room="lobby", **fields)
        kinds = [frame["type"] for frame in alice.take()]
        assert kinds == ["message", "joined"] + ["message"] * (len(kinds) - 2)
        gathered = len(server.store.rooms["lobby"])
        assert len(kinds) - 2 == (gathered - 1 if fields else 0)
        server.advance(0.02)
        assert alice.take() == []


def test_a_join_of_what_is_no_room() -> None:
    alice = v1(MemoryServer(), "Alice")
    assert refusal(alice.join("no spaces")) == ("invalid", "room")
    assert refusal(alice.join("~nobody")) == ("forbidden", "room")
    assert refusal(alice.join("x", limit=10_001)) == ("invalid", "limit")


def test_a_room_that_cannot_be_read_says_when_it_may() -> None:
    server = MemoryServer()
    fill(server, "lobby", 250)
    alice = v1(server, "Alice", "kitchen")
    server.log.fail_reads("the disk is gone")
    for reply in (
        alice.join(limit=10),
        alice.ask("history", room="lobby"),
        alice.ask("rooms"),
    ):
        assert (reply["code"], reply["retryAfter"]) == ("unavailable", 1_000)
    server.log.fail_reads("")
    assert alice.join(limit=10)["type"] == "joined"


def test_a_room_that_cannot_be_opened_says_when_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice")

    def watch(room: str, done: Any) -> None:
        server.later(lambda: done(Failed("the disk is gone")))

    monkeypatch.setattr(server.log, "watch", watch)
    assert alice.join()["code"] == "unavailable"
    assert alice.ask("ping")["type"] == "pong"


def test_leaving() -> None:
    alice = v1(MemoryServer(), "Alice", "lobby")
    assert alice.ask("leave", room="LOBBY", id="l") == {"type": "left", "id": "l", "room": "lobby"}
    for room in ("lobby", "nowhere", "~nobody"):
        assert refusal(alice.ask("leave", room=room)) == ("not_joined", "room")
    assert refusal(alice.say("hello")) == ("not_joined", "room")
    assert refusal(alice.ask("leave", room="no spaces")) == ("invalid", "room")


# message


def test_a_message_is_acked_and_shown_to_all_with_its_place() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    drain([alice, bob])
    assert alice.say("hello", id="m1", replyTo="m0") == {
        "type": "ack",
        "id": "m1",
        "room": "lobby",
        "seq": 1,
        "timestamp": NOW,
    }
    shown = {
        "type": "message",
        "room": "lobby",
        "seq": 1,
        "prev": 0,
        "id": "m1",
        "username": "Alice",
        "content": "hello",
        "timestamp": NOW,
        "replyTo": "m0",
    }
    assert bob.take() == [shown]
    assert alice.take() == [shown]


def test_a_message_without_an_id_is_given_one_and_not_acked() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    alice.send("message", room="lobby", content="hello")
    assert alice.take("ack") == []
    assert len(bob.only("message")["id"]) == 32


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"room": "lobby", "content": " "}, "invalid", "content"),
        ({"room": "lobby", "content": "x" * 4_001}, "invalid", "content"),
        ({"room": "kitchen", "content": "hello"}, "not_joined", "room"),
        ({"room": "no spaces", "content": "hello"}, "invalid", "room"),
        ({"room": "lobby", "content": "hello", "at": -1}, "invalid", "at"),
    ],
)
def test_a_message_that_is_refused_is_not_stored(
    fields: dict[str, Any], code: str, field: str
) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    assert refusal(alice.ask("message", **fields)) == (code, field)
    assert server.store.rooms == {}


def test_a_message_sent_again_is_answered_as_before_and_shown_once() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    other = v1(server, "Alice", "lobby", key=key_of("Alice"))
    bob = v1(server, "Bob", "lobby")
    first = alice.say("hello", id="m1")
    # In the same batch, over another connection of the same identity, after a rename.
    for one in (alice, other):
        one.send("message", room="lobby", content="hello", id="m1", at=NOW)
    assert [one.answer("m1") for one in (alice, other)] == [first, first]
    alice.hello("Ada")
    assert alice.say("hello", id="m1") == first
    assert bob.contents() == ["hello"]
    again = MemoryServer(server.die())
    assert v1(again, "Ada", "lobby", key=key_of("Alice")).say("hello", id="m1") == first
    assert len(again.store.rooms["lobby"]) == 1


def test_another_message_under_the_same_id_is_refused() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby", "kitchen")
    v1(server, "Bob")
    alice.say("hello", id="m1")
    for reply in (
        alice.say("hello!", id="m1"),
        alice.say("hello", id="m1", room="kitchen"),
        alice.say("hello", id="m1", replyTo="m0"),
        alice.tell("Bob", "hello", id="m1"),
    ):
        assert refusal(reply) == ("id_reused", "id")
    bob = v1(server, "Ben", "lobby")
    assert bob.say("mine", id="m1")["type"] == "ack", "another's ids are others"


def test_a_message_sent_again_is_acked_though_one_has_left_the_room() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby", "kitchen")
    first = alice.say("hello", id="m1", replyTo="m0")
    alice.ask("leave", room="lobby")
    assert alice.say("hello", id="m1", replyTo="m0") == first
    assert refusal(alice.say("hello", id="m1")) == ("id_reused", "id")
    assert refusal(alice.say("hello!", id="m1", replyTo="m0")) == ("id_reused", "id")
    assert refusal(alice.say("hello", id="m1", replyTo="m0", room="attic")) == ("id_reused", "id")
    assert refusal(alice.say("hello", id="m2")) == ("not_joined", "room")
    alice.send("message", room="lobby", content="hello")
    assert refusal(alice.only("error")) == ("not_joined", "room")
    assert len(server.store.rooms["lobby"]) == 1


def test_a_private_message_sent_again_is_acked_though_its_recipient_has_gone() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", key=key_of("Alice")), v1(server, "Bob")
    first = alice.tell("Bob", "psst", id="p1")
    bob.quit()
    assert alice.tell("Bob", "psst", id="p1") == first
    assert alice.tell("bob", "psst", id="p1", at=NOW) == first
    assert refusal(alice.tell("Bob", "psst!", id="p1")) == ("id_reused", "id")
    assert refusal(alice.tell("Bob", "psst", id="p2")) == ("recipient_unknown", "to")
    assert refusal(alice.tell("Bob", "psst", id="p2", at=NOW)) == ("recipient_unknown", "to")
    # The name has another holder by now, who is told nothing of it.
    heir = v1(server, "Bob")
    assert alice.tell("Bob", "psst", id="p1", at=NOW) == first
    assert refusal(alice.tell("Heir", "psst", id="p1", at=NOW)) == ("id_reused", "id")
    assert refusal(alice.say("psst", room="lobby", id="p1")) == ("id_reused", "id")
    assert alice.tell("Bob", "hello", id="p3", at=NOW)["seq"] == 1
    assert heir.contents() == ["hello"]


def test_whether_a_message_was_said_before_may_not_be_known_now() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice")
    server.log.fail_reads("the disk is gone")
    refused = alice.say("hello", id="m1")
    assert (refused["code"], refused["retryAfter"]) == ("unavailable", 1_000)
    server.log.fail_reads("")
    assert refusal(alice.say("hello", id="m1")) == ("not_joined", "room")


def test_duplicates_in_one_batch_are_stored_once() -> None:
    server = MemoryServer(settings=UNLIMITED)
    devices = [v1(server, "Alice", "lobby", key=key_of("Alice")) for _ in range(2)]
    for one in devices:
        one.send("message", room="lobby", content="hello", id="m1")
        one.send("message", room="lobby", content="hello!", id="m1")
    answers = [frame for one in devices for frame in one.take("ack", "error")]
    assert [one.get("code", one["type"]) for one in answers] == ["ack", "id_reused"] * 2
    assert [one.content for one in server.store.rooms["lobby"]] == ["hello"]


def test_a_message_that_cannot_be_stored_is_not_to_be_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    append = server.log.append

    def rejecting(draft: Any) -> None:
        server.later(lambda: server.hub.committed(Commit([Rejected(draft, "failed")], [])))

    monkeypatch.setattr(server.log, "append", rejecting)
    refused = alice.say("hello", id="m1")
    assert (refused["code"], refused["field"]) == ("invalid", "content")
    assert "retryAfter" not in refused
    monkeypatch.setattr(server.log, "append", append)
    assert alice.say("hello", id="m1")["type"] == "ack"


def test_a_message_that_came_too_late_for_its_author_s_name_may_be_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")

    def rejecting(draft: Any) -> None:
        server.later(lambda: server.hub.committed(Commit([Rejected(draft, "name_lost")], [])))

    monkeypatch.setattr(server.log, "append", rejecting)
    refused = alice.say("hello", id="m1")
    assert (refused["code"], refused["retryAfter"]) == ("unavailable", UNAVAILABLE_RETRY)


def test_nobody_speaks_in_a_conversation_as_in_a_room() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    room = alice.tell("Bob", "psst")["room"]
    for one in (alice, bob):
        assert refusal(one.say("hello", room=room)) == ("invalid", "room")


# private


def test_a_private_message_reaches_all_connections_of_both_and_nobody_else() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alices = [v1(server, "Alice", "lobby", key=key_of("Alice")) for _ in range(2)]
    bobs = [v1(server, "Bob", "lobby", key=key_of("Bob")), v1(server, "Bob", key=key_of("Bob"))]
    eve, old = v1(server, "Eve", "lobby"), plain(server, "Old")
    drain([*alices, *bobs, eve, old])
    ack = alices[0].tell("bob", "psst", id="p1", replyTo="m0")
    assert (ack["seq"], ack["room"][0]) == (1, "~")
    shown = {
        "type": "private",
        "room": ack["room"],
        "seq": 1,
        "prev": 0,
        "id": "p1",
        "username": "Alice",
        "from": "Alice",
        "to": "Bob",
        "content": "psst",
        "timestamp": NOW,
        "replyTo": "m0",
    }
    for one in (*alices, *bobs):
        assert one.take() == [shown]
    assert (eve.take(), old.take()) == ([], [])
    assert bobs[1].tell("Alice", "what?")["room"] == ack["room"]
    for one in (*alices, *bobs):
        assert one.only("private")["prev"] == 1


def test_a_private_message_reaches_who_connects_between_its_coming_and_its_storing() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice"), v1(server, "Bob", key=key_of("Bob"))
    other = V1(server)
    alice.send("private", to="Bob", content="psst", id="p1")
    other.send("hello", username="Bob", key=key_of("Bob"))
    while not server.hub._in_flight:
        assert server.step()
    assert [frame["content"] for frame in other.take("private")] == ["psst"]
    assert bob.contents() == ["psst"]


def test_a_private_message_reaches_who_is_behind_in_the_conversation_once() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    for number in range(5):
        alice.tell("Bob", f"{number}")
    bob.socket.window = 0
    for number in range(5, 10):
        alice.tell("Bob", f"{number}")
    bob.socket.read_more(None)
    assert bob.contents() == [f"{number}" for number in range(10)]
    assert alice.contents() == [f"{number}" for number in range(10)]


def test_a_conversation_resumes_as_a_room_does() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = (v1(server, name, key=key_of(name)) for name in ("Alice", "Bob"))
    room = alice.tell("Bob", "one")["room"]
    bob.cut()
    alice.tell("Bob", "two")
    alice.tell("Bob", "three")
    bob = v1(server, "Bob", key=key_of("Bob"))
    (summary,) = bob.ask("rooms")["rooms"]
    assert (summary["room"], summary["head"]["seq"], summary["peer"]) == (room, 3, "Alice")
    seen = server.store.rooms[room][0]
    joined = bob.join(room, since={"seq": seen.seq, "id": seen.id}, epoch="epoch-1")
    assert joined["recovered"] == "complete"
    assert bob.contents() == ["two", "three"]


def test_a_private_message_that_is_refused_says_why() -> None:
    alice = v1(MemoryServer(), "Alice")
    assert refusal(alice.tell("Nobody", "psst")) == ("recipient_unknown", "to")
    assert refusal(alice.tell("Nobody", "")) == ("invalid", "content")
    assert refusal(alice.tell("Alice", "psst")) == ("recipient_self", "to")


# typing


def test_typing_is_not_answered_unless_it_is_refused() -> None:
    alice = v1(MemoryServer(), "Alice", "lobby")
    alice.send("typing", room="lobby", isTyping=True, id="t")
    assert alice.take() == []
    assert refusal(alice.ask("typing", room="kitchen", isTyping=True)) == ("not_joined", "room")
    assert refusal(alice.ask("typing", room="lobby")) == ("invalid", "isTyping")


def test_who_says_something_types_no_longer() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    alice.send("typing", room="lobby", isTyping=True)
    alice.say("done")
    assert [frame["isTyping"] for frame in bob.take("typing")] == [True, False]
    server.advance(10.0)
    assert bob.take("typing") == []


# trace


def test_who_asks_to_be_traced_is_until_they_ask_for_no_more() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    assert alice.ask("trace", on=True, id="t") == {"type": "tracing", "id": "t", "on": True}
    assert (alice.socket.is_traced, bob.socket.is_traced) == (True, False)
    assert alice.ask("trace", on=False, id="u") == {"type": "tracing", "id": "u", "on": False}
    assert not alice.socket.is_traced


def test_nobody_is_traced_before_hello() -> None:
    alice = V1(MemoryServer())
    assert refusal(alice.ask("trace", on=True)) == ("hello_required", None)
    assert not alice.socket.is_traced


# What comes too early, and what comes too late.


def test_a_command_beyond_the_rate_is_refused_under_its_id() -> None:
    alice = V1(MemoryServer())
    for number in range(41):
        alice.send("ping", id=f"p{number}")
    refused = alice.only("error")
    assert (refused["code"], refused["id"], refused["retryAfter"]) == ("rate_limited", "p40", 51)


@pytest.mark.parametrize(
    "command",
    [
        {"kind": "hello", "username": "Alicia"},
        {"kind": "join", "room": "attic", "limit": 10},
        {"kind": "history", "room": "attic"},
        {"kind": "rooms"},
        {"kind": "private", "to": "Bob", "content": "psst"},
        {"kind": "message", "room": "attic", "content": "hello", "id": "m1"},
    ],
    ids=lambda command: str(command["kind"]),
)
def test_an_answer_for_one_who_was_lost_meanwhile_comes_to_nothing(command: dict[str, Any]) -> None:
    for steps in range(1, 5):
        server = MemoryServer()
        fill(server, "attic", 150)
        alice, bob = v1(server, "Alice"), v1(server, "Bob")
        alice.send(**command)
        for _ in range(steps):
            server.step()
        alice.socket.is_open = False
        alice.connection.closed(None)
        alice.take()
        bob.quit()
        assert_nothing_is_left(server)


# Presence for one who missed it.


def test_a_conversation_has_no_members_to_tell_of() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    alice.tell("Bob", "one")
    bob.socket.window = 0
    alice.tell("Bob", "two")
    bob.socket.read_more(None)
    assert [frame["type"] for frame in bob.take()] == ["private", "private"]


# Nothing is shown before the commit.


def test_what_is_not_durable_yet_is_seen_by_nobody_in_no_way() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    eve = v1(server, "Eve")
    alice.say("durable")
    drain([alice, bob])
    # The draft is with the log, whose commit has not been told: answers before that must not
    # know of it, whatever else is asked.
    alice.send("message", room="lobby", content="not yet", id="m")
    while not server.hub._in_flight:
        assert server.step()
    assert live_room(server).shown == 1
    for one, command in (
        (bob, {"kind": "history", "room": "lobby", "after": 0}),
        (bob, {"kind": "history", "room": "lobby"}),
        (eve, {"kind": "join", "room": "lobby", "since": {"seq": 0, "id": ""}}),
        (bob, {"kind": "rooms"}),
    ):
        one.connection.receive(
            str({"type": command.pop("kind"), **command}).replace("'", '"').encode()
        )
    seen: list[str] = []
    while server.hub._in_flight:
        for one in (alice, bob, eve):
            seen += [str(frame) for frame in one.arrived()]
        assert server.step()
    assert not any("not yet" in text for text in seen)
    assert not any("'seq': 2" in text for text in seen)
    for page in bob.take("history"):
        assert texts(page) == ["durable"], "what was shown when it was asked for"
    assert bob.contents() == ["not yet"]


def texts(page: dict[str, Any]) -> list[str]:
    return [entry["content"] for entry in page["entries"]]


def test_what_was_not_durable_when_the_server_died_was_seen_by_nobody() -> None:
    kept: list[str] = []
    for steps in range(1, 6):
        server = MemoryServer()
        alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
        alice.send("message", room="lobby", content="hello", id="m")
        for _ in range(steps):
            server.step()
        store = server.die()
        seen = [frame["id"] for frame in bob.arrived("message")]
        acked = [frame["id"] for frame in alice.arrived("ack")]
        kept = [one.id for one in store.rooms.get("lobby", [])]
        assert set(seen) | set(acked) <= set(kept)
    assert kept == ["m"]


def test_who_joins_and_takes_another_name_at_once_is_left_with_that_one_alone() -> None:
    server = MemoryServer(settings=UNLIMITED)
    v1(server, "Bob", "lobby")
    alice = V1(server)
    alice.hello("Alice", key=key_of("Alice"))
    names = set(alice.join("lobby")["names"])
    alice.hello("Alicia", key=key_of("Alice"))
    server.advance(1.0)
    for frame in alice.take("presence"):
        names = (set() if frame["snapshot"] else names - set(frame["left"])) | set(frame["joined"])
    assert names == {"Alicia", "Bob"}
