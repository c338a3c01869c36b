"""A whole server in memory, driven step by step: no socket, no thread, no real time.

The clock stands still until `advance`; nothing happens until `run`. So a test can drive every order
of events, cut a link in the middle of a frame, and let the server die between any two steps.
"""

from collections import deque
from collections.abc import Callable
from random import Random

from causerie.adapters.memory import MemoryDirectory, MemoryLog
from causerie.adapters.memory_store import MemoryStore
from causerie.ports import Bus, Directory
from causerie.server.hub import Hub
from causerie.server.settings import HubSettings
from causerie.server.socket import Receiver
from causerie.testing.framing import TEXT, take_frame
from causerie.wire.profiles import SUBPROTOCOL

START = 1_800_000_000_000_000
"""The wall clock of a new `VirtualClock`, in microseconds."""


class VirtualClock:
    """A clock that a test moves. Is the hub's `Clock`."""

    def __init__(self, wall: int = START) -> None:
        self._wall = wall
        self._elapsed = 0.0

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed

    def wall(self) -> int:
        """Microseconds since 1970."""
        return self._wall + round(self._elapsed * 1_000_000)

    def set(self, monotonic: float) -> None:
        """Moves the clock forward to a time."""
        assert monotonic >= self._elapsed, "time never goes back"
        self._elapsed = monotonic


class MemorySocket:
    """The server's end of a link in memory. Is a `Socket`.

    The client's end: `frames` are the texts that have arrived; `window` is how many bytes the
    client lets come before it stops reading (None: it reads everything).
    """

    def __init__(self, server: "MemoryServer", *, compression: bool = False) -> None:
        self._server = server
        self._compression = compression
        self.receiver: Receiver
        self.window: int | None = None
        self._unsent = bytearray()
        self._arrived = bytearray()
        # What the client has sent and the server has not read: texts, and a close frame's code.
        self._inbound: deque[bytes | int] = deque()
        self._has_said_goodbye = False
        self._reads = True
        self.pings = 0
        """Pings of the server that have arrived and were not answered."""
        self.answers_pings = True
        self.is_traced = False
        """Whether the client is to be told of its frames: this link has none to tell of."""
        self.writes = 0
        self.received = 0
        """Bytes that the client has let come."""
        self.close_code: int | None = None
        self.close_reason = ""
        self.aborted = False
        self.is_open = True

    # The server's side.

    def write(self, frames: bytes) -> None:
        """Hands frames to the link."""
        if not self.is_open:
            return
        self.writes += 1
        self._unsent += frames
        self._transmit()
        if self._unsent:
            self.receiver.paused()

    def unsent(self) -> int:
        """Bytes that the client has not read."""
        return len(self._unsent)

    def ping(self) -> None:
        """Reaches a client that reads at once."""
        if self.is_open and self.window is None:
            if self.answers_pings:
                self._server.later(self._pong)
            else:
                self.pings += 1

    def trace(self, *, on: bool) -> None:
        """Notes that the client wants to be told of its frames."""
        self.is_traced = on

    def pause_reading(self) -> None:
        """Holds back what the client sends."""
        self._reads = False

    def resume_reading(self) -> None:
        """Takes what the client has sent."""
        if not self._reads:
            self._reads = True
            if self._inbound:
                self._server.later(self._deliver)

    def close(self, code: int, reason: str = "") -> None:
        """Ends the connection; the client answers at once, and can still read what was written."""
        if self.is_open:
            self.close_code, self.close_reason = code, reason
            self._end(code)

    def abort(self) -> None:
        """Cuts."""
        if self.is_open:
            self.aborted = True
            self._end(None)

    # The client's side.

    def send(self, text: str | bytes) -> None:
        """The client sends a text message."""
        if self.is_open and not self._has_said_goodbye:
            self._inbound.append(text.encode() if isinstance(text, str) else text)
            self._server.later(self._deliver)

    def hang_up(self, code: int | None) -> None:
        """The client ends the connection: by a close frame, or (None) by vanishing.

        A close frame is read after all that was sent before it and is not read yet; where there is
        nothing, at once, as if it had come in one piece with what was read last. Until it is read
        the server sees an open connection. Who vanishes takes along what was not read.
        """
        if not self.is_open:
            return
        if code is None:
            self._end(None)
        elif self._inbound:
            self._has_said_goodbye = True
            self._inbound.append(code)
        else:
            self._end(code)

    def read_more(self, window: int | None) -> None:
        """The client takes so many bytes more, or (None) all from now on."""
        self.window = window
        had_unsent = bool(self._unsent)
        self._transmit()
        if had_unsent and not self._unsent and self.is_open:
            self._server.later(self._resumed)

    def take(self) -> list[bytes]:
        """The texts that have arrived since the last call."""
        texts: list[bytes] = []
        while (frame := take_frame(self._arrived, compression=self._compression)) is not None:
            assert frame.opcode == TEXT, "the hub writes whole text messages only"
            texts.append(frame.payload)
        return texts

    def _end(self, code: int | None) -> None:
        self.is_open = False
        self._inbound.clear()
        if code is None:
            self._unsent.clear()
        self._server.later(lambda: self.receiver.closed(code))

    def _deliver(self) -> None:
        while self._inbound and self._reads and self.is_open:
            sent = self._inbound.popleft()
            self.receiver.heard()
            if isinstance(sent, int):
                self._end(sent)
            else:
                self.receiver.receive(sent)

    def _pong(self) -> None:
        if self.is_open:
            self.receiver.heard()

    def _resumed(self) -> None:
        if self.is_open and not self._unsent:
            self.receiver.resumed()

    def _transmit(self) -> None:
        size = len(self._unsent) if self.window is None else min(self.window, len(self._unsent))
        self._arrived += self._unsent[:size]
        self.received += size
        del self._unsent[:size]
        if self.window is not None:
            self.window -= size


