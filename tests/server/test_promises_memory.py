"""The promises, whatever happens: links are cut, readers stall, sends are repeated, people are
renamed, the server dies between any two steps and comes back.

Several clients, written here from the protocol alone, talk to a server in memory, which takes its
steps one by one. In the end everybody reads on, and must hold exactly the log.
"""

import json
from collections import Counter
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.server.support import Frame, assert_nothing_is_left, key_of, v1

from causerie.adapters.memory_store import MemoryStore
from causerie.chat.identity import key_identity
from causerie.server.settings import HubSettings
from causerie.server.turn import LONGEST_GATHERING
from causerie.testing.memory_server import MemoryServer, MemorySocket, VirtualClock

ROOMS = ("lobby", "kitchen")
NAMES = {"Ann": "Anouk", "Bob": "Boris", "Cid": "Celia", "Dan": "Dora"}
"""The people, each with another name to be renamed to."""

# Small bounds, so that all of them are met.
SETTINGS = HubSettings(rate=0.0, in_flight=3, rooms=2, ring=8_000, catch_up=3_000)
BOUNDS = {
    "adapters.memory.RECENT": 5,
    "server.catchup.READ_ENTRIES": 7,
    "server.catchup.READS_AT_ONCE": 2,
    "server.catchup.RUN_BYTES": 2_000,
    "server.connection.RUN_BYTES": 2_000,
    "server.live_room.RUN_BYTES": 2_000,
    "server.turn.RUN_BYTES": 2_000,
}

LARGEST = 1_500
"""Code points, all of one byte, in a message."""

SLOW = 2_000 + 2 * LARGEST + 5_000
"""What a link may hold in the server's memory, in bytes: a turn's entries, the last one over the
bound, another that came with a pause, and replies and signals."""


