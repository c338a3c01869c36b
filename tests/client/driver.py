"""One machine and its link to a server, in a world where everything takes time and can be cut.

What the machine sends waits on the way up, what the server sends on the way down, until it is
delivered; a cut loses the tail of both, as TCP does, and never anything in the middle. The server
is whatever answers the `Link`: a model of it in these tests, the real hub in others.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Protocol

from causerie.client.errors import OutboxFull
from causerie.client.machine import AppCommand, Machine
from causerie.client.machine.events import (
    Acked,
    Entry,
    Failed,
    Gap,
    MachineEvent,
    SendFailed,
    Unknown,
)
from causerie.client.machine.states import Connected
from causerie.wire.codes import CloseCode
from causerie.wire.commands import SendMessage, SendPrivate
from causerie.wire.replies import Joined, Message, Private


class Link(Protocol):
    """The client's end of one WebSocket."""

    is_open: bool
    close_code: int | None
    """The server's close frame, once it has come; None where it cut."""
    close_reason: str

    def send(self, text: bytes) -> None:
        """The server receives a text message."""

    def take(self) -> list[bytes]:
        """What the server has sent since the last call."""

    def hang_up(self, code: int | None) -> None:
        """The client closes, or (None) vanishes."""


class Driver:
    """A machine, its link, and what its application has been told. `now` is the machine's."""

    def __init__(self, machine: Machine, open_link: Callable[[], Link]) -> None:
        self.machine = machine
        self._open_link = open_link
        self.now = 0.0
        self.link: Link | None = None
        self._up: deque[bytes] = deque()
        self._down: deque[bytes] = deque()
        self.shown: dict[str, list[Entry | Gap | Joined]] = defaultdict(list)
        """What was told of each room, in order."""
        self.sent: dict[str, SendMessage | SendPrivate] = {}
        self.acked: dict[str, Acked] = {}
        self.failed: dict[str, SendFailed] = {}
        self.other_failures: list[Failed] = []

    def give(self, command: AppCommand) -> str | None:
        """The application gives a command; answers its id, or None when the outbox is full."""
        try:
            id = self.machine.send(command, self.now)
        except OutboxFull:
            return None
        if isinstance(command, SendMessage | SendPrivate):
            self.sent[id] = command
        self._react()
        return id

    def advance(self, seconds: float) -> None:
        """Time passes; the machine is called whenever it wishes, and never for ever."""
        until = self.now + seconds
        while (deadline := self.machine.deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.machine.tick(self.now)
            self._react()
            later = self.machine.deadline()
            assert later is None or later > self.now, "the machine would be called for ever"
        self.now = until

    def open(self) -> bool:
        """Opens a connection, if the machine wants one and there is none; answers whether."""
        if self.link is not None or not self.machine.wants_connection:
            return False
        self.link = self._open_link()
        self.machine.connected(self.now)
        self._react()
        return True

    def fail_to_open(self) -> None:
        """An attempt to open a connection fails."""
        if self.link is None and self.machine.wants_connection:
            self.machine.disconnected(self.now, CloseCode.ABNORMAL, "refused")
            self._react()

    def deliver_up(self, count: int | None = None) -> int:
        """Delivers the next so many frames to the server, or all; answers how many."""
        delivered = 0
        while self.link is not None and self._up and delivered != count:
            self._fetch()
            self.link.send(self._up.popleft())
            delivered += 1
        return delivered

    def deliver_down(self, count: int | None = None) -> int:
        """Delivers the next so many frames to the machine, or all; answers how many."""
        delivered = 0
        self._fetch()
        while self._down and delivered != count:
            self.machine.receive(self._down.popleft(), self.now)
            self._react()
            delivered += 1
        link = self.link
        if link is not None and not link.is_open and not self._down:
            code = CloseCode.ABNORMAL if link.close_code is None else link.close_code
            self.lose(code, link.close_reason)
        return delivered

    def repeat_down(self) -> None:
        """The server's last frame comes a second time, as from a broker that delivers twice."""
        self._fetch()
        if self._down:
            self._down.append(self._down[-1])

    def lose(self, code: int = CloseCode.ABNORMAL, reason: str = "") -> None:
        """The connection is cut: what was on the way is lost."""
        if self.link is not None:
            self._drop()
            self.machine.disconnected(self.now, code, reason)
            self._react()

    def settle(self, serve: Callable[[], None] = lambda: None) -> None:
        """Lets everything run its course; `serve` lets the server do what it has to."""
        for _ in range(10_000):
            moved = self.open() or self.deliver_up()
            serve()
            if moved or self.deliver_down():
                continue
            deadline = self.machine.deadline()
            connected = isinstance(self.machine.state, Connected)
            if deadline is None or (connected and deadline - self.now > 9.0):
                return  # what is left to wait for is the next ping
            self.advance(deadline - self.now)
        raise AssertionError("it never comes to rest")

    def _fetch(self) -> None:
        if self.link is not None:
            self._down.extend(self.link.take())

    def _drop(self) -> None:
        if self.link is not None:
            self.link.hang_up(None)
            self.link = None
        self._up.clear()
        self._down.clear()

    def _react(self) -> None:
        for event in self.machine.events():
            self._told(event)
        frames = self.machine.frames_to_send()
        if self.link is None:
            assert not frames, "there is nowhere to send them"
        self._up.extend(frames)
        if not self.machine.wants_connection:
            self._drop()

    def _told(self, event: MachineEvent) -> None:
        match event:
            case Message() | Private() | Unknown() | Gap() | Joined():
                self.shown[event.room].append(event)
            case Acked(receipt=receipt):
                assert receipt.id in self.sent, "an ack for what was never said"
                assert receipt.id not in self.acked, "acked twice"
                assert receipt.id not in self.failed, "acked after it had failed"
                self.acked[receipt.id] = event
            case SendFailed(id=id):
                assert id not in self.acked, "failed after it was acked"
                assert id not in self.failed, "failed twice"
                self.failed[id] = event
            case Failed():
                self.other_failures.append(event)
            case _:
                pass
