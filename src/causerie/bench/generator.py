"""The members of a load: bare sockets behind one epoll, which cost less than what they measure."""

import errno
import math
import os
import select
import socket
import struct
import time
from array import array
from collections.abc import Callable, Iterable
from typing import Final

from causerie.bench.dialects import Dialect
from causerie.bench.marks import CALL, MARK, SPOKEN, unfinished
from causerie.bench.pings import PING, may_have_pings, pings
from causerie.testing.framing import PONG, client_frame
from causerie.wire.errors import CauserieError

READ: Final = 256 * 1024
"""Bytes read at once."""

CARRY: Final = len(MARK)
"""Bytes before what is read, for the beginning of a mark that came with the last reading."""

DEADLINE = 60.0
"""Seconds that no message may come while one is waited for."""

LOOKED: Final = 0.5
"""Seconds between two looks at whether any came: there are many to ask."""

MEMBERS_AN_ADDRESS: Final = 5_000
"""Connections from one address of the loopback. Linux has 28,232 ephemeral ports, and looks at
every second of them first: beyond 14,000, each connection would take it milliseconds to begin."""

_EXTENDED: Final = 126
_BIND_NO_PORT: Final = 24
"""IP_BIND_ADDRESS_NO_PORT of Linux: the port is chosen when it is known whom one connects to, so
that those of connections that have just ended are free for others."""

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which a connection is reset when it is closed."""


class LoadFailed(CauserieError):
    """The load could not go on. The message says what happened, and what to do."""


class ServerFailed(LoadFailed):
    """The server did something that ends the load: its log may tell more."""


class Member:
    """One connection. `number` is its own in the whole load, over all processes."""

    __slots__ = (
        "answer",
        "carry",
        "descriptor",
        "entries",
        "intended",
        "is_entered",
        "is_hailed",
        "is_sampled",
        "is_scanned",
        "is_upgraded",
        "number",
        "room",
        "said",
        "socket",
        "username",
    )

    def __init__(
        self, number: int, username: str, room: str, *, is_scanned: bool, is_sampled: bool = True
    ) -> None:
        self.number = number
        self.username = username
        self.room = room.encode()
        self.is_scanned = is_scanned
        """Whether whole frames are read, and not marks counted alone; whoever speaks has to be."""
        self.is_sampled = is_sampled
        """Whether, if so, it is found out how late each is: that costs most of all."""
        self.answer = b""
        self.socket: socket.socket
        """From `connect` on, as the descriptor."""
        self.descriptor: int
        self.carry = b""
        """What came and is not whole yet."""
        self.entries = 0
        """Messages that came."""
        self.said = 0
        self.intended = 0
        """When it should have begun what it waits for, in ns."""
        self.is_upgraded = False
        self.is_hailed = False
        self.is_entered = False


class Generator:
    """Opens connections, reads from all of them, speaks, and counts."""

    def __init__(self, address: tuple[str, int], dialect: Dialect, size: int) -> None:
        self.address = address
        self.dialect = dialect
        self.size = size
        """Bytes of content."""
        self.members: dict[int, Member] = {}
        self.latencies = array("q")
        """From the intended time to a scanned member, in ns."""
        self.joins = array("q")
        """From the intended time of connecting to the room, in ns."""
        self.entered: list[Member] = []
        """Those who came into their room since somebody looked."""
        self.entered_at = array("q")
        """When they came, in ns of the monotonic clock."""
        self.pongs = 0
        """Pings that were answered."""
        self.mark = MARK
        """What is counted, and said."""
        self._poll = select.epoll()
        self._buffer = bytearray(CARRY + READ)
        self._read_into = memoryview(self._buffer)[CARRY:]

    @property
    def deliveries(self) -> int:
        """Messages that reached members, all members together."""
        return sum(member.entries for member in self.members.values())

    def connect(self, member: Member, intended: int, receive_buffer: int | None = None) -> None:
        """Begins to connect; the member goes into its room by itself.

        Raises:
            LoadFailed: this system has nothing left to connect with.
        """
        try:
            member.socket = ours = socket.socket()
        except OSError as error:
            raise self._no_more(error.errno) from None
        if self.address[0].startswith("127."):
            ours.setsockopt(socket.IPPROTO_IP, _BIND_NO_PORT, 1)
            ours.bind((f"127.0.0.{2 + member.number // MEMBERS_AN_ADDRESS}", 0))
        ours.setblocking(False)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        begun = ours.connect_ex(self.address)
        if begun not in {0, errno.EINPROGRESS}:
            ours.close()
            raise self._no_more(begun)
        member.descriptor = ours.fileno()
        member.answer = self.dialect.answer(member.number)
        member.intended = intended
        self.members[member.descriptor] = member
        self._poll.register(member.descriptor, select.EPOLLOUT)

    def _no_more(self, error: int | None) -> LoadFailed:
        why = os.strerror(error or 0)
        return LoadFailed(f"connection {len(self.members) + 1:,} cannot be begun here ({why})")

    def disconnect(self, member: Member) -> None:
        """Cuts a connection; the member can connect again."""
        del self.members[member.descriptor]
        # Nothing lingers: neither a goodbye of the system's own, nor the port.
        member.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        member.socket.close()
        member.carry = b""
        member.is_upgraded = member.is_hailed = member.is_entered = False

    def say(self, member: Member, number: int) -> None:
        """Says something with a number in it: when it should have been said, most often.

        Raises:
            ServerFailed: the server does not read, or has gone.
        """
        member.said += 1
        frame = self.dialect.say(
            member.number, number, member.room, member.said, self.size, mark=self.mark
        )
        try:
            member.socket.sendall(frame)
        except BlockingIOError:
            raise ServerFailed("the server does not read what is said to it: say less") from None
        except OSError as error:
            raise _cut(member, error) from None

    def read(self, timeout: float) -> list[Member]:
        """Reads what comes within so many seconds; returns a member for each answer to it.

        Raises:
            ServerFailed: the server refuses or ends a connection.
        """
        answered: list[Member] = []
        members, buffer, mark = self.members, self._buffer, self.mark
        for descriptor, events in self._poll.poll(timeout):
            member = members[descriptor]
            if not member.is_entered:
                self._enter(member, events, answered)
                continue
            if member.is_scanned:
                self._scan(member, answered)
                continue
            try:
                end = CARRY + member.socket.recv_into(self._read_into)
            except OSError as error:
                raise _cut(member, error) from None
            if end == CARRY:
                raise _cut(member)
            start = CARRY - len(member.carry)
            buffer[start:CARRY] = member.carry
            member.entries += buffer.count(mark, start, end)
            member.carry = (
                unfinished(buffer, start, end, mark) if buffer[end - 1] == mark[0] else b""
            )
            # The first look is the cheapest, and finds nothing most often.
            if buffer.find(PING, CARRY, end) >= 0 and may_have_pings(buffer, CARRY, end):
                for payload in pings(buffer, CARRY, end):
                    self._pong(member, payload)
        return answered

    def settle(self, expected: int, within: float = math.inf) -> None:
        """Reads until so many deliveries have come.

        Raises:
            ServerFailed: they do not come, or not within so many seconds.
        """
        until = time.monotonic() + within
        self.wait_until(
            lambda: self.deliveries >= expected or time.monotonic() > until, "messages never came"
        )
        if (came := self.deliveries) < expected:
            raise ServerFailed(
                f"the server does not keep this pace: {within:g} s after the last was said, "
                f"{came / expected:.0%} of the messages had come"
            )

    def wait_until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        """Reads until something is so.

        Raises:
            ServerFailed: nobody heard anything or came in for a minute, and it is not.
        """
        looked = silent_since = time.monotonic()
        before = -1
        while not is_so():
            self.read(0.05)
            if (now := time.monotonic()) - looked < LOOKED:
                continue
            looked, came = now, self.deliveries + len(self.joins)
            if came != before:
                before, silent_since = came, now
            elif now - silent_since > DEADLINE:
                raise ServerFailed(f"{otherwise} within {DEADLINE:g} s")

    def read_until_quiet(self, seconds: float) -> None:
        """Reads until nothing has come for so long, or for three times as long if it never ends."""
        begun = before = now = time.monotonic()
        while now - begun < 3 * seconds:
            self.read(seconds)
            before, now = now, time.monotonic()
            if now - before >= seconds:
                return

    def fileno(self) -> int:
        """Its epoll, so that it can be waited for."""
        return self._poll.fileno()

    def close(self) -> None:
        """Closes all connections."""
        for member in self.members.values():
            member.socket.close()
        self._poll.close()

    def _enter(self, member: Member, events: int, answered: list[Member]) -> None:
        """Goes on with a connection that is not in its room yet."""
        if events & select.EPOLLOUT:
            if error := member.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                host, port = self.address
                raise LoadFailed(
                    f"nobody answers on {host}:{port} ({os.strerror(error)}): see that the server "
                    "runs, and on that port"
                )
            self._send(member, self.dialect.upgrade())
            self._poll.modify(member.descriptor, select.EPOLLIN)
            return
        member.carry += self._receive(member)
        if not member.is_upgraded:
            head, end, rest = member.carry.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head[:16]:
                status = head.partition(b"\r\n")[0].decode("ascii", "replace")
                raise ServerFailed(f"the server refused a connection ({status})")
            member.is_upgraded, member.carry = True, rest
            if hail := self.dialect.hail():
                self._send(member, hail)
        if not member.is_hailed:
            if not self.dialect.is_hailed(member.carry):
                return
            member.is_hailed, member.carry = True, b""
            self._send(member, self._first_words(member))
        if self.dialect.has_entered(member.carry):
            member.is_entered = True
            now = time.monotonic_ns()
            self.joins.append(now - member.intended)
            self.entered_at.append(now)
            self.entered.append(member)
            came, member.carry = member.carry, b""
            if member.is_scanned:
                self._take(member, came, answered)
        elif refusal := self.dialect.refusal(member.carry):
            raise LoadFailed(f"the server does not let {member.username} in: {refusal}")

    def _first_words(self, member: Member) -> bytes:
        """What a member says when its WebSocket is open."""
        return self.dialect.enter(member.username, member.room.decode())

    def _scan(self, member: Member, answered: list[Member]) -> None:
        """Reads whole frames."""
        self._take(member, self._receive(member), answered)

    def _take(self, member: Member, data: bytes, answered: list[Member]) -> None:
        now = time.monotonic_ns()
        if member.carry:
            data = member.carry + data
        end = self._whole_frames(member, data)
        member.carry = data[end:]
        if end < len(data):
            data = data[:end]
        if self.mark is CALL:
            member.entries += data.count(CALL)
        self._hear(member, data, now, answered)

    def _hear(self, member: Member, data: bytes, now: int, answered: list[Member]) -> None:
        """Takes whole frames that a scanned member was sent. For loads that want to know more of
        them, this is what to replace; `now` is in ns, and each answer adds to `answered`.
        """
        if member.is_sampled:
            spoken = SPOKEN.findall(data)
            member.entries += len(spoken)
            self.latencies.extend([now - int(number) for _, number in spoken])
        else:
            member.entries += data.count(MARK)
        if member.said:
            if answers := data.count(member.answer):
                answered.extend([member] * answers)
            else:
                self._check(member, data)

    def _check(self, member: Member, data: bytes) -> None:
        """Sees whether what came instead of an answer is a refusal.

        Raises:
            LoadFailed: it is.
        """
        if refusal := self.dialect.refusal(data):
            raise LoadFailed(f"the server refuses what {member.username} says: {refusal}")

    def _whole_frames(self, member: Member, data: bytes) -> int:
        """Finds where the last whole frame ends, and answers pings (RFC 6455, section 5.5.2)."""
        place, size = 0, len(data)
        while place + 2 <= size:
            length, head = data[place + 1], 2
            if length >= _EXTENDED:
                head = 4 if length == _EXTENDED else 10
                length = int.from_bytes(data[place + 2 : place + head])
            end = place + head + length
            if end > size:
                break
            if data[place] == PING:
                self._pong(member, data[place + head : end])
            place = end
        return place

    def _pong(self, member: Member, payload: bytes) -> None:
        self.pongs += 1
        self._send(member, client_frame(payload, PONG))

    @staticmethod
    def _send(member: Member, frames: bytes) -> None:
        try:
            member.socket.send(frames)
        except OSError as error:
            raise _cut(member, error) from None

    def _receive(self, member: Member) -> bytes:
        try:
            size = member.socket.recv_into(self._read_into)
        except OSError as error:
            raise _cut(member, error) from None
        if not size:
            raise _cut(member)
        return self._read_into[:size].tobytes()


def _cut(member: Member, error: OSError | None = None) -> ServerFailed:
    why = f" ({error.strerror})" if error is not None else ""
    return ServerFailed(f"the server closed the connection of {member.username}{why}")


def reset(members: Iterable[Member]) -> None:
    """Counts from here on."""
    for member in members:
        member.entries = 0