class MemoryServer:
    """A hub over a log in memory, and the links to it."""

    def __init__(
        self,
        store: MemoryStore | None = None,
        *,
        settings: HubSettings | None = None,
        clock: VirtualClock | None = None,
        seed: int = 0,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.store = store or MemoryStore()
        self._steps: deque[Callable[[], None]] = deque()
        self.is_dead = False
        self.failures: list[str] = []
        self.log = self._make_log()
        self.directory = self._make_directory()
        self.hub = Hub(
            self.log,
            self.directory,
            settings or HubSettings(),
            self.clock,
            schedule=self.later,
            arm=lambda _when: None,
            chance=Random(seed),
            failed=self.failures.append,
            bus=self._make_bus(),
        )

    def _make_log(self) -> MemoryLog:
        return MemoryLog(self.store, self.clock.wall, self.later)

    def _make_directory(self) -> Directory:
        return MemoryDirectory(self.store, self.later)

    def _make_bus(self) -> Bus | None:
        return None

    def later(self, step: Callable[[], None]) -> None:
        """Puts a step behind those that wait."""
        self._steps.append(step)

    def connect(
        self, *, v1: bool = True, compression: bool = False, address: str = ""
    ) -> MemorySocket:
        """Opens a link; the handshake is done."""
        socket = MemorySocket(self, compression=compression)
        socket.receiver = self.hub.accept(
            socket,
            subprotocol=SUBPROTOCOL if v1 else None,
            compression=compression,
            address=address,
        )
        return socket

    @property
    def has_steps(self) -> bool:
        """Whether there is a step to take."""
        return bool(self._steps) and not self.is_dead

    def step(self) -> bool:
        """Takes one step; answers whether there was one."""
        if not self.has_steps:
            return False
        self._steps.popleft()()
        return True

    def run(self) -> None:
        """Takes steps until nothing is left to do at this time."""
        while self.step():
            pass

    def deadline(self) -> float | None:
        """When something falls due next."""
        return self.hub.deadline()

    def advance(self, seconds: float) -> None:
        """Lets time pass, with everything that falls due on the way, in order."""
        until = self.clock.monotonic() + seconds
        self.run()
        while not self.is_dead:
            due = self.hub.deadline()
            if due is None or due > until:
                break
            self.clock.set(max(due, self.clock.monotonic()))
            self.hub.tick()
            self.run()
        self.clock.set(until)

    def die(self) -> MemoryStore:
        """Ends the server as `kill -9` would; answers what is on the disk."""
        self.is_dead = True
        self._steps.clear()
        return self.store
