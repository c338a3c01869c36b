"""Real clients, a real hub, links that are cut, readers that stall, and a server that dies.

Three people talk in rooms and privately. Whatever happens in between, and in whichever order the
steps of the server and the bytes on the links are taken: in the end, when everybody is connected
and nothing is left to do, everybody was shown exactly the log, in its order, and what was
acknowledged stands in it once.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.client.driver import Driver
from tests.server.support import BusyClock

from causerie.adapters.memory_store import MemoryStore
from causerie.client.machine import Machine, Settings
from causerie.client.machine.events import Gap, Unknown
from causerie.client.machine.states import Closed
from causerie.server.settings import HubSettings
from causerie.testing.history import Seen, Witness, check
from causerie.testing.memory_server import MemoryServer, MemorySocket
from causerie.wire.commands import Join, SendMessage, SendPrivate
from causerie.wire.replies import Joined

NAMES = ("Alice", "Bob", "Carol")
WHO = st.integers(0, len(NAMES) - 1)
ROOMS = st.sampled_from(["lobby", "garden"])
SOME = st.integers(1, 6)
EVERYTHING = 2**53


class WatchedLink:
    """A link to the server that sees to it that the server itself breaks no promise.

    A client drops what comes twice, and asks for what is missing: in the end it would be right in
    spite of a server that is not.
    """

    def __init__(self, socket: MemorySocket) -> None:
        self.socket = socket
        self.is_open = True
        self.close_code: int | None = None
        self.close_reason = ""
        self._joins: dict[str, dict[str, Any]] = {}
        """The commands to join, by their id."""
        self._last: dict[str, int] = {}
        """The newest entry that came of each room, or that the client had before."""

    def hang_up(self, code: int | None) -> None:
        """The client closes, or (None) vanishes."""
        self.socket.hang_up(code)

    def send(self, text: bytes) -> None:
        """The server receives a text message."""
        command = json.loads(text)
        if command["type"] == "join":
            self._joins[command["id"]] = command
        self.socket.send(text)

    def take(self) -> list[bytes]:
        """What the server has sent since the last call."""
        texts = self.socket.take()
        for text in texts:
            self._watch(json.loads(text))
        self.is_open = self.socket.is_open
        self.close_code, self.close_reason = self.socket.close_code, self.socket.close_reason
        return texts

    def _watch(self, frame: dict[str, Any]) -> None:
        room = frame.get("room", "")
        if frame["type"] == "joined":
            join = self._joins.pop(frame["id"])
            self._last.pop(room, None)
            if frame.get("recovered") == "complete":
                self._last[room] = join["since"]["seq"]
            elif "limit" not in join:
                self._last[room] = frame["head"]["seq"]
        elif "prev" in frame:
            last = self._last.get(room, frame["prev"])
            assert frame["prev"] == last, f"after {last} of {room} came {frame}"
            self._last[room] = frame["seq"]


class Person:
    """One person's client, and what it was shown."""

    def __init__(
        self, number: int, open_link: Callable[[], WatchedLink], *, device: str = ""
    ) -> None:
        self.name = NAMES[number]
        self._device = f"{self.name}{device}"
        self._ids = 0
        self.driver = Driver(
            Machine(
                self.name,
                key=f"{number}" * 22,
                new_id=self._new_id,
                chance=lambda: 0.5,
                settings=Settings(catch_up=10_000, private_replay=10_000),
            ),
            open_link,
        )

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._device}-{self._ids}"

    @property
    def socket(self) -> MemorySocket | None:
        """The server's end of the link, if there is one."""
        link = self.driver.link
        assert link is None or isinstance(link, WatchedLink)
        return None if link is None else link.socket

    def witness(self) -> Witness:
        """What this client has to say."""
        witness = Witness(self.name)
        for id, acked in self.driver.acked.items():
            witness.acked[id] = (acked.receipt.room, acked.receipt.seq)
        for room, told in self.driver.shown.items():
            shown = witness.shown.setdefault(room, [])
            for event in told:
                match event:
                    case Joined():
                        witness.since.setdefault(room, event.head.seq)
                    case Gap():
                        raise AssertionError(f"{self.name} was told of a hole: {event}")
                    case Unknown():
                        raise AssertionError(f"nobody sends entries of another type: {event}")
                    case entry:
                        shown.append(Seen(entry.seq, entry.id, entry.username, entry.content))
            if room.startswith("~"):
                witness.since[room] = 0
        return witness


