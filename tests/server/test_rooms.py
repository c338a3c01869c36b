"""Rooms: how one begins and ends to listen, and that nothing stays when everybody has gone."""

import random
from typing import Any

import pytest
from msgspec.structs import replace
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

from causerie.adapters.memory import RECENT
from causerie.chat.presence import SHORTEST_INTERVAL
from causerie.chat.typing import FORGOTTEN_AFTER
from causerie.ports import Commit, Failed
from causerie.server.live_room import LiveRoom
from causerie.server.rooms import CONTENT_COST, FRAMING_COST, Start
from causerie.server.settings import HubSettings
from causerie.server.timers import Timer
from causerie.testing.memory_server import MemoryServer
from causerie.wire.commands import Cursor


def calls(server: MemoryServer, name: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Returns the arguments with which a method of the log is called from now on."""
    record: list[Any] = []
    method = getattr(server.log, name)

    def recording(*arguments: Any, **named: Any) -> None:
        record.append((*arguments, named))
        method(*arguments, **named)

    monkeypatch.setattr(server.log, name, recording)
    return record


# Opening and closing.


def test_a_room_is_opened_once_for_all_who_ask_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer()
    watched = calls(server, "watch", monkeypatch)
    used: list[LiveRoom | Failed] = []
    for _ in range(3):
        server.hub.rooms.with_room("lobby", used.append)
    assert used == [], "never from within the call"
    server.run()
    assert len(watched) == 1
    assert isinstance(used[0], LiveRoom)
    assert used == [used[0]] * 3
    assert len(server.hub.rooms) == 0, "nobody needs it any longer"
    assert not server.log._watches


def test_a_room_that_is_open_is_used_at_once() -> None:
    server = MemoryServer()
    v1(server, "Alice", "lobby")
    used: list[LiveRoom | Failed] = []
    server.hub.rooms.with_room("lobby", used.append)
    assert used == [live_room(server)]


def test_a_room_that_cannot_be_opened_is_told_to_all_who_ask_and_can_be_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer()
    used: list[LiveRoom | Failed] = []
    watch = server.log.watch

    def failing(room: str, done: Any) -> None:
        server.later(lambda: done(Failed("the disk is gone")))

    monkeypatch.setattr(server.log, "watch", failing)
    for _ in range(2):
        server.hub.rooms.with_room("lobby", used.append)
    server.run()
    assert used == [Failed("the disk is gone")] * 2
    monkeypatch.setattr(server.log, "watch", watch)
    alice = v1(server, "Alice", "lobby")
    assert alice.say("hello")["seq"] == 1


def test_a_room_stays_open_for_an_operation_and_closes_after_it() -> None:
    server = MemoryServer()
    fill(server, "lobby", 3)
    alice = v1(server, "Alice")
    page = alice.ask("history", room="lobby")
    assert len(page["entries"]) == 3
    assert len(server.hub.rooms) == 0


def test_a_room_stays_open_until_the_message_of_one_who_has_left_is_stored() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    alice.send("message", room="lobby", content="last words")
    alice.send("leave", room="lobby")
    server.step()
    assert server.hub.rooms.get("lobby") is not None
    server.run()
    assert server.hub.rooms.get("lobby") is None
    assert [one.content for one in server.store.rooms["lobby"]] == ["last words"]


def test_a_room_stays_open_for_those_in_their_grace() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby")
    alice.cut()
    server.advance(14.9)
    assert len(server.hub.rooms) == 1
    server.advance(0.2)
    assert len(server.hub.rooms) == 0


@pytest.mark.slow
def test_after_a_thousand_joins_leaves_and_cuts_nothing_is_left() -> None:
    server = MemoryServer(settings=UNLIMITED)
    fill(server, "lobby", 120)
    chance = random.Random(1)
    here: list[Client] = []
    for number in range(1_000):
        client: Client
        if number % 3:
            client = V1(server)
            key = key_of(f"User{number % 50}") if chance.random() < 0.5 else None
            client.hello(f"User{number % 50}", key=key)
            client.join(chance.choice(["lobby", "kitchen", f"room{number % 7}"]))
            client.send("typing", room="lobby", isTyping=True)
            client.tell(f"User{chance.randrange(50)}", "psst")
        else:
            client = Plain(server)
            client.say("hello")
            client.join(f"Plain{number % 20}", room="kitchen")
        here.append(client)
        if chance.random() < 0.5:
            client.send("join", room="lobby", since={"seq": 0, "id": ""}, epoch="epoch-1")
            for _ in range(chance.randrange(20)):
                server.step()
        while len(here) > 20:
            gone = here.pop(chance.randrange(len(here)))
            if chance.random() < 0.3:
                gone.send("leave", room="lobby")
            gone.socket.hang_up(chance.choice([None, 1000, 1001]))
        if chance.random() < 0.1:
            server.advance(chance.choice([0.3, 5.0, 20.0]))
    for client in here:
        client.socket.hang_up(None)
    assert_nothing_is_left(server)


# Where a listener begins.


def located(server: MemoryServer, **how: Any) -> Start | Failed:
    """Returns where somebody begins in the lobby, which is open."""
    answers: list[Start | Failed] = []
    how = {"since": None, "epoch": None, "limit": None} | how
    server.hub.rooms.locate(live_room(server), done=answers.append, **how)
    server.run()
    assert len(answers) == 1
    return answers[0]


def lobby_of(entries: int) -> MemoryServer:
    server = MemoryServer(settings=UNLIMITED)
    fill(server, "lobby", entries)
    v1(server, "Alice", "lobby")
    return server


def test_who_asks_for_nothing_begins_at_the_head() -> None:
    server = lobby_of(250)
    assert located(server) == Start(None, 250)
    assert located(server, limit=0) == Start(None, 250)


def test_who_asks_for_the_newest_begins_so_many_before_the_head() -> None:
    server = lobby_of(250)
    assert located(server, limit=10) == Start(None, 240)
    assert located(server, limit=1_000) == Start(None, 0)


@pytest.mark.parametrize("seq", [250, 249, 250 - RECENT + 1])
def test_a_cursor_that_is_among_the_newest_is_vouched_for_without_the_log(
    seq: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = lobby_of(250)
    asked = calls(server, "locate", monkeypatch)
    start = located(server, since=Cursor(seq, f"e{seq}"), epoch="epoch-1")
    assert isinstance(start, Start)
    assert start.located is not None
    assert (start.cursor, start.located.recovered, asked) == (seq, "complete", [])


@pytest.mark.parametrize(
    ("how", "cursor", "recovered", "missing"),
    [
        ({"since": Cursor(5, "e5"), "epoch": "epoch-1"}, 5, "complete", 0),
        ({"since": Cursor(0, ""), "epoch": "epoch-1"}, 0, "complete", 0),
        ({"since": Cursor(5, "e5"), "epoch": "epoch-1", "limit": 245}, 5, "complete", 0),
        ({"since": Cursor(5, "e5"), "epoch": "epoch-1", "limit": 244}, 6, "partial", 1),
        ({"since": Cursor(249, "e249"), "epoch": "epoch-1", "limit": 0}, 250, "partial", 1),
        # Who has not been told the epoch yet.
        ({"since": Cursor(5, "e5")}, 5, "complete", 0),
        ({"since": Cursor(250, "e250")}, 250, "complete", 0),
        # Not there: the newest page, and nothing is made up.
        ({"since": Cursor(5, "e5"), "epoch": "epoch-0"}, 150, "none", 0),
        ({"since": Cursor(6, "e5")}, 150, "none", 0),
        ({"since": Cursor(250, "e5"), "epoch": "epoch-1"}, 150, "none", 0),
        ({"since": Cursor(249, "e5"), "epoch": "epoch-1"}, 150, "none", 0),
        ({"since": Cursor(250, "x"), "epoch": "epoch-1"}, 150, "none", 0),
        ({"since": Cursor(900, "x"), "epoch": "epoch-1"}, 150, "none", 0),
        ({"since": Cursor(0, ""), "epoch": "epoch-0"}, 150, "none", 0),
        ({"since": Cursor(5, "x"), "epoch": "epoch-1", "limit": 20}, 230, "none", 0),
    ],
)
def test_a_cursor_is_followed_where_the_log_knows_it(
    how: dict[str, Any], cursor: int, recovered: str, missing: int
) -> None:
    start = located(lobby_of(250), **how)
    assert isinstance(start, Start)
    assert start.located is not None
    assert start.cursor == cursor
    assert (start.located.recovered, start.located.missing) == (recovered, missing)


@pytest.mark.parametrize(
    "how",
    [
        {"limit": 10},
        {"since": Cursor(5, "e5"), "epoch": "epoch-1"},
        {"since": Cursor(5, "e5"), "epoch": "epoch-1", "limit": 10},
    ],
)
def test_a_place_that_cannot_be_looked_up_is_not_guessed(how: dict[str, Any]) -> None:
    server = lobby_of(250)
    server.log.fail_reads("the disk is gone")
    assert located(server, **how) == Failed("the disk is gone")
    assert live_room(server).pins == 0


def test_a_page_that_cannot_be_found_after_the_place_was_lost_is_not_guessed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = lobby_of(250)
    locate = server.log.locate

    def once(*arguments: Any, **named: Any) -> None:
        locate(*arguments, **named)
        server.later(lambda: server.log.fail_reads("the disk is gone"))

    monkeypatch.setattr(server.log, "locate", once)
    assert located(server, since=Cursor(5, "x"), epoch="epoch-1") == Failed("the disk is gone")
    assert live_room(server).pins == 0


def test_a_time_is_found_up_to_so_many_entries_back() -> None:
    server = lobby_of(250)
    room, answers = live_room(server), list[Start | Failed]()
    for timestamp in (1_700_000_000_000_240, 0, 2_000_000_000_000_000):
        server.hub.rooms.locate_time(room, timestamp, answers.append)
    server.run()
    assert answers == [Start(None, 240), Start(None, 150), Start(None, 250)]
    server.log.fail_reads("the disk is gone")
    server.hub.rooms.locate_time(room, 0, answers.append)
    server.run()
    assert answers[3:] == [Failed("the disk is gone")]
    assert room.pins == 0


def test_a_cursor_of_what_is_stored_and_not_shown_yet_is_given_it_again_once_it_is() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby")
    # Its author may guess the place of an entry before anybody has been shown it.
    alice.send("message", room="lobby", content="hello", id="m1")
    alice.send("join", room="lobby", id="j1", since={"seq": 1, "id": "m1"}, epoch="epoch-1")
    joined = alice.answer("j1")
    assert joined["head"]["seq"] in {0, 1}
    seqs = [frame["seq"] for frame in alice.take("message")]
    assert seqs in ([], [1])
    assert (joined["head"]["seq"] == 0) == (seqs == [1])
    assert listener(alice).live


# Who may.


def test_one_connection_is_in_so_many_rooms_and_may_join_those_again() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, rooms=2))
    alice, bob = v1(server, "Alice", "one", "two"), v1(server, "Bob")
    assert alice.join("three")["code"] == "too_many_rooms"
    assert alice.join("two")["type"] == "joined"
    # Conversations come unasked, and do not count.
    room = bob.tell("Alice", "psst")["room"]
    alice.ask("leave", room="one")
    assert alice.join("three")["type"] == "joined"
    assert alice.join(room)["type"] == "joined"
    assert alice.connection.joined == 2
    assert alice.join("four")["code"] == "too_many_rooms"


def test_a_conversation_is_read_by_its_two_alone() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice, bob, eve = (v1(server, name, key=key_of(name)) for name in ("Alice", "Bob", "Eve"))
    stranger = Plain(server)
    room = alice.tell("Bob", "psst")["room"]
    for one in (alice, bob):
        assert one.ask("history", room=room)["type"] == "history"
        joined = one.join(room)
        assert (joined["type"], joined["members"], joined["names"]) == ("joined", 2, [])
        # Leaving it is for the moment: the next message brings it back.
        assert one.ask("leave", room=room)["type"] == "left"
        assert one.join(room)["type"] == "joined"
        assert one.connection.joined == 0
    for command in ("history", "join"):
        forbidden = eve.ask(command, room=room)
        assert forbidden["code"] == "forbidden"
        # What does not exist is refused in the same words.
        assert eve.ask(command, room="~nothing") | {"id": ""} == forbidden | {"id": ""}
    stranger.take()
    stranger.say("let me in", room=room)
    stranger.send("join", username="Eva", room=room)
    assert stranger.words()[-1] == "You may not do this."


# Listening.


def test_who_listens_already_goes_on_from_the_new_place_and_counts_once() -> None:
    server = lobby_of(5)
    bob = v1(server, "Bob", "lobby")
    assert bob.join(since={"seq": 2, "id": "e2"}, epoch="epoch-1")["members"] == 2
    assert bob.contents() == ["3", "4", "5"]
    assert bob.connection.joined == 1
    assert len(live_room(server).listeners) == 2
    assert bob.ask("leave", room="lobby")["type"] == "left"
    assert (bob.connection.joined, len(live_room(server).presence)) == (0, 1)


def test_strangers_who_come_to_say_something_and_go_cost_little_and_nothing_is_missed() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, rooms=3))
    alice = v1(server, "Alice", "lobby", "attic")
    friend = v1(server, "Friend")
    room = friend.tell("Alice", "hello")["room"]
    assert live_room(server, room) in alice.connection.listeners
    for number in range(10):
        stranger = v1(server, "Stranger")
        stranger.tell("Alice", str(number))
        stranger.quit()
    assert len(alice.connection.listeners) == 2 + 3
    assert len(server.hub.rooms) == 2 + 3 + 1, "and the friend still listens"
    friend.tell("Alice", "are you there?")
    assert alice.contents() == ["hello", *map(str, range(10)), "are you there?"]
    alice.quit()
    friend.quit()
    assert_nothing_is_left(server)


def test_a_conversation_of_which_something_is_still_to_be_given_is_not_let_go_of() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, rooms=1))
    alice, bob = v1(server, "Alice"), v1(server, "Bob")
    carol, dan = v1(server, "Carol"), v1(server, "Dan")
    carol.tell("Alice", "one")
    bob.tell("Alice", "two")
    assert len(alice.connection.listeners) == 1
    # In one commit: Bob's is gathered and not handed out when Carol's conversation begins.
    for friend, content in ((bob, "three"), (carol, "four")):
        friend.send("private", to="Alice", content=content)
    assert sorted(alice.contents()) == ["four", "one", "three", "two"]
    alice.socket.window = 0
    for friend, content in ((bob, "five"), (bob, "six"), (carol, "seven"), (dan, "eight")):
        friend.tell("Alice", content)
    alice.socket.read_more(None)
    assert sorted(alice.contents()) == ["eight", "five", "seven", "six"]
    dan.tell("Alice", "nine")
    v1(server, "Eve").tell("Alice", "ten")
    assert len(alice.connection.listeners) == 1, "and when all is given, they are"


def test_what_comes_in_one_stroke_with_that_for_which_its_conversation_is_let_go_of_is_shown() -> (
    None
):
    """As in a cluster, where an author on another node keeps no room of this one open."""
    server = MemoryServer(settings=HubSettings(rate=0.0, rooms=1))
    alice, bob, carol = v1(server, "Alice"), v1(server, "Bob"), v1(server, "Carol")
    carols, bobs = (friend.tell("Alice", "hello")["room"] for friend in (carol, bob))
    bob.quit()
    assert list(alice.connection.listeners) == [live_room(server, bobs)]
    alice.take()
    entries = []
    for room, content in ((carols, "one"), (bobs, "two"), (bobs, "three")):
        last = server.store.rooms[room][-1]
        entries.append(replace(last, seq=last.seq + 1, prev=last.seq, id=content, content=content))
        server.store.add(entries[-1])
    server.hub.committed(Commit([], entries))
    assert sorted(alice.contents()) == ["one", "three", "two"]
    carol.tell("Alice", "four")
    assert alice.contents() == ["four"]


def test_who_reads_nothing_is_behind_in_so_many_conversations_and_then_cut() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, rooms=2))
    alice, slow = (v1(server, "Alice", key=key_of("Alice")) for _ in range(2))
    slow.socket.window = 0
    for number in range(20):
        assert not slow.socket.aborted
        stranger = v1(server, "Stranger")
        assert stranger.tell("Alice", str(number))["type"] == "ack"
        stranger.quit()
    assert len(slow.connection.listeners) == 20
    stranger = v1(server, "Stranger")
    assert stranger.tell("Alice", "20")["type"] == "ack"
    assert slow.socket.aborted
    stranger.quit()
    assert alice.contents() == [str(number) for number in range(21)]
    alice.quit()
    server.advance(15.0)
    assert_nothing_is_left(server)


def test_leaving_a_room_that_one_is_not_in_changes_nothing() -> None:
    server = lobby_of(0)
    bob = v1(server, "Bob", "kitchen")
    server.hub.rooms.leave(bob.connection, live_room(server), goodbye=True)
    assert bob.connection.joined == 1


def test_a_goodbye_is_announced_at_once_and_a_cut_after_the_grace() -> None:
    server = MemoryServer()
    alice, bob, cid = (v1(server, name, "lobby") for name in ("Alice", "Bob", "Cid"))
    server.advance(1.0)
    alice.take()
    bob.quit()
    assert alice.only("presence")["left"] == ["Bob"]
    cid.cut()
    server.advance(14.9)
    assert alice.take("presence") == []
    server.advance(0.2)
    assert alice.only("presence")["left"] == ["Cid"]


def test_who_comes_back_within_the_grace_is_not_announced() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby", key=key_of("Bob"))
    server.advance(1.0)
    alice.take()
    bob.cut()
    server.advance(10.0)
    v1(server, "Bob", "lobby", key=key_of("Bob"))
    server.advance(60.0)
    assert alice.take("presence") == []


def test_who_leaves_while_typing_is_told_to_have_stopped() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    bob.send("typing", room="lobby", isTyping=True)
    assert alice.only("typing")["isTyping"] is True
    bob.cut()
    assert alice.only("typing")["isTyping"] is False


def test_who_falls_silent_while_typing_is_told_to_have_stopped_in_time() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    server.advance(1.0)
    bob.send("typing", room="lobby", isTyping=True)
    assert alice.only("typing")["isTyping"] is True
    server.advance(FORGOTTEN_AFTER - 0.01)
    assert alice.take("typing") == []
    server.advance(0.02)
    assert alice.only("typing")["isTyping"] is False


def test_a_member_only_leaves_the_rooms_where_it_has_gone_from_its_session() -> None:
    server = MemoryServer()
    one = v1(server, "Alice", "lobby", "kitchen", key=key_of("Alice"))
    other = v1(server, "Alice", "lobby", key=key_of("Alice"))
    session = one.connection.session
    assert session is not None
    one.cut()
    server.advance(20.0)
    assert server.hub.rooms.get("kitchen") is None
    # A rename finds nothing to do in a room that is closed.
    assert other.hello("Alicia", key=key_of("Alice"))["type"] == "welcome"
    assert server.hub.rooms.get("kitchen") is None
    other.join("attic")
    assert [room.name for room in session.rooms] == ["lobby", "attic"]


def test_who_has_no_name_listens_and_leaves_without_being_a_member() -> None:
    server = MemoryServer()
    alice, stranger = v1(server, "Alice", "lobby"), Plain(server)
    stranger.say("hello")
    assert alice.contents() == ["hello"]
    assert len(live_room(server).listeners) == 2
    stranger.send("leave")
    assert alice.take() == []
    assert len(live_room(server).listeners) == 1
    assert stranger.connection.joined == 0


def test_who_has_no_name_is_no_member() -> None:
    server = MemoryServer()
    v1(server, "Alice", "lobby")
    with pytest.raises(AssertionError):
        server.hub.rooms.become_member(V1(server).connection, live_room(server))


# What is due.


def timer_of(server: MemoryServer) -> Timer | None:
    return live_room(server).timer


def test_a_room_asks_for_the_nearest_time_at_which_something_is_due() -> None:
    server = MemoryServer()
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    server.advance(10.0)
    assert timer_of(server) is None
    bob.send("typing", room="lobby", isTyping=True)
    server.run()
    timer = timer_of(server)
    assert timer is not None
    assert timer.when == 10.0 + FORGOTTEN_AFTER
    bob.quit()
    v1(server, "Cid", "lobby").cut()
    timer = timer_of(server)
    assert timer is not None
    assert timer.when == pytest.approx(10.0 + SHORTEST_INTERVAL)
    server.advance(0.1)
    v1(server, "Dan", "lobby")
    assert timer_of(server) is timer, "it comes early enough"
    drain([alice])
    server.advance(1.0)
    assert alice.only("presence")["joined"] == ["Cid", "Dan"]


# The ring.


def ring_of(entries: int) -> HubSettings:
    """Settings under which so many entries of ten characters fit into the ring."""
    return HubSettings(rate=0.0, ring=entries * (FRAMING_COST + 12 * CONTENT_COST))


def test_all_rings_together_keep_to_one_bound_and_the_oldest_goes_first() -> None:
    server = MemoryServer(settings=ring_of(6))
    alice = v1(server, "Alice", "lobby", "kitchen")
    lobby, kitchen = live_room(server, "lobby"), live_room(server, "kitchen")
    for number in range(4):
        alice.say(f"lobby {number:4}", room="lobby")
        alice.say(f"kitchn{number:4}", room="kitchen")
    assert (lobby.remembered, kitchen.remembered) == (3, 3)
    assert lobby.recent(1) is None
    for number in range(5):
        alice.say(f"kitchn{number:4}", room="kitchen")
    assert (lobby.remembered, kitchen.remembered) == (0, 6)
    bob = v1(server, "Bob")
    bob.join(since={"seq": 0, "id": ""}, epoch="epoch-1")
    assert len(bob.contents()) == 4, "what the ring has lost the log has"


def test_an_entry_that_is_larger_than_the_ring_is_not_kept_and_still_told() -> None:
    server = MemoryServer(settings=ring_of(1))
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob", "lobby")
    alice.say("x" * 4_000)
    assert live_room(server).remembered == 0
    assert bob.contents() == ["x" * 4_000]


def test_a_room_that_is_opened_again_and_again_pushes_nothing_out() -> None:
    server = MemoryServer(settings=ring_of(400))
    fill(server, "kitchen", 100)
    alice, bob = v1(server, "Alice", "lobby"), v1(server, "Bob")
    for number in range(100):
        alice.say(f"lobby {number:4}")
    for _ in range(50):
        bob.join("kitchen")
        bob.ask("leave", room="kitchen")
    assert live_room(server).remembered == 100
    rooms = server.hub.rooms
    assert rooms._ring_closed == sum(not rooms._is_open(room) for room, _, _ in rooms._ring)
    assert len(rooms._ring) <= 200


def test_closed_rooms_leave_the_ring_in_their_turn() -> None:
    server = MemoryServer(settings=ring_of(20))
    alice, bob = v1(server, "Alice", "lobby"), plain(server, "Bob", "kitchen")
    bob.say("kitchn 123", room="kitchen")
    for number in range(10):
        alice.say(f"lobby {number:4}")
    bob.quit()
    assert server.hub.rooms._ring_closed == 1
    for number in range(20):
        alice.say(f"lobby {number:4}")
    assert server.hub.rooms._ring_closed == 0
    assert live_room(server).remembered == 20


def test_when_all_rooms_are_closed_the_ring_is_empty() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby", "kitchen")
    alice.say("hello")
    alice.say("hello", room="kitchen")
    alice.quit()
    rooms = server.hub.rooms
    assert (len(rooms._ring), rooms._ring_bytes, rooms._ring_closed) == (0, 0, 0)
