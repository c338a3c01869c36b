"""Plays conversations with a server in memory, where time passes only when nothing else happens."""

from collections import deque
from typing import assert_never

from causerie.adapters.memory_store import MemoryStore
from causerie.server.settings import HubSettings
from causerie.testing.conversations import Ability, Action, Profile
from causerie.testing.memory_cluster import MemoryCluster
from causerie.testing.memory_server import MemoryServer, MemorySocket, VirtualClock
from causerie.testing.playing import Closed, Link
from causerie.wire.codes import CloseCode


class MemoryDriver:
    """A server in memory and the clients' ends of its links. Is a `causerie.testing` `Driver`."""

    def __init__(self, settings: HubSettings | None = None, *, nodes: int = 1) -> None:
        """Starts a server, or a cluster of so many nodes: each client then comes to another."""
        self._settings = settings
        self._nodes = nodes
        self._started = 0
        self._links = 0
        self._backup: MemoryStore | None = None
        self._clock = VirtualClock()
        self.servers = self._start(None)

    @property
    def server(self) -> MemoryServer:
        """The server, or the first of the nodes."""
        return self.servers[0]

    @property
    def abilities(self) -> frozenset[Ability]:
        """It controls the server; its links carry text only."""
        return frozenset({"control"})

    def now(self) -> int:
        """The server's clock, which is also the clients'."""
        return self._clock.wall()

    def elapsed(self) -> float:
        """Virtual milliseconds."""
        return self._clock.monotonic() * 1000

    async def connect(self, profile: Profile) -> Link:
        """Opens a link; the server sees it at once."""
        server = self.servers[self._links % len(self.servers)]
        self._links += 1
        socket = server.connect(v1=profile == "v1")
        server.run()
        return _MemoryLink(server, socket)

    async def wait(self, milliseconds: float) -> None:
        """Moves the clock, with all that falls due on the way."""
        self.server.advance(milliseconds / 1000)

    async def control(self, action: Action) -> None:
        """Makes the server do something, between two steps of its own."""
        match action:
            case "stops":
                stopped: list[bool] = []
                for server in self.servers:
                    server.hub.stop(lambda: stopped.append(True))
                self.server.run()
                assert len(stopped) == self._nodes, "there is nothing to wait for in memory"
                self.servers = self._start(self._die())
            case "is killed":
                self.servers = self._start(self._die())
            case "loses its log":
                store = self._die()
                store.begin_again(f"{store.epoch}-again")
                self.servers = self._start(store)
            case "is copied":
                self._backup = self.server.store.copy()
            case "goes back to its copy":
                assert self._backup is not None, "it was copied before"
                self._die()
                self.servers = self._start(self._backup)
            case "keeps the newest alone":
                store = self._die()
                store.trim(before=0, keep=1)
                self.servers = self._start(store)
            case "cannot read its log":
                self._fail_reads("the disk has gone")
            case "can read its log":
                self._fail_reads("")
            case unknown:
                assert_never(unknown)

    def _fail_reads(self, reason: str) -> None:
        for server in self.servers:
            server.log.fail_reads(reason)

    def _die(self) -> MemoryStore:
        store = self.server.store
        for server in self.servers:
            server.die()
        return store

    def _start(self, store: MemoryStore | None) -> list[MemoryServer]:
        # Each has its own seed: what one made up, no other makes up again.
        first = self._started + 1
        self._started += self._nodes
        if self._nodes == 1:
            server = MemoryServer(store, settings=self._settings, clock=self._clock, seed=first)
            return [server]
        cluster = MemoryCluster(
            self._nodes, settings=self._settings, store=store, clock=self._clock, first=first
        )
        return [*cluster.nodes]


class _MemoryLink:
    """The client's end of a link. Is a `causerie.testing` `Link`."""

    def __init__(self, server: MemoryServer, socket: MemorySocket) -> None:
        self._server = server
        self._socket = socket
        self._frames: deque[bytes] = deque()

    async def send(self, text: str) -> None:
        """Sends a text message; it is on its way until the server takes a step."""
        self._socket.send(text)

    async def send_binary(self, data: bytes) -> None:
        """Is not to be called: this driver does not have `socket`."""
        raise AssertionError(f"no binary message in memory: {data!r}")

    async def receive(self, within: int) -> bytes | Closed | None:
        """The next message, or the end. Moves the clock, as little as it takes."""
        deadline = self._server.clock.monotonic() + within / 1000
        while True:
            self._server.run()
            self._frames += self._socket.take()
            if self._frames:
                return self._frames.popleft()
            if not self._socket.is_open:
                code = self._socket.close_code
                return Closed(
                    CloseCode.ABNORMAL if code is None else code, self._socket.close_reason
                )
            now = self._server.clock.monotonic()
            if now >= deadline:
                return None
            due = self._server.deadline()
            self._server.advance(min(deadline, deadline if due is None else due) - now)

    async def close(self, code: int) -> None:
        """Ends the link with a close frame."""
        self._socket.hang_up(code)
        self._server.run()

    async def cut(self) -> None:
        """Ends the link."""
        self._socket.hang_up(None)
        self._server.run()

    async def fall_silent(self) -> None:
        """Answers no ping."""
        self._socket.answers_pings = False