class Person:
    """A client that keeps the promises' other half: it resumes where it was, and sends again under
    the same id what was not acked. Checks on the way what must hold on every link.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.own = (name, NAMES[name])
        self.key = key_of(name)
        self.socket: MemorySocket | None = None
        self.wanted = dict.fromkeys(ROOMS)
        self.sent: dict[str, Frame] = {}
        self.outbox: dict[str, Frame] = {}
        self.acked: dict[str, tuple[str, int]] = {}
        self.cursors: dict[str, Frame] = {}
        self.shown: dict[str, list[Frame]] = {}
        self.names: dict[str, set[str]] = {}
        self.ids = count(1)
        self.asked: dict[str, Frame] = {}
        self.at: dict[str, int] = {}

    # What it does.

    def connect(self, server: MemoryServer) -> None:
        self.socket = server.connect()
        # What was asked over this link, and where in each room it is on this link.
        self.asked.clear()
        self.at.clear()
        self.ask("hello", username=self.name, key=self.key)
        self.ask("rooms")
        for room in self.wanted:
            self.join(room)
        for room in self.cursors:
            if room not in ROOMS:
                self.join(room)
        for frame in self.outbox.values():
            self.transmit(frame | {"at": 1_800_000_000_000})

    def lose(self) -> None:
        """Has lost the link, and reads what had arrived."""
        self.look()
        self.socket = None

    def ask(self, kind: str, **fields: Any) -> None:
        frame = {"type": kind, "id": f"{self.key[:3]}c{next(self.ids)}", **fields}
        self.asked[frame["id"]] = frame
        self.transmit(frame)

    def transmit(self, frame: Frame) -> None:
        if self.socket is not None:
            self.socket.send(json.dumps(frame))

    def join(self, room: str) -> None:
        cursor = self.cursors.get(room)
        how = {"limit": 10_000} if cursor is None else dict(cursor)
        self.ask("join", room=room, **how)

    def come(self, room: str) -> None:
        self.wanted[room] = None
        self.join(room)
        for frame in self.outbox.values():
            if frame.get("room") == room:
                self.transmit(frame)

    def leave(self, room: str) -> None:
        self.wanted.pop(room, None)
        self.ask("leave", room=room)

    def say(self, kind: str, **fields: Any) -> None:
        frame = {"type": kind, "id": f"{self.key[:3]}-{next(self.ids)}", **fields}
        self.sent[frame["id"]] = self.outbox[frame["id"]] = frame
        self.transmit(frame)

    # What it is told.

    def look(self) -> None:
        if self.socket is not None:
            for text in self.socket.take():
                self.told(json.loads(text))

    def told(self, frame: Frame) -> None:
        match frame["type"]:
            case "message" | "private":
                self.told_entry(frame)
            case "ack":
                place = (frame["room"], frame["seq"])
                assert self.acked.setdefault(frame["id"], place) == place
                self.outbox.pop(frame["id"], None)
            case "joined":
                self.told_joined(self.asked.pop(frame["id"]), frame)
            case "left":
                del self.at[frame["room"]]
                del self.asked[frame["id"]]
            case "rooms":
                for summary in frame["rooms"]:
                    if "peer" in summary and summary["room"] not in self.cursors:
                        self.join(summary["room"])
            case "presence":
                self.told_presence(frame)
            case "error":
                # One said to a room that was left meanwhile; and a second leave.
                assert frame["code"] == "not_joined", frame
            case "welcome":
                if "id" in frame:
                    assert frame["username"] == self.asked.pop(frame["id"])["username"]
            case unforeseen:
                raise AssertionError(unforeseen)

    def told_joined(self, asked: Frame, frame: Frame) -> None:
        room = frame["room"]
        if "since" in asked:
            assert frame["recovered"] == "complete"
            self.at[room] = asked["since"]["seq"]
        else:
            self.at[room] = 0
            self.cursors.setdefault(room, {"since": {"seq": 0, "id": ""}, "epoch": frame["epoch"]})
        assert frame["epoch"] == self.cursors[room]["epoch"]
        self.names[room] = set(frame["names"])

    def told_entry(self, frame: Frame) -> None:
        room, seq = frame["room"], frame["seq"]
        if room in ROOMS:
            assert room in self.at, "entries come only from rooms that were joined"
        elif room not in self.at:
            # A conversation comes by itself, and then begins with its newest entry.
            self.at[room] = frame["prev"]
            if room not in self.cursors:
                self.join(room)
        assert frame["prev"] == self.at[room], "on one link there is no hole, and nothing twice"
        self.at[room] = seq
        cursor = self.cursors.get(room)
        if cursor is not None and cursor["since"]["seq"] == frame["prev"]:
            self.shown.setdefault(room, []).append(frame)
            cursor["since"] = {"seq": seq, "id": frame["id"]}
        elif cursor is not None and cursor["since"]["seq"] < frame["prev"]:
            self.join(room)

    def told_presence(self, frame: Frame) -> None:
        room = frame["room"]
        if frame["snapshot"]:
            self.names[room] = set(frame["joined"])
        else:
            self.names[room] -= set(frame["left"])
            self.names[room] |= set(frame["joined"])


class Promises(RuleBasedStateMachine):
    """Everything that can happen to a server and its clients, in any order."""

    who = st.sampled_from(sorted(NAMES))
    room = st.sampled_from(ROOMS)
    size = st.sampled_from([5, 5, 300, LARGEST])

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        for name, bound in BOUNDS.items():
            self.patch.setattr(f"causerie.{name}", bound)

    @initialize(strides=st.lists(st.integers(1, 3), min_size=1, max_size=5))
    def begin(self, strides: list[int]) -> None:
        self.clock = VirtualClock()
        self.strides = strides
        self.server = self.start(MemoryStore())
        self.people = {name: Person(name) for name in NAMES}
        # Everybody says a word first: from then on the names are kept.
        for person in self.people.values():
            person.connect(self.server)
            person.say("message", room="lobby", content="I am here")
        self.settle()

    def start(self, store: MemoryStore) -> MemoryServer:
        server = MemoryServer(store, settings=SETTINGS, clock=self.clock)
        strides = self.strides
        numbers = count()
        server.log._stride = lambda: strides[next(numbers) % len(strides)]
        return server

    # Talking.

    @rule(who=who, room=room, size=size, times=st.sampled_from([1, 1, 2, 20]))
    def say(self, who: str, room: str, size: int, times: int) -> None:
        for _ in range(times):
            self.people[who].say("message", room=room, content="x" * size)

    @rule(who=who, to=who, size=size)
    def tell(self, who: str, to: str, size: int) -> None:
        if who != to:
            self.people[who].say("private", to=to, content="y" * size)

    @rule(who=who, data=st.data())
    def repeat(self, who: str, data: st.DataObject) -> None:
        person = self.people[who]
        if person.sent:
            person.transmit(person.sent[data.draw(st.sampled_from(sorted(person.sent)))])

    # Coming and going.

    @rule(who=who)
    def connect(self, who: str) -> None:
        person = self.people[who]
        if person.socket is None:
            person.connect(self.server)

    @rule(who=who, code=st.sampled_from([None, None, 1000, 1001]))
    def hang_up(self, who: str, code: int | None) -> None:
        person = self.people[who]
        if person.socket is not None:
            person.socket.hang_up(code)
            person.lose()

    @rule(who=who, room=room)
    def leave(self, who: str, room: str) -> None:
        self.people[who].leave(room)

    @rule(who=who, room=room)
    def come(self, who: str, room: str) -> None:
        self.people[who].come(room)

    @rule(who=who)
    def join_again(self, who: str) -> None:
        """As a client does that wants to be sure."""
        person = self.people[who]
        for room in person.cursors:
            if room in person.wanted:
                person.join(room)

    @rule(who=who)
    def rename(self, who: str) -> None:
        person = self.people[who]
        person.name = person.own[person.name == who]
        person.ask("hello", username=person.name)

    # Reading slowly.

    @rule(who=who, window=st.sampled_from([0, 1, 100, 5_000, None]))
    def read(self, who: str, window: int | None) -> None:
        person = self.people[who]
        if person.socket is not None:
            person.socket.read_more(window)

    @rule(who=who, steps=st.integers(1, 6))
    def stall(self, who: str, steps: int) -> None:
        """Stops reading, and asks for something: the answer alone stalls the link."""
        person = self.people[who]
        if person.socket is not None:
            person.socket.read_more(0)
            person.ask("rooms")
            self.go_on(steps)

    # The server.

    @rule(steps=st.integers(1, 12))
    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            self.server.step()
        self.look()

    @rule(who=who, room=room, steps=st.integers(0, 6))
    def is_loaded(self, who: str, room: str, steps: int) -> None:
        """Writing has taken so long that what comes next is gathered for a while."""
        self.server.hub.turn._not_before = self.clock.monotonic() + LONGEST_GATHERING
        self.people[who].say("message", room=room, content="gathered")
        self.go_on(steps)

    @rule(seconds=st.sampled_from([0.0, 0.004, 0.3, 6.0, 20.0]))
    def run(self, seconds: float) -> None:
        self.server.advance(seconds)
        self.look()

    @rule(fault=st.sampled_from(["kill", "kill", "lost commit", "commit whose answer is lost"]))
    def die(self, fault: str) -> None:
        if fault != "kill":
            self.server.log.fail("no space left", stored=fault != "lost commit")
            self.server.run()
        store = self.server.die()
        for person in self.people.values():
            person.lose()
        self.server = self.start(store)

    @rule(room=room, steps=st.integers(0, 12))
    def die_in_the_midst(self, room: str, steps: int) -> None:
        """Dies just after something was said: stored or not, told to some or not, acked or not."""
        for person in self.people.values():
            if person.socket is not None:
                person.say("message", room=room, content="just before")
        self.go_on(steps)
        self.die("kill")

    def look(self) -> None:
        for person in self.people.values():
            person.look()
            if person.socket is not None and not person.socket.is_open:
                person.lose()

    def settle(self) -> None:
        """Lets everybody come back, and everything come to rest."""
        for person in self.people.values():
            if person.socket is None or not person.socket.is_open:
                person.lose()
                person.connect(self.server)
            assert person.socket is not None
            person.socket.read_more(None)
        for _ in range(40):
            self.server.advance(0.05)
            self.look()

    # What must hold.

    @invariant()
    def a_link_holds_little_in_memory(self) -> None:
        for connection in getattr(self, "server", MemoryServer()).hub.connections:
            assert len(connection.out) + connection.socket.unsent() <= SLOW
            assert connection.in_flight <= SETTINGS.in_flight

    @rule()
    def in_the_end_everybody_holds_exactly_the_log(self) -> None:
        for person in self.people.values():
            for room in ROOMS:
                if room not in person.wanted:
                    person.come(room)
        self.settle()
        self.server.advance(20.0)
        self.settle()
        log = self.server.store.rooms
        every = [one for entries in log.values() for one in entries]
        assert max(Counter(one.id for one in every).values()) == 1
        for person in self.people.values():
            assert not person.outbox, "all that was said is acked"
            for id in person.sent:
                room, seq = person.acked[id]
                (found,) = (one for one in log[room] if one.id == id)
                assert found.seq == seq
            identities = {one.identity for one in every if one.id in person.sent}
            assert len(identities) == 1
            (identity,) = identities
            for room, entries in log.items():
                mine = room in ROOMS or identity in {entries[0].identity, entries[0].peer}
                held = [(one["seq"], one["id"]) for one in person.shown.get(room, [])]
                assert held == ([(one.seq, one.id) for one in entries] if mine else [])
                said = [one["content"] for one in person.shown.get(room, [])]
                assert said == ([one.content for one in entries] if mine else [])
            for room in ROOMS:
                others = {self.called(one) for one in self.people.values() if one is not person}
                # Its own name it knows best.
                assert person.names[room] - set(person.own) == others

    def called(self, person: Person) -> str:
        """A person's name: the one asked for last, as the server has heard it. What was asked on a
        link before a close frame may be heard after what is asked on the next link.
        """
        session = self.server.hub.sessions.of(key_identity(person.key))
        assert session is not None, "everybody is here"
        assert session.name.display in person.own
        return session.name.display

    def teardown(self) -> None:
        try:
            if hasattr(self, "people"):
                self.end()
        finally:
            self.patch.undo()

    def end(self) -> None:
        self.in_the_end_everybody_holds_exactly_the_log()
        for person in self.people.values():
            assert person.socket is not None
            person.socket.hang_up(1000)
        assert_nothing_is_left(self.server)


TestThePromisesHoldWhateverHappens = pytest.mark.slow(pytest.mark.timeout(300)(Promises.TestCase))
TestThePromisesHoldWhateverHappens.settings = settings(max_examples=500, stateful_step_count=80)
TestThePromisesHoldWhateverHappens = pytest.mark.slow(TestThePromisesHoldWhateverHappens)


@pytest.mark.parametrize("others_write", [0, 3, 5, 8])
def test_a_client_ahead_of_a_restored_copy_is_told_so_and_shown_no_false_continuation(
    others_write: int,
) -> None:
    server = MemoryServer(settings=HubSettings(rate=0.0))
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    for number in range(5):
        alice.say(f"kept {number}", id=f"k{number}")
    copy = server.store.copy()
    for number in range(5):
        alice.say(f"lost {number}", id=f"l{number}")
    restored = MemoryServer(copy, settings=HubSettings(rate=0.0))
    bob = v1(restored, "Bob", "lobby")
    for number in range(others_write):
        bob.say(f"new {number}")
    alice = v1(restored, "Alice", key=key_of("Alice"))
    joined = alice.join(since={"seq": 10, "id": "l4"}, epoch="epoch-1")
    assert joined["recovered"] == "none"
    shown = alice.contents()
    assert shown == [f"kept {n}" for n in range(5)] + [f"new {n}" for n in range(others_write)]
    # One whose place is still there goes on from it.
    joined = alice.join(since={"seq": 4, "id": "k3"}, epoch="epoch-1")
    assert joined["recovered"] == "complete"
    assert alice.contents() == ["kept 4"] + [f"new {n}" for n in range(others_write)]


def test_a_log_begun_again_is_another_epoch_in_which_old_places_mean_nothing() -> None:
    server = MemoryServer()
    alice = v1(server, "Alice", "lobby", key=key_of("Alice"))
    alice.say("lost", id="m1")
    store = server.die()
    store.begin_again("epoch-2")
    again = MemoryServer(store)
    bob = v1(again, "Bob", "lobby")
    # In a room that is empty now, one who had seen nothing of it has lost its place as well.
    joined = bob.join(since={"seq": 0, "id": ""}, epoch="epoch-1")
    assert (joined["epoch"], joined["recovered"]) == ("epoch-2", "none")
    bob.say("new", id="m1")
    bob.say("newer", id="m2")
    alice = v1(again, "Alice", key=key_of("Alice"))
    for cursor in ({"seq": 0, "id": ""}, {"seq": 1, "id": "m0"}):
        joined = alice.join(since=cursor, epoch="epoch-1")
        assert (joined["epoch"], joined["recovered"]) == ("epoch-2", "none")
        assert alice.contents() == ["new", "newer"]
