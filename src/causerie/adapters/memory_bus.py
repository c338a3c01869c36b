"""Signals between nodes in memory, for tests: they can be late, be lost, and a node be cut off.

Nothing runs by itself: each message is a step of its own, given to `schedule`. The messages from
one node to another keep their order, whatever the order of the steps.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

Schedule = Callable[[Callable[[], None]], None]
"""Calls a function later, from the thread that drives the nodes."""


class MemoryBroker:
    """What carries the messages: a wire from each node to each other."""

    def __init__(self, schedule: Schedule) -> None:
        """Carries between nobody yet."""
        self._schedule = schedule
        self._buses: dict[str, MemoryBus] = {}
        self._cut_off: set[str] = set()
        self._wires: dict[tuple[str, str], deque[tuple[str, bytes]]] = {}
        """By sender and receiver, the messages under way, with their topics."""
        self._to_lose = 0

    def join(self, node: str) -> "MemoryBus":
        """Begins to carry for one more node."""
        assert node not in self._buses, "a node has an id of its own"
        bus = self._buses[node] = MemoryBus(self, node)
        return bus

    def part(self, node: str) -> None:
        """Ends to carry for a node, which has died. What it published before may still come."""
        del self._buses[node]
        self._cut_off.discard(node)

    def cut_off(self, node: str) -> None:
        """Cuts a node off: all that is under way from and to it is lost, and all that follows."""
        self._cut_off.add(node)
        for wire, messages in self._wires.items():
            if node in wire:
                messages.clear()

    def heal(self, node: str) -> None:
        """Connects a node again that was cut off."""
        if node in self._cut_off:
            self._cut_off.discard(node)
            bus = self._buses[node]
            self._schedule(bus.tell_reconnected)

    def lose(self, count: int) -> None:
        """Loses the next so many messages, each on its way to one node, and no others."""
        self._to_lose = count

    def send(self, sender: str, topic: str, message: bytes) -> None:
        """Puts a message on its way to all other nodes."""
        if sender in self._cut_off or sender not in self._buses:
            return
        for receiver, bus in self._buses.items():
            if receiver in self._cut_off or receiver == sender or not bus.listens(topic):
                continue
            if self._to_lose:
                self._to_lose -= 1
                continue
            self._wires.setdefault((sender, receiver), deque()).append((topic, message))
            self._schedule(partial(self._deliver, sender, receiver))

    def _deliver(self, sender: str, receiver: str) -> None:
        """Delivers the oldest message of a wire, if there is one left."""
        messages = self._wires[sender, receiver]
        if messages:
            topic, message = messages.popleft()
            bus = self._buses.get(receiver)
            if bus is not None:
                bus.receive(topic, message)


class MemoryBus:
    """One node's end of a `MemoryBroker`. Is a `causerie.ports.Bus`."""

    def __init__(self, broker: MemoryBroker, node: str) -> None:
        """Subscribes to nothing yet; `MemoryBroker.join` makes it."""
        self._broker = broker
        self._node = node
        self._receivers: dict[str, Callable[[bytes], None]] = {}
        self._reconnected: Callable[[], None] | None = None

    @property
    def node(self) -> str:
        """The node's id."""
        return self._node

    def observe(self, reconnected: Callable[[], None]) -> None:
        """Names whom to tell."""
        assert not self._receivers, "observe() comes before all else"
        self._reconnected = reconnected

    def publish(self, topic: str, message: bytes) -> None:
        """Tells the others."""
        self._broker.send(self._node, topic, message)

    def subscribe(self, topic: str, receive: Callable[[bytes], None]) -> None:
        """Has somebody told."""
        self._receivers[topic] = receive

    def unsubscribe(self, topic: str) -> None:
        """Has nobody told."""
        self._receivers.pop(topic, None)

    # What the broker tells.

    def listens(self, topic: str) -> bool:
        """Tells whether there is a receiver."""
        return topic in self._receivers

    def receive(self, topic: str, message: bytes) -> None:
        """A message has come."""
        receive = self._receivers.get(topic)
        if receive is not None:
            receive(message)

    def tell_reconnected(self) -> None:
        """The node was cut off, and is no longer."""
        if self._reconnected is not None:
            self._reconnected()
