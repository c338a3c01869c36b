"""The promises of one server, kept by several: whoever is on whichever node is in one chat.

Three people, one of them with two devices, are on two or three nodes, and move between them.
Whatever is late or lost between the nodes, whichever node is cut off or killed: in the end
everybody was shown exactly the log, in its order, once; and everybody knows exactly who is there,
and was told of each coming and each leave once.
"""

from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.promises.test_everybody import EVERYTHING, NAMES, Person, WatchedLink
from tests.server.support import BusyClock

from causerie.client.machine.events import Gap
from causerie.client.machine.states import Closed
from causerie.server.connection import Connection
from causerie.server.settings import HubSettings
from causerie.testing.history import Seen, check
from causerie.testing.memory_cluster import LEASE, MemoryCluster, MemoryNode
from causerie.testing.memory_server import MemorySocket
from causerie.wire.commands import Hello, Join, Leave, SendMessage, SendPrivate
from causerie.wire.replies import Joined

DEVICES = 4
WHO = st.integers(0, DEVICES - 1)
NODE = st.integers(0, 2)
ROOMS = st.sampled_from(["lobby", "garden"])
SOME = st.integers(1, 6)


class PresentLink(WatchedLink):
    """A link that sees to it that who is told of as coming was not there, and as leaving was."""

    def __init__(self, socket: MemorySocket, name: str) -> None:
        super().__init__(socket)
        self.members: dict[str, set[str]] = {}
        self._name = name
        self._just_joined: set[str] = set()
        """Rooms of which `joined` has named oneself, and of which one's coming may be told yet."""

    def _watch(self, frame: dict[str, Any]) -> None:
        super()._watch(frame)
        room = frame.get("room", "")
        if room.startswith("~"):
            return
        match frame["type"]:
            case "joined":
                self.members[room] = set(frame["names"])
                self._just_joined.add(room)
                assert len(self.members[room]) == len(frame["names"])
            case "left":
                del self.members[room]
            case "presence" if frame.get("snapshot"):
                self.members[room] = set(frame["joined"])
            case "presence":
                known = self.members[room]
                for name in frame["left"]:
                    assert name in known, f"{name} left {room} twice: {frame}"
                    known.remove(name)
                for name in frame["joined"]:
                    if name.startswith(self._name) and room in self._just_joined:
                        self._just_joined.remove(room)
                        known.discard(name)
                    assert name not in known, f"{name} was in {room} already: {frame}"
                    known.add(name)
                assert len(known) == frame["members"]
            case _:
                pass


class Device:
    """One of somebody's devices, and the node to which it connects."""

    def __init__(self, number: int, world: "Cluster") -> None:
        self._world = world
        self.node = number % len(world.cluster.nodes)
        self.server: MemoryNode | None = None
        """The node to which it was connected last."""
        self.person = Person(number % len(NAMES), self._open_link, device=f"-{number}")
        self.driver = self.person.driver
        self.left: set[str] = set()
        """The rooms that it has ever left: of these it need not have been shown all."""

    def _open_link(self) -> PresentLink:
        nodes = self._world.cluster.nodes
        self.server = nodes[self.node % len(nodes)]
        return PresentLink(self.server.connect(), self.person.name)

    @property
    def link(self) -> PresentLink | None:
        """Its link to a node, if there is one."""
        link = self.driver.link
        assert link is None or isinstance(link, PresentLink)
        return link

    @property
    def connection(self) -> Connection | None:
        """Its node's end of the link, if there is one."""
        if self.link is None:
            return None
        receiver = self.link.socket.receiver
        assert isinstance(receiver, Connection)
        return receiver

    @property
    def display(self) -> str:
        """What its node calls it; empty if it is not connected."""
        connection = self.connection
        return "" if connection is None else connection.display

    @property
    def identity(self) -> str:
        """Who uses it; empty if it is not connected."""
        connection = self.connection
        session = None if connection is None else connection.session
        return "" if session is None else session.identity


