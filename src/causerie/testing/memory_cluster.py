"""A cluster in memory: nodes on one store and one directory, with a bus between them.

Driven step by step, on one virtual clock. What is on its way from one node to another (a signal, an
entry that another node has stored) comes late, in any order that a real cluster could bring it in;
a node can be killed, or be cut off from all the others and from the store.
"""

from collections.abc import Callable
from random import Random

from causerie.adapters.memory import MemoryLog
from causerie.adapters.memory_bus import MemoryBroker
from causerie.adapters.memory_cluster import SharedMemoryDirectory, SharedMemoryLog, SharedNames
from causerie.adapters.memory_store import MemoryStore
from causerie.ports import Bus, Directory
from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer, VirtualClock

LEASE = 15.0
"""Seconds after which the directory takes a node that is silent for dead."""


class MemoryNode(MemoryServer):
    """One server of a cluster. `MemoryCluster.start` makes it."""

    def __init__(self, cluster: "MemoryCluster", id: str, settings: HubSettings | None) -> None:
        self.id = id
        self.is_cut_off = False
        self._cluster = cluster
        self._held_back: list[Callable[[], None]] = []
        """What waits for the link to the others."""
        super().__init__(cluster.store, settings=settings, clock=cluster.clock, seed=int(id, 16))

    def over_the_link(self, step: Callable[[], None]) -> None:
        """Takes a step that needs the link to the others; while it is cut, when it is healed."""
        if self.is_cut_off:
            self._held_back.append(step)
        elif not self.is_dead:
            step()

    def run(self) -> None:
        """Lets the whole cluster take steps until nothing is left to do at this time."""
        self._cluster.run()

    def deadline(self) -> float | None:
        """When something falls due next, on whichever node."""
        return self._cluster.deadline()

    def advance(self, seconds: float) -> None:
        """Lets time pass on all nodes."""
        self._cluster.advance(seconds)

    def heal(self) -> None:
        """The link is there again."""
        self.is_cut_off = False
        held_back, self._held_back = self._held_back, []
        for step in held_back:
            self.later(step)

    def die(self) -> MemoryStore:
        """Ends this node as `kill -9` would; what it said before is still under way."""
        self._cluster.bury(self)
        self._leave_store()
        return super().die()

    def _make_log(self) -> MemoryLog:
        log = SharedMemoryLog(
            self.store,
            self.clock.wall,
            lambda step: self.later(lambda: self.over_the_link(step)),
            bring=lambda step: self._cluster.bring(lambda: self.over_the_link(step)),
        )
        self._leave_store = log.die
        return log

    def _make_directory(self) -> Directory:
        return SharedMemoryDirectory(
            self._cluster.names,
            self.id,
            lambda step: self.later(lambda: self.over_the_link(step)),
        )

    def _make_bus(self) -> Bus | None:
        return self._cluster.broker.join(self.id)


class MemoryCluster:
    """Some nodes, and what is on its way between them."""

    def __init__(
        self,
        nodes: int = 2,
        *,
        settings: HubSettings | None = None,
        store: MemoryStore | None = None,
        clock: VirtualClock | None = None,
        chance: Random | None = None,
        first: int = 1,
    ) -> None:
        """Starts so many nodes. With `chance` the steps are taken in an order that it picks. The
        nodes are numbered from `first` on, and make up other ids than those with other numbers.
        """
        self.clock = clock or VirtualClock()
        self.store = store or MemoryStore()
        self.names = SharedNames(self.store)
        self.broker = MemoryBroker(self.bring)
        self.nodes: list[MemoryNode] = []
        """Those that live."""
        self._settings = settings
        self._chance = chance
        self._under_way: list[Callable[[], None]] = []
        self._is_late = False
        self._next = first
        self._leases: dict[str, float] = {}
        """Of those that were killed or cut off, when the directory will take them for dead."""
        for _ in range(nodes):
            self.start()
        self.run()

    # What happens to nodes.

    def start(self) -> MemoryNode:
        """Begins one more node."""
        node = MemoryNode(self, f"{self._next:016x}", self._settings)
        self._next += 1
        self.nodes.append(node)
        return node

    def bury(self, node: MemoryNode) -> None:
        """Takes note that a node has died."""
        self.nodes.remove(node)
        self.broker.part(node.id)
        self._leases[node.id] = self.clock.monotonic() + LEASE

    def cut_off(self, node: MemoryNode) -> None:
        """Cuts a node off from the others and the store: signals are lost, all else waits."""
        node.is_cut_off = True
        self.broker.cut_off(node.id)
        self._leases[node.id] = self.clock.monotonic() + LEASE

    def heal(self, node: MemoryNode) -> None:
        """Connects a node again."""
        if node.is_cut_off:
            self._leases.pop(node.id, None)
            node.heal()
            self.broker.heal(node.id)

    # What is on its way.

    def bring(self, step: Callable[[], None]) -> None:
        """Puts something on its way between nodes."""
        self._under_way.append(step)

    def be_late(self, *, is_late: bool) -> None:
        """Has `run` and `advance` leave what is on its way where it is, or no longer."""
        self._is_late = is_late

    def deliver(self, count: int = 1) -> None:
        """Brings so many things that are on their way."""
        for _ in range(min(count, len(self._under_way))):
            self._under_way.pop(self._pick(len(self._under_way)))()

    # Steps and time.

    def step(self) -> bool:
        """Takes one step, of a node or on the way; answers whether there was one."""
        busy = [node for node in self.nodes if node.has_steps]
        brings = bool(self._under_way) and not self._is_late
        if not busy and not brings:
            return False
        which = self._pick(len(busy) + brings)
        if which < len(busy):
            busy[which].step()
        else:
            self.deliver()
        return True

    def run(self) -> None:
        """Takes steps until nothing is left to do at this time."""
        while self.step():
            pass

    def advance(self, seconds: float) -> None:
        """Lets time pass on all nodes, with everything that falls due on the way, in order."""
        until = self.clock.monotonic() + seconds
        self.run()
        while True:
            due = self.deadline()
            due = until if due is None else min(until, due)
            self.clock.set(max(due, self.clock.monotonic()))
            for id in [id for id, when in self._leases.items() if when <= due]:
                del self._leases[id]
                self.names.release_all(id, now=self.clock.wall())
            for node in self.nodes:
                node.hub.tick()
            self.run()
            if due >= until:
                return

    def deadline(self) -> float | None:
        """When something falls due next."""
        due = [node.hub.deadline() for node in self.nodes]
        return min(
            [when for when in due if when is not None] + [*self._leases.values()], default=None
        )

    def _pick(self, count: int) -> int:
        return self._chance.randrange(count) if self._chance is not None and count > 1 else 0
