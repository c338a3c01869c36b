"""Live rooms: who is live gets each entry once and in order, and who is not is told where to go on.

The invariant behind it: the set of live listeners changes only while nothing is gathered.
"""

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.server.support import UNLIMITED, V1, Plain, drain, entry, fill, live_room, v1

from causerie.ports import Head
from causerie.server.connection import Connection
from causerie.server.deflate import deflate_frame
from causerie.server.frames import FramedEntry, Variant
from causerie.server.live_room import RUN_BYTES, Listener, LiveRoom
from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer

Pushed = list[tuple[Connection, bytes]]


def empty_room() -> LiveRoom:
    return LiveRoom("lobby", Head(epoch="e", seq=0, id="", timestamp=0), grace=15.0)


def framed(seq: int, content: str = "hello") -> FramedEntry:
    return FramedEntry(entry("lobby", seq, content))


def publish(room: LiveRoom, *entries: FramedEntry) -> None:
    for one in entries:
        room.remember(one)
        room.publish(one)


def connection(*, v1: bool = True) -> Connection:
    server = MemoryServer()
    return (V1(server) if v1 else Plain(server)).connection


def listen(room: LiveRoom, connection: Connection, cursor: int = 0) -> Listener:
    """Lets a connection listen, behind."""
    listener = Listener(connection, room, cursor, replay_upto=room.shown)
    room.admit(listener)
    return listener


@pytest.fixture
def pushed() -> Pushed:
    return []


def pusher(pushed: Pushed) -> Any:
    return lambda connection, frames: pushed.append((connection, frames))


# The shown head.


def test_a_room_begins_where_its_log_ends() -> None:
    head = Head(epoch="e2", seq=7, id="m7", timestamp=1, members=("a", "b"))
    room = LiveRoom("~x", head, grace=15.0)
    assert (room.epoch, room.shown, room.sent, room.head_id) == ("e2", 7, 7, "m7")
    assert room.members == ("a", "b")


def test_what_is_published_is_shown_at_once_and_given_once_a_turn(pushed: Pushed) -> None:
    room = empty_room()
    alice = listen(room, connection())
    room.go_live(alice, pusher(pushed))
    one, two = framed(1), framed(2)
    publish(room, one, two)
    assert (room.shown, room.head_id, room.sent) == (2, "e2", 0)
    assert pushed == []
    room.distribute(pusher(pushed))
    assert pushed == [(alice.connection, one.frame(Variant.V1) + two.frame(Variant.V1))]
    assert room.sent == 2
    room.distribute(pusher(pushed))
    assert len(pushed) == 1, "nothing is given twice"


def test_each_variant_is_given_its_own_frames(pushed: Pushed) -> None:
    room = empty_room()
    listeners = [listen(room, connection()), listen(room, connection(v1=False))]
    for listener in listeners:
        room.go_live(listener, pusher(pushed))
    publish(room, framed(1))
    room.distribute(pusher(pushed))
    assert pushed == [
        (listeners[0].connection, framed(1).frame(Variant.V1)),
        (listeners[1].connection, framed(1).frame(Variant.PLAIN_MILLISECONDS)),
    ]


def talk(server: MemoryServer, speaker: V1) -> list[str]:
    """Has somebody say things of all lengths."""
    said = [f"{n}: " + "and so on " * n for n in range(0, 300, 7)]
    for content in said:
        speaker.send("message", room="lobby", content=content)
    server.run()
    return said


def test_those_who_agreed_on_compression_get_the_same_entries_in_the_same_order() -> None:
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby")
    packed, behind = (V1(server, compression=True) for _ in range(2))
    for client, name in ((packed, "Bob"), (behind, "Carol")):
        client.hello(name)
        client.join()
    drain([alice, packed, behind])
    behind.socket.window = 0
    said = talk(server, alice)
    writes = packed.socket.writes
    shown = alice.take("message")
    assert [entry["content"] for entry in shown] == said
    assert packed.take("message") == shown
    assert writes < len(said), "what is compressed is written together as well"
    assert behind.take("message") == []
    behind.socket.read_more(None)
    assert behind.take("message") == shown
    late = V1(server, compression=True)
    late.hello("Dora")
    joined = late.join(limit=1000)
    assert late.take("message") == [{**entry, "replay": True} for entry in shown]
    page = late.ask("history", room="lobby", limit=100)
    assert page["entries"] == alice.ask("history", room="lobby", limit=100)["entries"]
    assert joined["head"]["seq"] == shown[-1]["seq"]


