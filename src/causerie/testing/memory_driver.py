"""Plays conversations with a server in memory, where time passes only when nothing else happens."""

from collections import deque
from typing import assert_never

from causerie.adapters.memory_store import MemoryStore
from causerie.server.settings import HubSettings
from causerie.testing.conversations import Ability, Action, Profile
from causerie.testing.memory_server import MemoryServer, MemorySocket
from causerie.testing.playing import Closed, Link
from causerie.wire.codes import CloseCode


class MemoryDriver:
    """A server in memory and the clients' ends of its links. Is a `causerie.testing` `Driver`."""

    def __init__(self, settings: HubSettings | None = None) -> None:
        self._settings = settings
        self._servers = 0
        self._backup: MemoryStore | None = None
        self.server = self._start(None)

    @property
    def abilities(self) -> frozenset[Ability]:
        """It controls the server; its links carry text only."""
        return frozenset({"control"})

    def now(self) -> int:
        """The server's clock, which is also the clients'."""
        return self.server.clock.wall()

    def elapsed(self) -> float:
        """Virtual milliseconds."""
        return self.server.clock.monotonic() * 1000

    async def connect(self, profile: Profile) -> Link:
        """Opens a link; the server sees it at once."""
        socket = self.server.connect(v1=profile == "v1")
        self.server.run()
        return _MemoryLink(self, socket)

    async def wait(self, milliseconds: float) -> None:
        """Moves the clock, with all that falls due on the way."""
        self.server.advance(milliseconds / 1000)

    async def control(self, action: Action) -> None:
        """Makes the server do something, between two steps of its own."""
        match action:
            case "stops":
                stopped: list[bool] = []
                self.server.hub.stop(lambda: stopped.append(True))
                self.server.run()
                assert stopped, "a server in memory has nothing to wait for"
                self.server = self._start(self.server.die())
            case "is killed":
                self.server = self._start(self.server.die())
            case "loses its log":
                store = self.server.die()
                store.begin_again(f"{store.epoch}-again")
                self.server = self._start(store)
            case "is copied":
                self._backup = self.server.store.copy()
            case "goes back to its copy":
                assert self._backup is not None, "it was copied before"
                self.server.die()
                self.server = self._start(self._backup)
            case "cannot read its log":
                self.server.log.fail_reads("the disk has gone")
            case "can read its log":
                self.server.log.fail_reads("")
            case unknown:
                assert_never(unknown)

    def _start(self, store: MemoryStore | None) -> MemoryServer:
        # Each has its own seed: what one made up, no other makes up again.
        self._servers += 1
        clock = self.server.clock if self._servers > 1 else None
        return MemoryServer(store, settings=self._settings, clock=clock, seed=self._servers)


class _MemoryLink:
    """The client's end of a link. Is a `causerie.testing` `Link`."""

    def __init__(self, driver: MemoryDriver, socket: MemorySocket) -> None:
        self._driver = driver
        self._server = driver.server
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
            due = self._server.hub.deadline()
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
