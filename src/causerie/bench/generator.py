"""The members of a load: bare sockets behind one epoll, which cost less than what they measure."""

import select
import socket
import time
from array import array
from collections.abc import Callable, Iterable
from typing import Final

from causerie.bench.dialects import Dialect
from causerie.bench.marks import MARK, SPOKEN, TILDE, unfinished
from causerie.testing.framing import PONG, client_frame
from causerie.wire.errors import CauserieError

READ: Final = 256 * 1024
"""Bytes read at once."""

CARRY: Final = len(MARK)
"""Bytes before what is read, for the beginning of a mark that came with the last reading."""

DEADLINE: Final = 60.0
"""Seconds that nothing at all may come while something is waited for."""

MEMBERS_AN_ADDRESS: Final = 20_000
"""Connections from one address of ours to one port, at most: Linux has 28,232 ephemeral ports."""

_PING: Final = 0x89
_EXTENDED: Final = 126


class LoadFailed(CauserieError):
    """The load could not go on. The message says what happened, and what to do."""


class Member:
    """One connection. `number` is its own in the whole load, over all processes."""

    __slots__ = (
        "answer",
        "carry",
        "descriptor",
        "entries",
        "intended",
        "is_entered",
        "is_scanned",
        "is_upgraded",
        "number",
        "room",
        "said",
        "socket",
        "username",
    )

    def __init__(self, number: int, username: str, room: str, *, is_scanned: bool) -> None:
        self.number = number
        self.username = username
        self.room = room.encode()
        self.is_scanned = is_scanned
        """Whether its messages are read, not only counted; whoever speaks has to be."""
        self.answer = b""
        self.socket = socket.socket()
        self.descriptor = self.socket.fileno()
        self.carry = b""
        """What came and is not whole yet."""
        self.entries = 0
        """Messages that came."""
        self.said = 0
        self.intended = 0
        """When it should have begun what it waits for, in ns."""
        self.is_upgraded = False
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
        self._poll = select.epoll()
        self._buffer = bytearray(CARRY + READ)
        self._read_into = memoryview(self._buffer)[CARRY:]

    @property
    def deliveries(self) -> int:
        """Messages that reached members, all members together."""
        return sum(member.entries for member in self.members.values())

    def connect(self, member: Member, intended: int, receive_buffer: int | None = None) -> None:
        """Begins to connect; the member goes into its room by itself."""
        ours = member.socket
        ours.setblocking(False)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if self.address[0].startswith("127."):
            ours.bind((f"127.0.0.{2 + member.number // MEMBERS_AN_ADDRESS}", 0))
        member.answer = self.dialect.answer(member.number)
        member.intended = intended
        ours.connect_ex(self.address)
        self.members[member.descriptor] = member
        self._poll.register(member.descriptor, select.EPOLLOUT)

    def disconnect(self, member: Member) -> None:
        """Closes a connection without a goodbye."""
        del self.members[member.descriptor]
        member.socket.close()

    def say(self, member: Member, number: int) -> None:
        """Says something with a number in it: when it should have been said, most often."""
        member.said += 1
        frame = self.dialect.say(member.number, number, member.room, member.said, self.size)
        try:
            member.socket.sendall(frame)
        except BlockingIOError:
            raise LoadFailed("the server does not read what is said to it: say less") from None

    def read(self, timeout: float) -> list[Member]:
        """Reads what comes within so many seconds; returns a member for each answer to it."""
        answered: list[Member] = []
        members, buffer = self.members, self._buffer
        for descriptor, events in self._poll.poll(timeout):
            member = members[descriptor]
            if not member.is_entered:
                self._enter(member, events)
                continue
            if member.is_scanned:
                self._scan(member, answered)
                continue
            try:
                end = CARRY + member.socket.recv_into(self._read_into)
            except ConnectionError as error:
                raise _cut(member, error) from None
            if end == CARRY:
                raise _cut(member)
            start = CARRY - len(member.carry)
            buffer[start:CARRY] = member.carry
            member.entries += buffer.count(MARK, start, end)
            member.carry = unfinished(buffer, start, end) if buffer[end - 1] == TILDE else b""
            if buffer[CARRY] == _PING and end - CARRY == 2 + buffer[CARRY + 1]:
                self._pong(member, bytes(buffer[CARRY + 2 : end]))
        return answered

    def settle(self, expected: int) -> None:
        """Reads until so many deliveries have come.

        Raises:
            LoadFailed: they do not come.
        """
        self.wait_until(lambda: self.deliveries >= expected, "messages never came")

    def wait_until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        """Reads until something is so.

        Raises:
            LoadFailed: nothing came for a minute, and it is not.
        """
        silent_since = time.monotonic()
        before = -1
        while not is_so():
            self.read(0.05)
            now, deliveries = time.monotonic(), self.deliveries + len(self.joins)
            if deliveries != before:
                before, silent_since = deliveries, now
            elif now - silent_since > DEADLINE:
                raise LoadFailed(f"{otherwise} within {DEADLINE:.0f} s: see the server's log")

    def close(self) -> None:
        """Closes all connections."""
        for member in self.members.values():
            member.socket.close()
        self._poll.close()

    def _enter(self, member: Member, events: int) -> None:
        """Goes on with a connection that is not in its room yet."""
        if events & select.EPOLLOUT:
            if error := member.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise _cut(member, OSError(error, "the connection was refused"))
            member.socket.send(self.dialect.upgrade())
            self._poll.modify(member.descriptor, select.EPOLLIN)
            return
        try:
            data = member.socket.recv(READ)
        except ConnectionError as error:
            raise _cut(member, error) from None
        if not data:
            raise _cut(member)
        member.carry += data
        if not member.is_upgraded:
            head, end, rest = member.carry.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head[:16]:
                status = head.partition(b"\r\n")[0].decode("ascii", "replace")
                raise LoadFailed(f"the server refused a connection ({status}): see its log")
            member.is_upgraded, member.carry = True, rest
            member.socket.send(self.dialect.enter(member.username, member.room.decode()))
        if self.dialect.has_entered(member.carry):
            member.is_entered = True
            if not member.is_scanned:
                member.carry = b""
            self.joins.append(time.monotonic_ns() - member.intended)
            self.entered.append(member)

    def _scan(self, member: Member, answered: list[Member]) -> None:
        """Reads whole frames."""
        try:
            data = member.socket.recv(READ)
        except ConnectionError as error:
            raise _cut(member, error) from None
        if not data:
            raise _cut(member)
        now = time.monotonic_ns()
        if member.carry:
            data = member.carry + data
        end = self._whole_frames(member, data)
        member.carry = data[end:]
        if end < len(data):
            data = data[:end]
        spoken = SPOKEN.findall(data)
        member.entries += len(spoken)
        self.latencies.extend([now - int(number) for _, number in spoken])
        if (answers := data.count(member.answer)) and member.said:
            answered.extend([member] * answers)

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
            if data[place] == _PING:
                self._pong(member, data[place + head : end])
            place = end
        return place

    def _pong(self, member: Member, payload: bytes) -> None:
        member.socket.send(client_frame(payload, PONG))


def _cut(member: Member, error: OSError | None = None) -> LoadFailed:
    why = f" ({error.strerror})" if error is not None else ""
    return LoadFailed(f"the server closed the connection of {member.username}{why}: see its log")


def reset(members: Iterable[Member]) -> None:
    """Counts from here on."""
    for member in members:
        member.entries = 0