def test_entries_pages_and_long_lists_of_names_take_less_for_who_agreed_on_compression() -> None:
    server = MemoryServer(settings=UNLIMITED)
    crowd = [v1(server, f"Somebody{n}", "lobby") for n in range(150)]
    taken: list[int] = []
    for compression in (False, True):
        client = V1(server, compression=compression)
        client.hello("Zoe")
        before = client.socket.received
        client.join()
        talk(server, crowd[0])
        client.ask("history", room="lobby")
        taken.append(client.socket.received - before)
        client.quit()
        server.advance(1.0)
    assert taken[1] < taken[0] / 4


def test_an_entry_is_compressed_once_and_only_if_somebody_live_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[bytes] = []

    def deflate(frame: bytes) -> bytes:
        made.append(frame)
        return deflate_frame(frame)

    monkeypatch.setattr("causerie.server.frames.deflate_frame", deflate)
    server = MemoryServer(settings=UNLIMITED)
    alice = v1(server, "Alice", "lobby")
    talk(server, alice)
    assert made == []
    for name in ("Bob", "Carol"):
        client = V1(server, compression=True)
        client.hello(name)
        client.join()
    alice.say("x " * 30)
    assert made == [], "it is too short to be worth it"
    alice.say("x " * 400)
    assert len(made) == 1


def test_how_much_was_gathered_is_told_if_anybody_is_given_it(pushed: Pushed) -> None:
    room = empty_room()
    room.remember(framed(1))
    assert room.publish(framed(1)) == 0
    room.go_live(listen(room, connection(v1=False), 1), pusher(pushed))
    assert room.publish(framed(2)) == len(framed(2).frame(Variant.PLAIN_MILLISECONDS))


def test_what_is_skipped_is_shown_and_given_to_nobody(pushed: Pushed) -> None:
    room = empty_room()
    room.go_live(listen(room, connection()), pusher(pushed))
    publish(room, framed(1))
    room.skip(2, "e2")
    assert (room.shown, room.sent, room.head_id) == (2, 2, "e2")
    publish(room, framed(3))
    room.distribute(pusher(pushed))
    assert [frames for _, frames in pushed] == [framed(3).frame(Variant.V1)]


# Live and behind.


def test_who_goes_live_while_entries_are_gathered_is_not_given_them_again(pushed: Pushed) -> None:
    room = empty_room()
    alice, bob = listen(room, connection()), listen(room, connection())
    room.go_live(alice, pusher(pushed))
    publish(room, framed(1))
    bob.cursor = 1  # as its catch-up had brought it, from the ring
    room.go_live(bob, pusher(pushed))
    room.distribute(pusher(pushed))
    assert [connection for connection, _ in pushed] == [alice.connection]
    publish(room, framed(2))
    room.distribute(pusher(pushed))
    assert [connection for connection, _ in pushed[1:]] == [alice.connection, bob.connection]


def test_only_who_has_seen_all_goes_live(pushed: Pushed) -> None:
    room = empty_room()
    publish(room, framed(1))
    with pytest.raises(AssertionError):
        room.go_live(listen(room, connection()), pusher(pushed))


def test_who_falls_behind_goes_on_after_what_it_was_given(pushed: Pushed) -> None:
    room = empty_room()
    alice = listen(room, connection())
    room.go_live(alice, pusher(pushed))
    publish(room, framed(1))
    room.distribute(pusher(pushed))
    publish(room, framed(2), framed(3))
    room.fall_behind(alice)
    room.distribute(pusher(pushed))
    assert len(pushed) == 1
    assert (alice.cursor, alice.live, alice.snapshot_due) == (1, False, True)


def test_who_is_dismissed_is_given_nothing_more(pushed: Pushed) -> None:
    room = empty_room()
    alice, bob = listen(room, connection()), listen(room, connection())
    room.go_live(alice, pusher(pushed))
    publish(room, framed(1))
    room.dismiss(alice)
    room.dismiss(bob)
    room.dismiss(bob)
    room.distribute(pusher(pushed))
    assert pushed == []
    assert not room.listeners
    assert not any(room.live)


def test_those_behind_are_owed_a_snapshot_for_a_signal_that_passed_them(pushed: Pushed) -> None:
    room = empty_room()
    alice = listen(room, connection())
    room.go_live(alice, pusher(pushed))
    room.note_missed_signal()
    bob = listen(room, connection())
    assert not bob.snapshot_due
    room.note_missed_signal()
    assert (alice.snapshot_due, bob.snapshot_due) == (False, True)


# The ring.


def test_the_ring_gives_what_follows_a_cursor_and_is_read_alike_by_all() -> None:
    room = empty_room()
    publish(room, framed(1), framed(2), framed(3))
    alice, bob = connection(), connection()
    run = room.run(Listener(alice, room, 1, replay_upto=0))
    assert run == (framed(2).frame(Variant.V1) + framed(3).frame(Variant.V1), 3)
    assert room.run(Listener(bob, room, 1, replay_upto=0)) is run
    room.forget_runs()
    again = room.run(Listener(bob, room, 1, replay_upto=0))
    assert again == run
    assert again is not run


