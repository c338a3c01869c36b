"""The hub: a message's whole path, the heartbeat's wheel, and the end."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from tests.server.support import (
    UNLIMITED,
    V1,
    BusyClock,
    Client,
    Frame,
    Plain,
    assert_nothing_is_left,
    drain,
    entry,
    fill,
    key_of,
    listener,
    live_room,
    plain,
    v1,
)

from causerie.adapters.memory import MemoryDirectory, MemoryLog
from causerie.adapters.memory_store import MemoryStore
from causerie.chat.entry import Entry
from causerie.chat.presence import TOLD_UP_TO
from causerie.ports import Commit
from causerie.server.frames import INFLATED
from causerie.server.hub import Hub
from causerie.server.plain import PlainConnection
from causerie.server.settings import HubSettings
from causerie.server.turn import SHARED_BY
from causerie.server.v1 import V1Connection
from causerie.testing.memory_server import MemoryServer, MemorySocket, VirtualClock
from causerie.wire.profiles import SUBPROTOCOL

# Connections.


def test_who_offers_the_subprotocol_speaks_v1_and_all_others_plain() -> None:
    server = MemoryServer()
    for subprotocol, kind in ((SUBPROTOCOL, V1Connection), (None, PlainConnection)):
        socket = MemorySocket(server)
        connection = server.hub.accept(
            socket, subprotocol=subprotocol, compression=False, address="192.0.2.7"
        )
        assert type(connection) is kind
        assert connection.variant not in INFLATED
        assert connection.address == "192.0.2.7"
        assert connection in server.hub.connections


@pytest.mark.parametrize("subprotocol", [SUBPROTOCOL, None])
def test_with_whom_compression_is_agreed_on_is_shown_the_same_and_long_entries_compressed(
    subprotocol: str | None,
) -> None:
    hub = MemoryServer().hub
    plain, packed = (
        hub.accept(
            MemorySocket(MemoryServer()), subprotocol=subprotocol, compression=agreed, address=""
        )
        for agreed in (False, True)
    )
    assert type(plain) is type(packed)
    assert INFLATED[packed.variant] is plain.variant


def test_ids_and_identities_are_128_bits_by_chance() -> None:
    hub = MemoryServer().hub
    ids = {hub.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(id) == 32 for id in ids)
    assert hub.new_identity().startswith("s:")


def test_connections_are_spread_over_the_wheel_and_each_is_asked_once_a_turn_of_it() -> None:
    server = MemoryServer()
    clients = [V1(server) for _ in range(200)]
    hub = server.hub
    assert sum(map(len, hub._wheel)) == 200
    assert max(map(len, hub._wheel)) - min(map(len, hub._wheel)) <= 1
    for client in clients:
        client.socket.answers_pings = False
    server.advance(27.0)
    assert {client.socket.pings for client in clients} == {1}
    server.advance(27.0)
    assert {client.socket.pings for client in clients} == {2}
    server.advance(27.0)
    assert all(client.socket.aborted for client in clients)
    assert_nothing_is_left(server)


def test_the_hub_asks_to_be_called_when_something_is_due() -> None:
    armed: list[float] = []
    clock, store, steps = VirtualClock(), MemoryStore(), list[Callable[[], None]]()
    hub = Hub(
        MemoryLog(store, clock.wall, steps.append),
        MemoryDirectory(store, steps.append),
        HubSettings(),
        clock,
        schedule=steps.append,
        arm=armed.append,
        chance=Random(1),
        failed=lambda _: None,
    )
    assert armed == [1.0]
    assert hub.deadline() == 1.0
    clock.set(1.0)
    hub.tick()
    assert hub.deadline() == 2.0


# The path of a message.


def test_what_was_said_in_a_room_that_nobody_has_open_is_nobodys_business() -> None:
    server = MemoryServer()
    server.hub.committed(Commit([], [entry("attic", 1, "hello")]))
    server.run()
    assert len(server.hub.rooms) == 0


def test_the_author_may_have_gone_when_its_message_is_stored() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    alice.send("message", room="lobby", content="last words", id="m")
    server.step()
    alice.socket.is_open = False
    alice.connection.closed(1000)
    assert bob.contents() == ["last words"]
    bob.quit()
    assert_nothing_is_left(server)


def test_a_message_ends_its_authors_typing_but_one_that_was_refused_does_not() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    alice.say("one", id="m1")
    alice.send("typing", room="lobby", isTyping=True)
    assert alice.say("other", id="m1")["code"] == "id_reused"
    assert [frame["isTyping"] for frame in bob.take("typing")] == [True]
    # One that had been stored before is what its author believes to have sent.
    assert alice.say("one", id="m1")["type"] == "ack"
    assert [frame["isTyping"] for frame in bob.take("typing")] == [False]


def test_anonymous_does_not_end_anybodys_typing() -> None:
    server = MemoryServer()
    alice, client = v1(server, "Alice", "lobby"), Plain(server)
    client.say("hello")
    assert alice.contents() == ["hello"]


def test_a_private_message_to_one_who_is_away_is_there_on_return() -> None:
    server = MemoryServer()
    bob = v1(server, "Bob", "lobby", key=key_of("Bob"))
    bob.say("mine")
    bob.quit()
    alice = v1(server, "Alice", key=key_of("Alice"))
    room = alice.tell("Bob", "for later")["room"]
    assert alice.contents() == ["for later"]
    bob = v1(server, "Bob", key=key_of("Bob"))
    assert bob.join(room, limit=10)["head"]["seq"] == 1
    assert bob.contents() == ["for later"]


def test_a_conversation_that_was_open_before_its_first_word_may_be_read_by_its_two() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    alice.send("private", to="Bob", content="one", id="p1")
    alice.send("private", to="Bob", content="two", id="p2")
    room = alice.answer("p1")["room"]
    assert live_room(server, room).members != ()
    for one in (alice, bob):
        assert [text["content"] for text in one.ask("history", room=room)["entries"]] == [
            "one",
            "two",
        ]


def test_who_listens_to_a_conversation_already_is_not_given_its_entries_twice() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    for number in range(3):
        alice.tell("Bob", f"{number}")
    bob.socket.window = 0
    alice.tell("Bob", "3")
    alice.tell("Bob", "4")
    bob.socket.read_more(None)
    assert [frame["content"] for frame in bob.take()] == ["0", "1", "2", "3", "4"]
    assert alice.contents() == ["0", "1", "2", "3", "4"]


def test_nobody_is_told_of_typing_in_a_large_room() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    room = live_room(server)
    for number in range(TOLD_UP_TO - 2):
        room.presence.arrive(f"user{number}", f"User{number}")
    drain([alice, bob])
    server.hub.types(room, "alice", "Alice", is_typing=True)
    assert len(bob.take("typing")) == 1
    room.presence.arrive("one", "One")
    server.hub.types(room, "alice", "Alice", is_typing=True)
    assert bob.take("typing") == []


def test_who_has_been_slow_is_told_who_is_here_once_it_has_seen_all() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, slow = v1(server, "Alice", "lobby"), v1(server, "Slow", "lobby")
    slow.socket.window = 0
    for number in range(200):
        alice.send("message", room="lobby", content=f"{number}" + "x" * 1_000)
    server.run()
    slow.socket.read_more(None)
    kinds = [frame["type"] for frame in slow.take()]
    assert kinds == ["message"] * 200 + ["presence"]
    assert not listener(slow).snapshot_due


# Faults of ours.


def spoiled(one: Entry) -> Entry:
    """The same entry as no client can be told it: half of a surrogate pair is no text."""
    return msgspec.structs.replace(one, content="\ud800")


def come_back(server: MemoryServer, name: str, seen: list[Frame], *, epoch: str) -> V1:
    """Connects again and resumes the lobby after what was seen of it."""
    client = V1(server)
    assert client.hello(name, key=key_of(name))["type"] == "welcome"
    last = seen[-1]
    since = {"seq": last["seq"], "id": last["id"]}
    joined = client.join("lobby", since=since, epoch=epoch)
    assert joined["recovered"] == "complete"
    seen += client.take("message")
    return client


def test_an_entry_that_cannot_be_shown_ends_its_room_and_who_comes_back_has_missed_nothing() -> (
    None
):
    server = MemoryServer(settings=UNLIMITED)
    people = {name: v1(server, name, "lobby", key=key_of(name)) for name in ("Alice", "Bob")}
    old, dan = plain(server, "Old"), v1(server, "Dan", "attic")
    people["Alice"].say("one")
    seen = {name: client.take("message") for name, client in people.items()}
    drain([old, dan])
    # Two are stored; what is told of the second is spoiled on the way.
    batch = [entry("lobby", 2, "two"), entry("lobby", 3, "three"), entry("lobby", 4, "four")]
    attic = entry("attic", 1, "elsewhere")
    for one in (*batch, attic):
        server.store.add(one)
    with capture_logs() as logs:
        server.hub.committed(Commit([], [batch[0], spoiled(batch[1]), batch[2], attic]))
        server.run()
    (log,) = logs
    assert (log["event"], log["log_level"], log["room"]) == ("a room failed", "error", "lobby")
    assert isinstance(log["exc_info"], UnicodeEncodeError)
    assert log["exc_info"].__traceback__ is not None
    for client in (*people.values(), old):
        assert client.socket.close_code == 1011
    assert dan.socket.is_open
    assert dan.contents() == ["elsewhere"]
    for name, client in people.items():
        seen[name] += client.arrived("message")
        people[name] = come_back(server, name, seen[name], epoch=live_room(server).epoch)
    people["Alice"].say("five", id="m5")
    for name, client in people.items():
        seen[name] += client.take("message")
        assert [frame["seq"] for frame in seen[name]] == [1, 2, 3, 4, 5]
        assert [frame["content"] for frame in seen[name]] == ["one", "two", "three", "four", "five"]
    for client in (*people.values(), dan):
        client.quit()
    assert_nothing_is_left(server)


def test_the_author_of_what_cannot_be_shown_asks_again_and_it_was_stored_once() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob = v1(server, "Alice", "lobby", key=key_of("Alice")), v1(server, "Bob", "lobby")
    committed = server.hub.committed

    class Spoiling:
        """Stands between the log and the hub, and spoils what it tells."""

        def addressed(self, entry: Entry) -> None:
            server.hub.addressed(entry)

        def committed(self, commit: Commit) -> None:
            committed(Commit(commit.outcomes, [spoiled(one) for one in commit.entries]))

        def log_failed(self, reason: str) -> None:
            server.hub.log_failed(reason)

    server.log.observe(Spoiling())
    alice.send("message", room="lobby", content="hello", id="m")
    server.run()
    for one in (alice, bob):
        assert one.socket.close_code == 1011
        assert one.arrived("ack", "message") == []
    server.log.observe(server.hub)
    alice = v1(server, "Alice", key=key_of("Alice"))
    alice.join("lobby", limit=10)
    assert alice.contents() == ["hello"]
    assert alice.say("hello", id="m")["seq"] == 1
    assert alice.contents() == []
    done: list[str] = []
    server.hub.stop(lambda: done.append("done"))
    assert done, "nothing is waited for"


def test_a_private_entry_that_cannot_be_shown_ends_its_two_and_no_other() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob, cid = (v1(server, name, key=key_of(name)) for name in ("Alice", "Bob", "Cid"))
    room = alice.tell("Bob", "one")["room"]
    bob.quit()
    bob = v1(server, "Bob", key=key_of("Bob"))
    private = msgspec.structs.replace(server.store.rooms[room][0], seq=2, prev=1, id="e2")
    server.store.add(private)
    server.hub.committed(Commit([], [spoiled(private)]))
    server.run()
    assert [one.socket.close_code for one in (alice, bob, cid)] == [1011, 1011, None]


# Under load.


def test_what_is_gathered_under_load_is_shown_to_those_who_come_and_go_meanwhile() -> None:
    clock = BusyClock(0.001)
    server = MemoryServer(settings=HubSettings(rate=0.0, heartbeat=10_000.0), clock=clock)
    fill(server, "lobby", 10)
    alice, bob, cid = (v1(server, name, "lobby") for name in ("Alice", "Bob", "Cid"))
    for number in range(SHARED_BY):
        v1(server, f"member{number}", "lobby")
    server.advance(0.1)
    drain([alice, bob, cid])
    alice.say("one", id="m1")
    clock.seconds = 0.0
    alice.send("message", room="lobby", content="two", id="m2")
    server.run()
    room = live_room(server)
    assert (room.shown, room.sent) == (12, 11), "the second is gathered"
    # One reads history, one comes, one leaves, one is slow; each sees it once.
    assert bob.ask("history", room="lobby", limit=1)["entries"][0]["content"] == "two"
    cid.connection.paused()
    dan = v1(server, "Dan", "lobby")
    cid.connection.resumed()
    alice.send("message", room="lobby", content="three", id="m3")
    server.advance(0.05)
    assert bob.contents() == ["one", "two", "three"]
    assert alice.contents() == ["one", "two", "three"]
    assert cid.contents() == ["one", "two", "three"]
    assert dan.contents() == ["three"]


# The end.


def test_stopping_stores_and_answers_what_was_taken_and_takes_no_more() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob, old = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby"), plain(server, "Old")
    drain([alice, bob, old])
    for number in range(5):
        alice.send("message", room="lobby", content=f"{number}", id=f"m{number}")
    server.step()
    done: list[str] = []
    alice.send("message", room="lobby", content="too late", id="late")
    server.hub.stop(lambda: done.append("done"))
    assert done == []
    server.run()
    assert done == ["done"]
    assert [frame["id"] for frame in alice.arrived("ack")] == [f"m{n}" for n in range(5)]
    for one in (alice, bob, old):
        assert [frame["content"] for frame in one.arrived("message")] == [f"{n}" for n in range(5)]
        assert one.socket.close_code == 1001
    assert [one.content for one in server.store.rooms["lobby"]] == [f"{n}" for n in range(5)]
    assert_nothing_is_left(server)
    assert done == ["done"]


def test_stopping_with_nothing_under_way_is_done_at_once() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    done: list[str] = []
    server.hub.stop(lambda: done.append("done"))
    assert done == ["done"]
    assert alice.socket.close_code == 1001


def test_a_stop_writes_what_was_gathered() -> None:
    clock = BusyClock(0.001)
    server = MemoryServer(settings=HubSettings(rate=0.0, heartbeat=10_000.0), clock=clock)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    for number in range(SHARED_BY):
        v1(server, f"member{number}", "lobby")
    server.advance(0.1)
    drain([alice, bob])
    alice.say("one")
    clock.seconds = 0.0
    alice.send("message", room="lobby", content="two", id="m2")
    server.run()
    assert [frame["content"] for frame in bob.arrived("message")] == ["one"]
    server.hub.stop(lambda: None)
    assert [frame["content"] for frame in bob.arrived("message")] == ["two"]
    assert alice.answer("m2")["type"] == "ack"


def test_who_connects_while_the_server_stops_is_sent_away() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    alice.send("message", room="lobby", content="hello")
    server.step()
    server.hub.stop(lambda: None)
    for late in (V1(server), Plain(server)):
        assert late.socket.close_code == 1001
        assert late.take() == []
    server.run()
    assert_nothing_is_left(server)


def test_after_the_stop_nothing_is_handed_to_the_log_any_more() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice")
    v1(server, "Bob")
    room = alice.tell("Bob", "before")["room"]
    alice.send("private", to="Bob", content="who Bob is, is being looked up", id="p")
    server.step()
    done: list[str] = []
    server.hub.stop(lambda: done.append("done"))
    server.run()
    assert done == ["done"]
    assert [one.content for one in server.store.rooms[room]] == ["before"]
    assert not server.hub._in_flight


def test_a_log_that_fails_while_the_server_stops_is_not_waited_for() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    drain([alice])
    alice.send("message", room="lobby", content="hello", id="m")
    server.step()
    done: list[str] = []
    server.hub.stop(lambda: done.append("done"))
    server.log.fail("no space left", stored=False)
    server.run()
    assert (done, server.failures) == (["done"], ["no space left"])
    assert alice.socket.close_code == 1011
    assert alice.arrived() == []


def test_a_log_that_fails_ends_everything_and_nothing_is_answered() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    drain([alice, bob])
    alice.send("message", room="lobby", content="hello", id="m")
    server.step()
    server.log.fail("no space left", stored=True)
    server.run()
    assert server.failures == ["no space left"]
    for one in (alice, bob):
        assert one.socket.close_code == 1011
        assert one.arrived() == []
    # Whether it was stored nobody knows; its author asks again.
    again = MemoryServer(server.die())
    alice = v1(again, "Alice", "lobby")
    assert alice.say("hello", id="m")["type"] == "ack"


@pytest.mark.parametrize("stored", [True, False])
def test_a_retry_after_a_failed_commit_is_stored_once(stored: bool) -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    alice.say("before", id="m0")
    alice.send("message", room="lobby", content="hello", id="m")
    server.step()
    server.log.fail("no space left", stored=stored)
    server.run()
    again = MemoryServer(server.die())
    alice = v1(again, "Alice", "lobby", key=key_of("Alice"))
    assert alice.say("hello", id="m")["seq"] == 2
    assert [one.id for one in again.store.rooms["lobby"]] == ["m0", "m"]


# All together.


def test_a_crowd_that_talks_sees_the_same() -> None:
    server = MemoryServer(settings=UNLIMITED)
    people: list[Client] = [v1(server, f"User{number}", "lobby") for number in range(10)]
    people += [plain(server, f"Old{number}") for number in range(10)]
    drain(people)
    chance = Random(3)
    for turn in range(50):
        for one in people:
            if chance.random() < 0.3:
                fields: dict[str, Any] = {"room": "lobby", "content": f"{turn} of {id(one)}"}
                one.send("message", **fields)
        for _ in range(chance.randrange(30)):
            server.step()
    shown = [
        [frame["content"] for frame in one.take("message") if frame["username"] != "System"]
        for one in people
    ]
    log = [one.content for one in server.store.rooms["lobby"]]
    assert len(log) > 200
    assert all(one == log for one in shown)