class Everybody(RuleBasedStateMachine):
    """The people, the server, and all that can come between them."""

    @initialize(all_are_there=st.booleans())
    def begin(self, all_are_there: bool) -> None:
        self.said = 0
        self.store = MemoryStore()
        self.server = self._new_server()
        self.people = [Person(number, self._open_link) for number in range(len(NAMES))]
        if all_are_there:
            for person in self.people:
                person.driver.give(Join(room="lobby"))
            self.settle()

    def _open_link(self) -> WatchedLink:
        return WatchedLink(self.server.connect())

    def _new_server(self) -> MemoryServer:
        # Everything takes time, so that new entries are gathered as under load; and the ring is so
        # short that the log itself has to be read.
        settings = HubSettings(rate=0, ring=4_000)
        return MemoryServer(self.store, settings=settings, clock=BusyClock(0.0001))

    # What people do.

    @rule(who=WHO, room=ROOMS)
    def join(self, who: int, room: str) -> None:
        self.people[who].driver.give(Join(room=room))

    @rule(who=WHO, room=ROOMS, times=SOME)
    def say(self, who: int, room: str, times: int) -> None:
        for _ in range(times):
            self.said += 1
            self.people[who].driver.give(SendMessage(room=room, content=f"{self.said} in {room}"))

    @rule(who=WHO, times=SOME, steps=st.integers(0, 12))
    def say_much(self, who: int, times: int, steps: int) -> None:
        self.say(who, "lobby", times)
        self.people[who].driver.deliver_up()
        self.step(steps)

    @rule(who=WHO, to=WHO)
    def say_privately(self, who: int, to: int) -> None:
        self.said += 1
        self.people[who].driver.give(SendPrivate(to=NAMES[to], content=f"{self.said} to {to}"))

    # What happens in between.

    @rule(count=SOME)
    def step(self, count: int) -> None:
        for _ in range(count):
            self.server.step()

    @rule()
    def run_server(self) -> None:
        self.server.run()

    @rule(who=WHO)
    def open(self, who: int) -> None:
        self.people[who].driver.open()

    @rule(who=WHO, count=SOME)
    def deliver_up(self, who: int, count: int) -> None:
        self.people[who].driver.deliver_up(count)

    @rule(who=WHO, count=SOME)
    def deliver_down(self, who: int, count: int) -> None:
        self.people[who].driver.deliver_down(count)

    @rule(who=WHO)
    def cut(self, who: int) -> None:
        self.people[who].driver.lose()

    @rule(who=WHO, window=st.sampled_from([0, 1, 300, 1000]))
    def stall(self, who: int, window: int) -> None:
        if (socket := self.people[who].socket) is not None:
            socket.read_more(window)

    @rule(who=WHO)
    def read_again(self, who: int) -> None:
        if (socket := self.people[who].socket) is not None:
            socket.read_more(None)

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 20.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.server.advance(seconds)
        for person in self.people:
            person.driver.advance(seconds)

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        self.settle()

    @rule()
    def die(self) -> None:
        self.store = self.server.die()
        for person in self.people:
            person.driver.lose()
        self.server = self._new_server()

    # What holds.

    @invariant()
    def what_is_shown_stands_in_the_log(self) -> None:
        if not hasattr(self, "people"):
            return
        for person in self.people:
            for room in person.driver.shown:
                held = {entry.id: entry.seq for entry in self.log(room)}
                for event in person.driver.shown[room]:
                    if not isinstance(event, Joined | Gap):
                        assert held.get(event.id) == event.seq, f"{event} can still be lost"

    def log(self, room: str) -> "list[Seen]":
        """A room's log, as it is on the disk."""
        entries = self.store.read(room, after=0, upto=EVERYTHING, limit=EVERYTHING)
        return [Seen(one.seq, one.id, one.username, one.content) for one in entries]

    def settle(self) -> None:
        """Lets everything run its course."""
        for person in self.people:
            if person.socket is not None:
                person.socket.read_more(None)
        for _ in range(4):
            for person in self.people:
                person.driver.settle(self.server.run)

    def teardown(self) -> None:
        if not hasattr(self, "people"):
            return
        self.settle()
        rooms = {room for person in self.people for room in person.driver.shown}
        logs = {room: self.log(room) for room in rooms | {"lobby", "garden"}}
        assert check([person.witness() for person in self.people], logs) == []
        for person in self.people:
            driver = person.driver
            assert not isinstance(driver.machine.state, Closed)
            assert driver.sent.keys() == driver.acked.keys() | driver.failed.keys()
            for id in driver.failed:
                assert all(seen.id != id for log in logs.values() for seen in log)
            for room in driver.shown:
                if room.startswith("~"):
                    names = {seen.username for seen in logs[room]}
                    assert person.name in names or self.is_told(person, room)

    def is_told(self, person: Person, room: str) -> bool:
        """Whether somebody has said something to this person in a conversation."""
        entries = self.store.read(room, after=0, upto=EVERYTHING, limit=EVERYTHING)
        return any(entry.to == person.name for entry in entries)


Everybody.TestCase.settings = settings(max_examples=200, stateful_step_count=50)
TestEverybody = pytest.mark.slow(pytest.mark.timeout(300)(Everybody.TestCase))