def test_the_ring_follows_the_log_over_gaps() -> None:
    room = empty_room()
    gaps = [
        FramedEntry(msgspec.structs.replace(entry("lobby", seq, "hello"), prev=prev))
        for prev, seq in ((0, 3), (3, 4), (4, 9))
    ]
    publish(room, *gaps)
    listener = Listener(connection(), room, 0, replay_upto=0)
    assert room.run(listener) == (b"".join(one.frame(Variant.V1) for one in gaps), 9)
    room.forget(gaps[0])
    listener.cursor = 3
    assert room.run(listener) == (b"".join(one.frame(Variant.V1) for one in gaps[1:]), 9)


def test_the_ring_forgets_what_is_old_and_what_is_too_much_and_never_the_newest() -> None:
    room = empty_room()
    publish(room, *(framed(seq) for seq in range(1, 11)))
    begun = framed(0).entry.timestamp

    def remembered() -> list[int]:
        return [seq for seq in range(1, 11) if room.recent(seq) is not None]

    room.forget_oldest(before=0, keep=0)
    assert remembered() == list(range(1, 11))
    room.forget_oldest(before=begun + 4, keep=0)
    assert remembered() == list(range(4, 11))
    room.forget_oldest(before=begun + 5, keep=3)
    assert remembered() == [8, 9, 10]
    room.forget_oldest(before=begun + 100, keep=2)
    assert remembered() == [10]


def test_the_ring_gives_no_more_than_about_32_kib_at_a_time() -> None:
    room = empty_room()
    entries = [framed(seq, "x" * 3_000) for seq in range(1, 31)]
    publish(room, *entries)
    size = len(entries[0].frame(Variant.V1))
    listener = Listener(connection(), room, 0, replay_upto=0)
    given: list[int] = []
    while listener.cursor < room.shown:
        run = room.run(listener)
        assert run is not None
        frames, listener.cursor = run
        given.append(len(frames))
    assert sum(given) == sum(len(one.frame(Variant.V1)) for one in entries)
    assert max(given) <= RUN_BYTES + size + 2
    assert len(given) == 3


def test_what_was_said_before_the_join_is_marked_and_the_rest_is_not() -> None:
    room = empty_room()
    publish(room, framed(1), framed(2), framed(3))
    listener = Listener(connection(), room, 0, replay_upto=2)
    replayed = framed(1).frame(Variant.V1, replay=True) + framed(2).frame(Variant.V1, replay=True)
    assert room.run(listener) == (replayed, 2)
    listener.cursor = 2
    assert room.run(listener) == (framed(3).frame(Variant.V1), 3)


def test_who_comes_back_and_who_has_just_joined_are_given_their_own_at_one_place() -> None:
    room = empty_room()
    publish(room, framed(1), framed(2))
    back, newcomer, later = (
        room.run(Listener(connection(), room, 0, replay_upto=upto)) for upto in (0, 1, 2)
    )
    assert back == (framed(1).frame(Variant.V1) + framed(2).frame(Variant.V1), 2)
    assert newcomer == (framed(1).frame(Variant.V1, replay=True), 1)
    assert later is not None
    assert later[1] == 2
    assert later[0].count(b'"replay":true') == 2


def test_the_ring_ends_where_it_has_forgotten() -> None:
    room = empty_room()
    entries = [framed(1), framed(2), framed(3)]
    publish(room, *entries)
    assert room.remembered == 3
    room.forget(entries[0])
    room.forget(entries[0])
    assert room.remembered == 2
    assert room.recent(1) is None
    assert room.recent(2) is entries[1]
    assert room.run(Listener(connection(), room, 0, replay_upto=0)) is None
    assert room.run(Listener(connection(), room, 1, replay_upto=0)) is not None
    assert room.run(Listener(connection(), room, 3, replay_upto=0)) is None


# In a whole server.


def test_a_join_that_is_handled_while_entries_are_gathered_is_live_after_them() -> None:
    # With one message in flight the join waits for the commit, and is handled in the midst of it.
    server = MemoryServer(settings=HubSettings(rate=0.0, in_flight=1))
    alice, bob = v1(server, "Alice", "kitchen", "lobby"), v1(server, "Bob", "kitchen")
    drain([alice, bob])
    # The first alone is stored with Bob's.
    alice.send("message", room="lobby", content="one")
    alice.send("message", room="lobby", content="two")
    bob.send("message", room="kitchen", content="wait for me", id="b1")
    bob.send("join", room="lobby", id="b2")
    joined = bob.answer("b2")
    shown = joined["head"]["seq"]
    assert shown == 1
    assert [frame["seq"] for frame in bob.take("message") if frame["room"] == "lobby"] == [2]
    assert sorted(alice.contents()) == ["one", "two", "wait for me"]


