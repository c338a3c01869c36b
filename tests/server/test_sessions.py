"""Sessions: who has a name, who gets it when two ask, and when it is free again."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from tests.server.support import (
    UNLIMITED,
    V1,
    Frame,
    assert_nothing_is_left,
    drain,
    key_of,
    live_room,
    plain,
    v1,
)

from causerie.adapters.memory import MemoryDirectory
from causerie.adapters.memory_store import MemoryStore
from causerie.chat.names import Name, parse_username
from causerie.ports import Failed, Holder
from causerie.server import sessions
from causerie.server.live_room import LiveRoom
from causerie.server.sessions import LOOKED_UP_AT_ONCE, Session
from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer, MemorySocket, VirtualClock
from causerie.wire.codes import CloseCode


def session_of(client: V1) -> Session:
    session = client.connection.session
    assert session is not None
    return session


def ask_for(server: MemoryServer, name: str, *, key: str | None = None) -> V1:
    """Connects somebody who asks for a name, and has no answer yet."""
    client = V1(server)
    fields = {"key": key} if key else {}
    client.send("hello", username=name, id="h", **fields)
    server.run()
    return client


def answer(client: V1) -> Frame | None:
    """Returns the answer to `ask_for`, or None if there is none yet."""
    frames = client.take("welcome", "error")
    return frames[0] if frames else None


def silent(server: MemoryServer, name: str, *rooms: str) -> V1:
    """Connects somebody whose machine then falls silent for long enough to be asked."""
    client = v1(server, name, *rooms)
    client.socket.answers_pings = False
    server.advance(6.0)
    client.take()
    return client


# One name, one holder.


def test_a_name_is_taken_by_who_asks_first_and_what_looks_like_it_with_it() -> None:
    server = MemoryServer()
    v1(server, "Alice")
    for name in ("Alice", "ALICE", "A1ice"):
        refused = V1(server).hello(name)
        assert (refused["code"], refused["field"]) == ("name_taken", "username")
    assert V1(server).hello("Alicia")["type"] == "welcome"


def test_who_has_a_key_has_one_session_however_many_connections() -> None:
    server = MemoryServer()
    one = v1(server, "Alice", key=key_of("Alice"))
    other = v1(server, "Alice", key=key_of("Alice"))
    session = session_of(one)
    assert session is session_of(other)
    assert session.has_key
    assert len(session.connections) == 2
    assert len(server.hub.sessions) == 1
    one.quit()
    assert server.hub.sessions.of(session.identity) is session
    other.quit()
    assert server.hub.sessions.of(session.identity) is None


def test_a_name_with_a_key_is_kept_from_the_first_message_on() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    assert not alice.hello("Alice", key=key_of("Alice"))["kept"]
    alice.say("mine")
    assert alice.hello("Alice", key=key_of("Alice"))["kept"]
    alice.quit()
    refused = V1(server).hello("Alice")
    assert refused["code"] == "name_taken"
    assert "retryAfter" not in refused, "waiting does not help"
    again = MemoryServer(server.die())
    assert V1(again).hello("Alice", key=key_of("Eve"))["code"] == "name_taken"
    assert V1(again).hello("Alice", key=key_of("Alice"))["kept"]


def test_a_name_without_a_key_is_not_kept() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    alice.say("mine")
    assert not session_of(alice).kept
    alice.quit()
    assert V1(server).hello("Alice")["type"] == "welcome"


def test_a_name_that_nobody_spoke_under_is_free_after_a_goodbye() -> None:
    server = MemoryServer()
    v1(server, "Alice", "lobby", key=key_of("Alice")).quit()
    assert V1(server).hello("Alice")["type"] == "welcome"


# The grace.


def test_a_session_ends_with_its_grace() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    alice.cut()
    server.advance(14.9)
    assert len(server.hub.sessions) == 1
    server.advance(0.2)
    assert_nothing_is_left(server)


def test_who_comes_back_in_the_grace_goes_on_with_the_same_session() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    session = session_of(alice)
    alice.cut()
    server.advance(10.0)
    again = v1(server, "Alice", key=key_of("Alice"))
    assert session_of(again) is session
    server.advance(30.0)
    assert server.hub.sessions.of(session.identity) is session
    # It listens no longer, and so is no member any more.
    assert len(server.hub.rooms) == 0


def test_the_end_of_a_grace_does_not_end_who_has_come_back() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", key=key_of("Alice"))
    session = session_of(alice)
    alice.cut()
    again = v1(server, "Alice", key=key_of("Alice"))
    server.hub.sessions._end(session)
    assert server.hub.sessions.of(session.identity) is session
    assert again.ask("ping")["type"] == "pong"


def test_in_its_grace_a_name_without_a_message_is_free_to_whoever_asks_and_nobody_is_told() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    server.advance(1.0)
    bob.cut()
    alice.take()
    heir = v1(server, "Bob", "lobby")
    assert session_of(heir).identity != session_of(bob).identity
    server.advance(60.0)
    assert alice.take("presence") == []
    assert live_room(server).presence.tell_newcomer()[1] == ["Alice", "Bob"]
    heir.quit()
    alice.quit()
    assert_nothing_is_left(server)


@pytest.mark.parametrize(
    ("holders_key", "heirs_key"),
    [(key_of("Bob"), None), (None, key_of("Eve")), (key_of("Bob"), key_of("Eve"))],
)
def test_an_heir_that_must_be_somebody_else_is_announced_after_the_last_holder_has_left(
    holders_key: str | None, heirs_key: str | None
) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    eyewitness = plain(server, "Paul")
    bob = v1(server, "Bob", "lobby", key=holders_key)
    server.advance(1.0)
    bob.cut()
    drain([alice, eyewitness])
    heir = v1(server, "Bob", key=heirs_key)
    joined = heir.join("lobby")
    assert (joined["members"], joined["names"].count("Bob")) == (3, 1)
    server.advance(60.0)
    changes = alice.take("presence")
    told = [change["left"] for change in changes], [change["joined"] for change in changes]
    assert told == ([["Bob"], []], [[], ["Bob"]])
    assert changes[-1]["members"] == 3
    assert eyewitness.words() == ["Bob has left the chat", "Bob has joined the chat"]
    assert sorted(live_room(server).presence.tell_newcomer()[1]) == ["Alice", "Bob", "Paul"]
    for client in (alice, eyewitness, heir):
        client.quit()
    assert_nothing_is_left(server)


def test_an_heir_that_comes_between_two_announcements_is_told_of_in_one() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby", key=key_of("Bob"))
    server.advance(1.0)
    v1(server, "Carol", "lobby")
    bob.cut()
    drain([alice])
    heir = V1(server)
    heir.hello("Bob")
    assert heir.join("lobby")["names"].count("Bob") == 1
    server.advance(1.0)
    told = alice.only("presence")
    assert (told["left"], told["joined"], told["members"]) == (["Bob"], ["Bob"], 3)


def test_who_loses_the_name_to_one_that_looks_like_it_has_left() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby", "kitchen"), v1(server, "Bob1", "lobby", "kitchen")
    server.advance(1.0)
    bob.cut()
    drain([alice])
    heir = v1(server, "Bobl")
    told = alice.take("presence")
    assert [(change["room"], change["left"], change["members"]) for change in told] == [
        ("lobby", ["Bob1"], 1),
        ("kitchen", ["Bob1"], 1),
    ]
    heir.quit()
    alice.quit()
    assert_nothing_is_left(server)


def test_a_room_whose_only_member_lost_its_name_is_closed() -> None:
    server = MemoryServer()
    v1(server, "Bob", "lobby", key=key_of("Bob")).cut()
    assert len(server.hub.rooms) == 1
    v1(server, "Bob")
    assert len(server.hub.rooms) == 0


def test_who_is_lost_again_before_it_is_welcomed_back_has_the_rest_of_its_grace() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    bob = v1(server, "Bob", "lobby", key=key_of("Bob"))
    session = session_of(bob)
    server.advance(1.0)
    bob.cut()
    drain([alice])
    server.advance(10.0)
    again = V1(server)
    again.send("hello", username="Bob", key=key_of("Bob"))
    while not server.hub.sessions._claiming:
        assert server.step()
    again.socket.is_open = False
    again.connection.closed(None)
    server.advance(4.9)
    assert server.hub.sessions.of(session.identity) is session
    assert alice.take("presence") == []
    server.advance(0.2)
    assert server.hub.sessions.of(session.identity) is None
    assert alice.only("presence")["left"] == ["Bob"]


def test_who_is_renamed_to_a_name_in_its_grace_stays_when_that_ends() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    server.advance(1.0)
    bob.cut()
    assert alice.hello("Bob")["username"] == "Bob"
    server.advance(60.0)
    assert live_room(server).presence.tell_newcomer()[1] == ["Bob"]
    alice.quit()
    assert_nothing_is_left(server)


def test_two_who_ask_for_a_name_in_its_grace_do_not_both_get_it() -> None:
    server = MemoryServer()
    v1(server, "Alice").cut()
    one, other = V1(server), V1(server)
    one.send("hello", username="Alice", id="h")
    other.send("hello", username="Alice", id="h")
    first, second = answer(one), answer(other)
    assert first is not None
    assert second is not None
    assert (first["type"], second.get("code")) == ("welcome", "name_taken")


def test_who_has_a_key_can_be_written_to_while_away_and_who_has_none_only_while_here() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice")
    v1(server, "Bob", key=key_of("Bob")).cut()
    v1(server, "Cid").cut()
    assert alice.tell("Bob", "for later")["type"] == "ack"
    assert alice.tell("Cid", "too late")["code"] == "recipient_unknown"
    bob = v1(server, "Bob", key=key_of("Bob"))
    (conversation,) = bob.ask("rooms")["rooms"]
    bob.join(conversation["room"], since={"seq": 0, "id": ""}, epoch="epoch-1")
    assert bob.contents() == ["for later"]


def test_the_heir_of_a_name_reads_none_of_what_was_said_privately_to_its_last_holder() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", key=key_of("Alice")), v1(server, "Bob")
    room = alice.tell("Bob", "for the first Bob alone")["room"]
    bob.cut()
    heir = v1(server, "Bob")
    assert heir.ask("rooms")["rooms"] == []
    assert heir.ask("history", room=room)["code"] == "forbidden"
    assert alice.tell("Bob", "for the second")["room"] != room
    assert heir.contents() == ["for the second"]


# Probes.


def test_a_holder_that_was_heard_of_a_moment_ago_is_not_asked() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice")
    alice.socket.answers_pings = False
    server.advance(4.9)
    refused = answer(ask_for(server, "Alice"))
    assert refused is not None
    assert (refused["code"], refused["retryAfter"]) == ("name_taken", 5_000)
    assert alice.socket.pings == 0


def test_a_silent_holder_that_lives_answers_the_probe_and_keeps_the_name() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice")
    server.advance(6.0)
    refused = answer(ask_for(server, "Alice"))
    assert refused is not None
    assert refused["code"] == "name_taken"
    assert alice.ask("ping")["type"] == "pong"
    server.advance(60.0)
    assert session_of(alice).probe is None
    assert session_of(alice).claimants == []


def test_any_word_of_the_holder_answers_the_probe() -> None:
    server = MemoryServer()
    alice = silent(server, "Alice")
    claimant = ask_for(server, "Alice")
    assert answer(claimant) is None
    server.advance(4.0)
    alice.ask("ping")
    refused = answer(claimant)
    assert refused is not None
    assert refused["code"] == "name_taken"


def test_a_dead_holder_is_cut_off_and_its_name_given() -> None:
    server = MemoryServer()
    alice = silent(server, "Alice", "lobby")
    claimant = ask_for(server, "Alice")
    assert alice.socket.pings == 1
    server.advance(4.9)
    assert answer(claimant) is None
    server.advance(0.2)
    welcome = answer(claimant)
    assert welcome is not None
    assert welcome["username"] == "Alice"
    assert alice.socket.close_code == 4000
    assert claimant.join("lobby")["members"] == 1
    server.advance(60.0)
    assert live_room(server).presence.tell_newcomer()[1] == ["Alice"]
    claimant.quit()
    assert_nothing_is_left(server)


def test_that_a_dead_holder_with_a_key_has_left_is_told_and_its_heir_is_no_less_a_member() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby", key=key_of("Bob"))
    bob.socket.answers_pings = False
    server.advance(6.0)
    claimant = ask_for(server, "Bob")
    drain([alice])
    server.advance(5.1)
    assert bob.socket.close_code == 4000
    assert alice.only("presence")["left"] == ["Bob"]
    assert claimant.join("lobby")["members"] == 2
    server.advance(60.0)
    assert alice.only("presence")["joined"] == ["Bob"]
    assert claimant.ask("ping")["type"] == "pong"
    alice.quit()
    claimant.quit()
    assert_nothing_is_left(server)


def test_of_many_who_ask_for_the_name_of_a_dead_holder_the_first_gets_it() -> None:
    server = MemoryServer()
    alice = silent(server, "Alice")
    claimants = [ask_for(server, "Alice") for _ in range(5)]
    assert alice.socket.pings == 1, "one probe for all"
    server.advance(5.1)
    answers = [answer(claimant) for claimant in claimants]
    assert [one and one.get("code", "welcome") for one in answers] == ["welcome"] + [
        "name_taken"
    ] * 4


def test_a_holder_is_asked_no_oftener_than_every_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Without heartbeats, whose pings do not count here.
    server = MemoryServer(settings=HubSettings(rate=0.0, heartbeat=10_000.0))
    asked: list[float] = []
    ping = MemorySocket.ping

    def noted(self: MemorySocket) -> None:
        if self is alice.socket:
            asked.append(server.clock.monotonic())
        ping(self)

    alice = v1(server, "Alice")
    monkeypatch.setattr(MemorySocket, "ping", noted)
    for _ in range(100):
        server.advance(0.5)
        refused = answer(ask_for(server, "Alice"))
        assert refused is not None
        assert refused["code"] == "name_taken"
    assert len(asked) >= 8
    assert all(later - earlier >= 5.0 for earlier, later in pairwise(asked))


def test_a_holder_that_goes_while_it_is_asked_gives_way_at_once() -> None:
    server = MemoryServer()
    alice = silent(server, "Alice", "lobby")
    claimant = ask_for(server, "Alice")
    alice.cut()
    welcome = answer(claimant)
    assert welcome is not None
    assert welcome["type"] == "welcome"
    server.advance(60.0)
    assert claimant.ask("ping")["type"] == "pong"
    claimant.quit()
    assert_nothing_is_left(server)


@pytest.mark.parametrize("takes", [0, 10])
def test_a_holder_that_reads_slowly_lives_if_it_takes_anything_while_it_is_asked(
    takes: int,
) -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    alice.socket.window = 0
    bob.say("x" * 1_000)
    server.advance(6.0)
    claimant = ask_for(server, "Alice")
    alice.socket.read_more(takes)
    server.advance(5.1)
    told = answer(claimant)
    assert told is not None
    assert told.get("code", "welcome") == ("name_taken" if takes else "welcome")
    assert alice.socket.is_open == bool(takes)


def test_a_holder_that_has_read_all_by_the_end_of_the_probe_lives() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    alice.socket.window = 0
    bob.say("x" * 1_000)
    server.advance(6.0)
    claimant = ask_for(server, "Alice")
    alice.socket.read_more(None)
    server.advance(5.1)
    told = answer(claimant)
    assert told is not None
    assert told["code"] == "name_taken"


def test_a_holder_that_is_lost_while_it_comes_back_keeps_its_name() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    alice.socket.answers_pings = False
    server.advance(6.0)
    claimant = ask_for(server, "Alice")
    again = V1(server)
    again.send("hello", username="Alice", key=key_of("Alice"), id="h")
    server.step()
    alice.socket.is_open = False
    alice.connection.closed(None)
    welcome, refused = answer(again), answer(claimant)
    assert welcome is not None
    assert refused is not None
    assert (welcome["type"], refused["code"]) == ("welcome", "name_taken")
    assert session_of(again) is session_of(alice)
    again.quit()
    claimant.quit()
    assert_nothing_is_left(server)


def test_who_comes_back_in_its_grace_just_after_another_has_asked_keeps_its_name() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", key=key_of("Alice"))
    alice.cut()
    claimant, again = V1(server), V1(server)
    claimant.send("hello", username="Alice", id="h")
    again.send("hello", username="Alice", key=key_of("Alice"), id="h")
    refused, welcome = answer(claimant), answer(again)
    assert welcome is not None
    assert refused is not None
    assert (welcome["type"], refused["code"]) == ("welcome", "name_taken")


def test_a_name_that_one_takes_back_at_once_is_not_released_behind_ones_back() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", key=key_of("Alice"))
    other = v1(server, "Alice", key=key_of("Alice"))
    alice.send("hello", username="Ada", id="h")
    other.send("hello", username="Alice", id="h")
    drain([alice, other])
    assert session_of(alice).name.display == "Alice"
    assert V1(server).hello("Alice")["code"] == "name_taken"
    assert V1(server).hello("Ada")["type"] == "welcome"


def test_all_connections_of_a_holder_are_asked_and_one_that_answers_is_enough() -> None:
    server = MemoryServer()
    one = v1(server, "Alice", key=key_of("Alice"))
    other = v1(server, "Alice", key=key_of("Alice"))
    for client in (one, other):
        client.socket.answers_pings = False
    server.advance(6.0)
    claimant = ask_for(server, "Alice")
    assert (one.socket.pings, other.socket.pings) == (1, 1)
    one.cut()
    assert answer(claimant) is None
    other.ask("ping")
    refused = answer(claimant)
    assert refused is not None
    assert refused["code"] == "name_taken"


def test_a_claimant_that_has_gone_gets_nothing_and_leaves_nothing() -> None:
    server = MemoryServer()
    alice = silent(server, "Alice")
    claimants = [ask_for(server, "Alice") for _ in range(2)]
    for claimant in claimants:
        claimant.cut()
    server.advance(5.1)
    assert alice.socket.close_code == 4000
    assert len(server.hub.sessions) == 0
    assert V1(server).hello("Alice")["type"] == "welcome"


def test_commands_behind_a_hello_that_waits_for_a_probe_wait_too_and_keep_their_order() -> None:
    server = MemoryServer()
    silent(server, "Alice")
    claimant = ask_for(server, "Alice")
    claimant.send("join", room="lobby", id="j")
    claimant.send("message", room="lobby", content="hello", id="m")
    claimant.send("ping", id="p")
    assert claimant.take() == []
    server.advance(5.1)
    types = [(frame["type"], frame.get("id")) for frame in claimant.take()]
    assert [one for one in types if one[1] and one[0] != "message"] == [
        ("welcome", "h"),
        ("joined", "j"),
        ("pong", "p"),
        ("ack", "m"),
    ]


# Renames.


def test_a_rename_goes_through_all_rooms_and_frees_the_old_name() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby", "kitchen"), v1(server, "Bob", "lobby")
    server.advance(1.0)
    drain([alice, bob])
    assert alice.hello("Ada")["username"] == "Ada"
    told = bob.only("presence")
    assert (told["joined"], told["left"]) == (["Ada"], ["Alice"])
    for room in ("lobby", "kitchen"):
        assert "Ada" in live_room(server, room).presence.tell_newcomer()[1]
        assert "Alice" not in live_room(server, room).presence.tell_newcomer()[1]
    heir = v1(server, "Alice")
    for client in (alice, bob, heir):
        client.quit()
    assert_nothing_is_left(server)


def test_another_spelling_is_a_rename_that_frees_nothing() -> None:
    server = MemoryServer()
    alice = v1(server, "alice", "lobby", key=key_of("Alice"))
    alice.say("hello")
    welcome = alice.hello("Alice", key=key_of("Alice"))
    assert (welcome["username"], welcome["kept"]) == ("Alice", True)
    assert V1(server).hello("alice")["code"] == "name_taken"


def test_a_rename_counts_for_an_identity_as_a_command_in_each_of_its_rooms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "RENAMED_AT_ONCE", 6.0)
    server = MemoryServer(settings=HubSettings(rate=2.0))
    key = key_of("Alice")
    one, two = v1(server, "Alice", "attic", key=key), v1(server, "Alice", "cellar", key=key)
    server.advance(10.0)
    for asker, name in ((one, "Alice1"), (two, "Alice2"), (one, "Alice3")):
        assert asker.hello(name, key=key)["username"] == name
    for asker in (one, two):
        refused = asker.hello("Alice4", key=key)
        assert (refused["code"], refused["retryAfter"]) == ("rate_limited", 1_001)
        # Under the name that it has, it may come back as it likes.
        assert asker.hello("Alice3", key=key)["type"] == "welcome"
    back = V1(server).ask("hello", username="Alice1", key=key, returning=True)
    assert back["username"] == "Alice3"
    assert v1(server, "Bob").hello("Robert")["type"] == "welcome"
    server.advance(1.1)
    assert two.hello("Alice4", key=key)["username"] == "Alice4"
    assert two.hello("Alice5", key=key)["code"] == "rate_limited"


def test_who_is_in_more_rooms_than_may_be_renamed_at_once_is_renamed_when_it_has_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "RENAMED_AT_ONCE", 2.0)
    server = MemoryServer(settings=HubSettings(rate=4.0))
    alice = v1(server, "Alice", "attic", "cellar", "garden")
    server.advance(10.0)
    assert alice.hello("Alicia")["username"] == "Alicia"
    assert alice.hello("Alix")["retryAfter"] == 501
    server.advance(0.6)
    assert alice.hello("Alix")["username"] == "Alix"


def test_without_a_limit_of_commands_there_is_none_of_renames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "RENAMED_AT_ONCE", 1.0)
    alice = v1(MemoryServer(settings=UNLIMITED), "Alice")
    for number in range(10):
        assert alice.hello(f"Alice{number}")["type"] == "welcome"


def test_a_hello_that_changes_no_name_concerns_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby", "kitchen")
    server.advance(1.0)
    looks: list[LiveRoom] = []
    monkeypatch.setattr(server.hub.rooms, "tick", looks.append)
    assert alice.hello("Alice")["type"] == "welcome"
    assert looks == []


def test_a_rename_that_is_refused_changes_nothing() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    v1(server, "Bob")
    assert alice.hello("Bob")["code"] == "name_taken"
    assert session_of(alice).name.display == "Alice"
    assert V1(server).hello("Alice")["code"] == "name_taken"


def test_a_kept_name_stays_ones_own_after_a_rename() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    alice.say("mine")
    assert alice.hello("Ada", key=key_of("Alice"))["kept"], "its key has spoken"
    assert V1(server).hello("Alice")["code"] == "name_taken"
    assert alice.hello("Alice", key=key_of("Alice"))["kept"]
    assert V1(server).hello("Ada")["code"] == "name_taken"


def test_who_is_renamed_while_typing_is_told_to_have_stopped_under_the_old_name() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby", "kitchen"), v1(server, "Bob", "lobby", "kitchen")
    alice.send("typing", room="lobby", isTyping=True)
    drain([alice, bob])
    alice.hello("Ada")
    told = bob.only("typing")
    assert (told["username"], told["room"], told["isTyping"]) == ("Alice", "lobby", False)
    assert alice.take("typing") == []


def test_a_session_that_ends_takes_no_name_from_the_one_that_follows_it() -> None:
    server = MemoryServer()
    key = key_of("Alice")
    first = V1(server)
    first.hello("Alice", key=key)
    second = V1(server)
    second.send("hello", username="Alice", key=key, id="1")
    # The name is asked for, the other session ends, and only then comes the answer.
    first.socket.hang_up(1000)
    assert second.answer("1")["type"] == "welcome"
    assert V1(server).hello("Alice")["code"] == "name_taken"
    second.quit()
    assert V1(server).hello("Alice")["type"] == "welcome"


def test_two_devices_that_rename_at_once_leave_the_name_in_use_to_nobody_else() -> None:
    server = MemoryServer()
    key = key_of("Alice")
    one, other = V1(server), V1(server)
    one.hello("Alice", key=key)
    other.hello("Alice", key=key)
    one.send("hello", username="Zoe", id="1")
    other.send("hello", username="Alice", id="2")
    assert (one.answer("1")["type"], other.answer("2")["type"]) == ("welcome", "welcome")
    assert one.connection.display == "Alice", "the last word counts"
    assert V1(server).hello("Alice")["code"] == "name_taken"
    assert V1(server).hello("Zoe")["type"] == "welcome"


# Coming back.


def test_who_comes_back_after_a_rename_by_another_device_renames_nobody_back() -> None:
    server = MemoryServer()
    key = key_of("Alice")
    laptop, phone = v1(server, "Alice", "lobby", key=key), v1(server, "Alice", "lobby", key=key)
    laptop.say("mine")
    phone.cut()
    laptop.hello("Ada")
    back = V1(server)
    assert back.hello("Alice", key=key, returning=True)["username"] == "Ada"
    assert session_of(back) is session_of(laptop)
    assert laptop.take("welcome") == []
    assert back.hello("Alice")["username"] == "Alice", "a wish counts"
    assert laptop.only("welcome")["username"] == "Alice"


def test_who_comes_back_when_nobody_is_there_gets_the_last_name_after_a_crash_too() -> None:
    server = MemoryServer()
    key = key_of("Alice")
    laptop = v1(server, "Alice", "lobby", key=key)
    laptop.say("mine")
    laptop.hello("Ada")
    laptop.quit()
    again = MemoryServer(server.die())
    welcome = V1(again).hello("Alice", key=key, returning=True)
    assert (welcome["username"], welcome["kept"]) == ("Ada", True)
    assert V1(again).hello("Alice")["code"] == "name_taken"


def test_who_comes_back_to_a_server_that_does_not_know_it_keeps_its_name() -> None:
    server = MemoryServer()
    welcome = V1(server).hello("Alice", key=key_of("Alice"), returning=True)
    assert (welcome["username"], welcome["kept"]) == ("Alice", False)
    assert V1(server).hello("Bob", returning=True)["username"] == "Bob"
    refused = V1(server).hello("Alice", key=key_of("Eve"), returning=True)
    assert refused["code"] == "name_taken"


def test_a_rename_under_way_and_a_return_at_once_leave_one_name_in_use() -> None:
    server = MemoryServer()
    key = key_of("Alice")
    laptop, phone = v1(server, "Alice", key=key), V1(server)
    laptop.send("hello", username="Ada", id="1")
    phone.send("hello", username="Alice", key=key, returning=True, id="2")
    assert laptop.answer("1")["username"] == phone.answer("2")["username"] == "Ada"
    assert V1(server).hello("Alice")["type"] == "welcome"
    assert V1(server).hello("Ada")["code"] == "name_taken"


def test_a_name_is_not_taken_from_who_is_just_coming_back_to_it_under_an_old_one() -> None:
    server = MemoryServer()
    key = key_of("Alice")
    alice = v1(server, "Alice", key=key)
    alice.hello("Ada")
    alice.cut()
    claimant, back = V1(server), V1(server)
    claimant.send("hello", username="Ada", id="h")
    back.send("hello", username="Alice", key=key, returning=True, id="h")
    refused, welcome = answer(claimant), answer(back)
    assert welcome is not None
    assert refused is not None
    assert (welcome["username"], refused["code"]) == ("Ada", "name_taken")


def test_a_session_that_ends_while_it_is_come_back_to_keeps_the_name_that_is_answered() -> None:
    server = MemoryServer()
    key = key_of("Alice")
    laptop, phone = v1(server, "Alice", key=key), V1(server)
    laptop.hello("Ada")
    phone.send("hello", username="Alice", key=key, returning=True, id="h")
    laptop.socket.hang_up(1000)
    assert phone.answer("h")["username"] == "Ada"
    assert V1(server).hello("Ada")["code"] == "name_taken"
    phone.quit()
    assert V1(server).hello("Ada")["type"] == "welcome"
    assert not server.hub.sessions._claiming


# Who has gone before the answer came.


def test_of_those_who_claim_a_name_and_have_gone_each_claims_it_once() -> None:
    server, directory = server_with_directory()
    asked: list[Callable[[], None]] = []
    claim = directory.claim

    def wait(*arguments: Any, **named: Any) -> None:
        asked.append(lambda: claim(*arguments, **named))

    directory.claim = wait  # type: ignore[method-assign]
    hasty = [ask_for(server, "Ada", key=key_of(f"hasty-{number}")) for number in range(100)]
    for client in hasty:
        client.cut()
    claims = 0
    while asked:
        # They are decided on one after the other, and what the first gives up is free after that.
        batch = asked.copy()
        asked.clear()
        for decide in batch:
            decide()
        claims += len(batch)
        server.run()
    assert claims == len(hasty)
    directory.claim = claim  # type: ignore[method-assign]
    assert V1(server).hello("Ada")["type"] == "welcome"


def test_whoever_still_waits_gets_a_silent_holders_name_and_who_has_gone_asks_no_more() -> None:
    server, directory = server_with_directory()
    holder = silent(server, "Ada")
    hasty, patient = ask_for(server, "Ada"), ask_for(server, "Ada")
    hasty.cut()
    claims: list[str] = []
    claim = directory.claim

    def counted(name: Name, identity: str, **named: Any) -> None:
        claims.append(identity)
        claim(name, identity, **named)

    directory.claim = counted  # type: ignore[method-assign, assignment]
    server.advance(6.0)
    assert holder.socket.close_code == CloseCode.NAME_LOST
    welcome = answer(patient)
    assert welcome is not None
    assert welcome["type"] == "welcome"
    assert claims == [session_of(patient).identity]


# What goes wrong.


class Stubborn(MemoryDirectory):
    """A directory that answers nothing but what it is told to, for a while."""

    def __init__(self, server: MemoryServer, *, names_per_address: int = 0) -> None:
        super().__init__(server.store, server.later, names_per_address=names_per_address)
        self.later = server.later
        self.fails = False

    def claim(self, *arguments: Any, done: Callable[[Any], None], **named: Any) -> None:
        if self.fails:
            self.later(lambda: done(Failed("the disk is gone")))
        else:
            super().claim(*arguments, done=done, **named)


def server_with_directory(*, names_per_address: int = 0) -> tuple[MemoryServer, Stubborn]:
    server = MemoryServer(settings=UNLIMITED)
    directory = Stubborn(server, names_per_address=names_per_address)
    server.hub.sessions._directory = directory
    server.hub.directory = directory
    return server, directory


def test_a_directory_that_fails_is_an_error_that_says_when_to_try_again() -> None:
    server, directory = server_with_directory()
    directory.fails = True
    alice = V1(server)
    refused = alice.hello("Alice")
    assert (refused["code"], refused["retryAfter"]) == ("unavailable", 1_000)
    directory.fails = False
    assert alice.hello("Alice")["type"] == "welcome"


def test_an_address_takes_so_many_new_names_a_day() -> None:
    server, _ = server_with_directory(names_per_address=1)
    alice = V1(server, address="192.0.2.7")
    alice.hello("Alice", key=key_of("Alice"))
    alice.join("lobby")
    alice.say("hello")
    other = V1(server, address="192.0.2.7")
    refused = other.hello("Bob", key=key_of("Bob"))
    assert refused["code"] == "name_limit"
    assert refused["retryAfter"] == pytest.approx(86_400_000, rel=0.01)
    assert V1(server, address="192.0.2.8").hello("Bob")["type"] == "welcome"
    # Who has no key keeps no name, and need not be counted.
    assert V1(server, address="192.0.2.7").hello("Carol")["type"] == "welcome"


def test_who_says_hello_under_many_keys_and_then_speaks_keeps_no_more_names_than_the_limit() -> (
    None
):
    server, _ = server_with_directory(names_per_address=3)
    clients = [V1(server, address="192.0.2.7") for _ in range(10)]
    for number, client in enumerate(clients):
        client.send("hello", username=f"Eve-{number}", key=key_of(f"Eve-{number}"), id="h")
        client.send("join", room="lobby")
        client.send("message", room="lobby", content="mine", id="m")
    answers = [client.answer("h") for client in clients]
    assert [one.get("code", "welcome") for one in answers] == ["welcome"] * 3 + ["name_limit"] * 7
    assert answers[3]["retryAfter"] <= 60_000
    for client in clients:
        client.quit()
    assert len(server.store.names) == 3
    assert len(server.die().names) == 3


def test_who_comes_and_goes_without_a_word_takes_up_nothing_of_the_limit() -> None:
    server, _ = server_with_directory(names_per_address=2)
    for number in range(10):
        client = V1(server, address="192.0.2.7")
        assert client.hello(f"Pupil-{number}", key=key_of(f"{number}"))["type"] == "welcome"
        if number % 2:
            client.quit()
        else:
            client.cut()
            server.advance(15.1)
    waits = [V1(server, address="192.0.2.7") for _ in range(3)]
    answers = [client.hello(f"Late-{at}", key=key_of(f"{at}")) for at, client in enumerate(waits)]
    assert [one.get("code", "welcome") for one in answers] == ["welcome", "welcome", "name_limit"]
    waits[0].quit()
    assert waits[2].hello("Late-2", key=key_of("2"))["type"] == "welcome"


def days_pass(server: MemoryServer, days: int) -> None:
    """Lets days pass, of each of which the hub sees a moment."""
    for _ in range(days):
        server.clock.set(server.clock.monotonic() + 24 * 60 * 60)
        server.hub.tick()
        server.run()


def test_a_name_in_use_for_a_hundred_days_is_its_holders_after_a_crash() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    alice.say("mine")
    days_pass(server, 100)
    assert alice.ask("ping")["type"] == "pong"
    again = MemoryServer(server.die(), clock=server.clock)
    assert V1(again).hello("Alice", key=key_of("Eve"))["code"] == "name_taken"
    days_pass(again, 88)
    assert V1(again).hello("Alice", key=key_of("Eve"))["code"] == "name_taken"
    days_pass(again, 2)
    assert V1(again).hello("Alice", key=key_of("Eve"))["type"] == "welcome"


def test_where_somebody_came_from_is_forgotten_within_a_day_and_an_hour() -> None:
    server, _ = server_with_directory(names_per_address=1)
    alice = V1(server, address="192.0.2.7")
    alice.hello("Alice", key=key_of("Alice"))
    alice.join("lobby")
    alice.say("mine")
    assert server.store.names["alice"].address == "192.0.2.7"
    alice.quit()
    server.advance(25 * 60 * 60)
    assert server.store.names["alice"].address == ""


def test_a_server_that_begins_forgets_where_somebody_came_from_at_once() -> None:
    server, _ = server_with_directory(names_per_address=1)
    alice = V1(server, address="192.0.2.7")
    alice.hello("Alice", key=key_of("Alice"))
    alice.join("lobby")
    alice.say("mine")
    store = server.die()
    again = MemoryServer(store, clock=VirtualClock(server.clock.wall() + 86_400_000_000))
    again.advance(1.0)
    assert store.names["alice"].address == ""


def test_a_name_that_its_claimant_may_not_have_is_free_for_others() -> None:
    server, _ = server_with_directory(names_per_address=1)
    alice = V1(server, address="192.0.2.7")
    alice.hello("Alice", key=key_of("Alice"))
    alice.join("lobby")
    alice.say("hello")
    bob = V1(server)
    bob.hello("Bob")
    bob.cut()
    refused = V1(server, address="192.0.2.7").hello("Bob", key=key_of("Eve"))
    assert refused["code"] == "name_limit"
    answers: list[Holder | Failed | None] = []
    server.hub.directory.find("bob", now=server.clock.wall(), done=answers.append)
    server.run()
    assert answers == [None]
    assert V1(server).hello("Bob")["type"] == "welcome"


def test_a_name_left_in_use_by_nobody_here_is_taken_over() -> None:
    server = MemoryServer()
    name = parse_username("Alice")
    server.directory.claim(
        name, "s:ghost", address="", now=0, replacing=None, returning=False, done=lambda _: None
    )
    assert V1(server).hello("Alice")["type"] == "welcome"


def test_names_survive_only_where_they_are_kept() -> None:
    server = MemoryServer(MemoryStore())
    v1(server, "Alice", "lobby", key=key_of("Alice")).say("hello")
    v1(server, "Bob", "lobby", key=key_of("Bob"))
    again = MemoryServer(server.die())
    assert V1(again).hello("Alice")["code"] == "name_taken"
    assert V1(again).hello("Bob")["type"] == "welcome"


def test_who_has_gone_before_its_name_was_given_holds_nothing() -> None:
    server = MemoryServer()
    assert isinstance(server.directory, MemoryDirectory)
    for kind in ("v1", "plain"):
        client = V1(server) if kind == "v1" else plain(server, "Other")
        client.send("hello" if kind == "v1" else "join", username="Alice")
        while server.directory._names._in_use.use("alice") is None:
            assert server.step()
        client.cut()
        server.advance(20.0)
        assert server.directory._names._in_use.use("alice") is None
    assert_nothing_is_left(server)


def test_whose_name_is_another_s_by_now_is_told_so_when_it_is_looked_up() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    sessions = server.hub.sessions
    identity = session_of(bob).identity
    for whose in (identity, "s:nobody"):
        sessions.look_up(whose)
    server.run()
    assert bob.socket.is_open
    # As the directory of a node does that was taken for gone.
    server.directory.release("bob", identity, now=server.clock.wall())
    v1(server, "Bob", key=key_of("another"))
    sessions.look_up(identity)
    server.run()
    assert bob.socket.close_code == CloseCode.NAME_LOST
    assert alice.socket.is_open


def test_a_name_that_cannot_be_looked_up_is_looked_up_again() -> None:
    server, directory = server_with_directory()
    alice, bob, carol = v1(server, "Alice"), v1(server, "Bob"), v1(server, "Carol")
    sessions = server.hub.sessions
    bob_is, carol_is = (session_of(each).identity for each in (bob, carol))
    directory.release("bob", bob_is, now=server.clock.wall())
    v1(server, "Bob", key=key_of("another"))
    directory.fails = True
    for identity in (bob_is, bob_is, carol_is):
        sessions.look_up(identity)
    server.advance(5.0)
    assert bob.socket.is_open
    carol.cut()
    server.advance(20.0)
    assert sessions.of(carol_is) is None
    directory.fails = False
    server.advance(2.0)
    assert bob.socket.close_code == CloseCode.NAME_LOST
    assert sessions.of(carol_is) is None
    assert alice.socket.is_open


def test_when_all_are_in_doubt_so_many_are_looked_up_at_a_time_and_each_once() -> None:
    server, directory = server_with_directory()
    clients = [v1(server, f"Person{number}") for number in range(3 * LOOKED_UP_AT_ONCE)]
    asked: list[Callable[[], None]] = []

    def claim(*arguments: Any, **named: Any) -> None:
        asked.append(lambda: MemoryDirectory.claim(directory, *arguments, **named))

    directory.claim = claim  # type: ignore[method-assign]
    sessions = server.hub.sessions
    sessions.look_up_all()
    clients.pop().quit()
    assert len(asked) == LOOKED_UP_AT_ONCE
    answered = 0
    while asked:
        assert len(asked) <= LOOKED_UP_AT_ONCE
        asked.pop(0)()
        answered += 1
        server.run()
    assert answered == 3 * LOOKED_UP_AT_ONCE - 1
    assert all(client.socket.is_open for client in clients)