class Cluster(RuleBasedStateMachine):
    """The people, the nodes, and all that can come between them."""

    @initialize(nodes=st.integers(2, 3), seed=st.integers(0, 999), all_are_there=st.booleans())
    def begin(self, nodes: int, seed: int, all_are_there: bool) -> None:
        self.said = 0
        self.cluster = MemoryCluster(
            nodes,
            settings=HubSettings(rate=0, ring=4_000),
            clock=BusyClock(0.0001),
            chance=Random(seed),
        )
        self.devices = [Device(number, self) for number in range(DEVICES)]
        if all_are_there:
            for device in self.devices:
                device.driver.give(Join(room="lobby"))
            self.settle()

    # What people do.

    @rule(who=WHO, room=ROOMS)
    def join(self, who: int, room: str) -> None:
        self.devices[who].driver.give(Join(room=room))

    @rule(who=WHO, room=ROOMS)
    def leave(self, who: int, room: str) -> None:
        self.devices[who].left.add(room)
        self.devices[who].driver.give(Leave(room=room))

    @rule(who=WHO, room=ROOMS, times=SOME)
    def say(self, who: int, room: str, times: int) -> None:
        for _ in range(times):
            self.said += 1
            self.devices[who].driver.give(SendMessage(room=room, content=f"{self.said} in {room}"))

    @rule(who=WHO, to=st.integers(0, len(NAMES) - 1))
    def say_privately(self, who: int, to: int) -> None:
        self.said += 1
        content = f"{self.said} to {to}"
        self.devices[who].driver.give(SendPrivate(to=NAMES[to], content=content))

    @rule(who=WHO, node=NODE)
    def moves(self, who: int, node: int) -> None:
        self.devices[who].node = node
        self.devices[who].driver.lose()

    @rule(who=WHO, number=st.integers(1, 3))
    def rename(self, who: int, number: int) -> None:
        name = self.devices[who].person.name
        self.devices[who].driver.give(Hello(username=f"{name}-{number}"))

    # What happens in between.

    @rule(count=SOME)
    def step(self, count: int) -> None:
        for _ in range(count):
            self.cluster.step()

    @rule(is_late=st.booleans())
    def nodes_run(self, is_late: bool) -> None:
        self.cluster.be_late(is_late=is_late)
        self.cluster.run()

    @rule(count=SOME)
    def something_comes(self, count: int) -> None:
        self.cluster.deliver(count)

    @rule(count=SOME)
    def signals_are_lost(self, count: int) -> None:
        self.cluster.broker.lose(count)

    @rule(who=WHO, count=SOME)
    def deliver(self, who: int, count: int) -> None:
        driver = self.devices[who].driver
        driver.open()
        driver.deliver_up(count)
        driver.deliver_down(count)

    @rule(who=WHO)
    def cut(self, who: int) -> None:
        self.devices[who].driver.lose()

    @rule(who=WHO, window=st.sampled_from([0, 1, 300, 1000, None]))
    def stall(self, who: int, window: int | None) -> None:
        if (link := self.devices[who].link) is not None:
            link.socket.read_more(window)

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.cluster.advance(seconds)
        for device in self.devices:
            device.driver.advance(seconds)

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        self.settle()

    @rule(node=NODE)
    def a_node_is_cut_off(self, node: int) -> None:
        if node < len(self.cluster.nodes):
            self.cluster.cut_off(self.cluster.nodes[node])

    @rule()
    def the_cut_is_healed(self) -> None:
        for node in self.cluster.nodes:
            self.cluster.heal(node)

    @rule(node=NODE)
    def a_node_is_killed(self, node: int) -> None:
        if node < len(self.cluster.nodes):
            killed = self.cluster.nodes[node]
            killed.die()
            for device in self.devices:
                if device.server is killed:
                    device.driver.lose()
            self.cluster.start()

    # What holds.

    @invariant()
    def what_is_shown_stands_in_the_log(self) -> None:
        for device in getattr(self, "devices", ()):
            for room, shown in device.driver.shown.items():
                held = {entry.id: entry.seq for entry in self.log(room)}
                for event in shown:
                    if not isinstance(event, Joined | Gap):
                        assert held.get(event.id) == event.seq, f"{event} can still be lost"

    def log(self, room: str) -> list[Seen]:
        """A room's log, as it is on the disk."""
        entries = self.cluster.store.read(room, after=0, upto=EVERYTHING, limit=EVERYTHING)
        return [Seen(one.seq, one.id, one.username, one.content) for one in entries]

    def settle(self) -> None:
        """Lets everything run its course."""
        self.cluster.be_late(is_late=False)
        self.cluster.broker.lose(0)
        self.the_cut_is_healed()
        for device in self.devices:
            if device.link is not None:
                device.link.socket.read_more(None)
        for _ in range(4):
            for device in self.devices:
                # A room may wait for a node that does not answer.
                device.driver.settle(self.run)

    def run(self) -> None:
        """Lets the nodes do all that they have to."""
        self.cluster.run()
        self.cluster.advance(1.5)

    def teardown(self) -> None:
        if not hasattr(self, "devices"):
            return
        self.settle()
        self.everything_said_was_shown()
        self.cluster.advance(LEASE + 5.0)
        for device in self.devices:
            device.driver.settle(self.cluster.run)
        self.everybody_knows_who_is_there()

    def everything_said_was_shown(self) -> None:
        """Checks what each device has to say against the log."""
        rooms = {room for device in self.devices for room in device.driver.shown}
        logs = {room: self.log(room) for room in {*rooms, *self.cluster.store.rooms}}
        witnesses = [device.person.witness() for device in self.devices]
        for device, witness in zip(self.devices, witnesses, strict=True):
            for room in device.left:
                witness.since.pop(room, None)
            witness.since |= dict.fromkeys(self.conversations_of(device), 0)
        assert check(witnesses, logs) == []
        for device in self.devices:
            driver = device.driver
            assert not isinstance(driver.machine.state, Closed)
            assert driver.sent.keys() == driver.acked.keys() | driver.failed.keys()

    def conversations_of(self, device: Device) -> list[str]:
        """The private conversations of whoever uses a device, whether it knows of them or not."""
        identity = device.identity
        return [
            room
            for room, entries in self.cluster.store.rooms.items()
            if entries and entries[0].peer and identity in (entries[0].identity, entries[0].peer)
        ]

    def everybody_knows_who_is_there(self) -> None:
        """Checks what each device was told of members against who is in each room."""
        links = {device: device.link for device in self.devices}
        called: dict[str, set[str]] = {}
        for device in self.devices:
            called.setdefault(device.person.name, set()).add(device.display)
        for name, names in called.items():
            assert len(names - {""}) <= 1, f"{name} goes by {names}"
        for room in ("lobby", "garden"):
            here = {
                device.display
                for device, link in links.items()
                if link is not None and room in link.members
            }
            for device, link in links.items():
                if link is not None and room in link.members:
                    assert link.members[room] == here, f"{device.person.name} in {room}"
            for node in self.cluster.nodes:
                opened = node.hub.rooms.get(room)
                assert opened is None or set(opened.presence.page("", 9)[0]) == here


Cluster.TestCase.settings = settings(max_examples=150, stateful_step_count=50)
TestCluster = pytest.mark.slow(pytest.mark.timeout(600)(Cluster.TestCase))