def test_a_plain_client_that_changes_its_unit_while_entries_are_gathered_gets_each_once() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0, in_flight=1))
    alice, bob = v1(server, "Alice", "lobby"), Plain(server)
    bob.join("Bob")
    drain([alice, bob])
    now = server.clock.wall()
    alice.send("message", room="lobby", content="from Alice")
    bob.send("message", content="in ms")
    bob.send("message", content="in seconds", timestamp=now / 1_000_000)
    bob.send("message", content="again")
    # The second of Bob's messages is read in the midst of the commit of the first.
    assert [(frame["content"], frame["timestamp"]) for frame in bob.take("message")] == [
        ("from Alice", now / 1_000),
        ("in ms", now / 1_000 + 0.001),
        ("in seconds", (now + 2) / 1_000_000),
        ("again", (now + 3) / 1_000_000),
    ]
    alice.say("later")
    assert bob.only("message")["timestamp"] == (now + 4) / 1_000_000


class RoomMachine(RuleBasedStateMachine):
    """People listen to two rooms at any speed, from any place, while others talk."""

    rooms = st.sampled_from(["lobby", "kitchen"])
    people = st.integers(0, 3)

    def __init__(self) -> None:
        super().__init__()
        self.server = MemoryServer(
            settings=HubSettings(rate=0.0, in_flight=2, ring=20_000, catch_up=2_000)
        )

    @initialize(before=st.integers(0, 150))
    def people_come(self, before: int) -> None:
        for room in ("lobby", "kitchen"):
            fill(self.server, room, before)
        self.talker = v1(self.server, "Talker", "lobby", "kitchen")
        self.listeners = [v1(self.server, f"User{number}") for number in range(4)]
        # By person and room: where they asked to begin, where they began, what they were shown
        # since.
        self.asked: dict[tuple[int, str], int] = {}
        self.begun: dict[tuple[int, str], int] = {}
        self.shown: dict[tuple[int, str], list[int]] = {}

    def look(self, who: int) -> None:
        for frame in self.listeners[who].arrived():
            key = (who, frame.get("room", ""))
            if frame["type"] == "joined":
                self.begun[key] = self.asked[key]
                self.shown[key] = []
            elif frame["type"] == "left":
                del self.begun[key]
            elif frame["type"] == "message":
                assert key in self.begun, "who has left is shown nothing"
                if self.shown[key]:
                    assert frame["prev"] == self.shown[key][-1]
                self.shown[key].append(frame["seq"])

    @rule(room=rooms, times=st.integers(1, 40))
    def talk(self, room: str, times: int) -> None:
        for _ in range(times):
            self.talker.send("message", room=room, content="x" * 50)

    @rule(steps=st.integers(1, 30))
    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            self.server.step()

    @rule()
    def run(self) -> None:
        self.server.run()

    @rule(who=people, window=st.integers(0, 3_000))
    def read_slowly(self, who: int, window: int) -> None:
        self.listeners[who].socket.read_more(window)

    @rule(who=people)
    def read_all(self, who: int) -> None:
        self.listeners[who].socket.read_more(None)

    @rule(who=people, room=rooms, back=st.integers(0, 200))
    def join(self, who: int, room: str, back: int) -> None:
        self.listeners[who].socket.read_more(None)
        self.server.run()
        self.look(who)
        log = self.server.store.rooms.get(room, [])
        place = max(0, len(log) - back)
        self.asked[who, room] = place
        since = {"seq": place, "id": log[place - 1].id if place else ""}
        self.listeners[who].send("join", room=room, since=since, epoch="epoch-1")

    @rule(who=people, room=rooms)
    def leave(self, who: int, room: str) -> None:
        self.listeners[who].send("leave", room=room)

    def teardown(self) -> None:
        if not hasattr(self, "listeners"):
            return
        for client in self.listeners:
            client.socket.read_more(None)
        self.talker.take()
        for who in range(len(self.listeners)):
            self.look(who)
        for (who, room), begun in self.begun.items():
            expected = [one.seq for one in self.server.store.rooms.get(room, [])[begun:]]
            assert self.shown[who, room] == expected
            room_of_it = live_room(self.server, room)
            assert self.listeners[who].connection in room_of_it.live[Variant.V1]


TestEverybodyIsShownTheLogFromWhereTheyBegan = RoomMachine.TestCase
TestEverybodyIsShownTheLogFromWhereTheyBegan.settings = settings(
    max_examples=60, stateful_step_count=40
)
