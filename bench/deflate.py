"""Measures what compression (permessage-deflate) costs and saves.

    python -m bench.deflate [--rounds N] [--seconds N] [--only NAME]

Each load is put on `causerie serve --compression on` twice, by members who do not offer to compress
and by members who do, one right after the other. Prints for both:

- the bytes of a delivery, entries and acks together, as they come out of the socket;
- the CPU of the server's process (user and system, all threads) for a delivery, and for a message
  with all that it brings: its commit, its ack and its deliveries;

then the same for pages of history with 100 entries, and what compressing such a page and such an
entry takes at several levels. What is said is cut out of this project's own documents. The members
send all that they say uncompressed, so that what is measured is the sending.

The loopback carries a byte for next to nothing: what a byte costs on the way to people is not in
these numbers. They depend on the machine; compare the two of a pair.
"""

import argparse
import json
import random
import re
import select
import socket
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from causerie.bench.target import OwnServer, own_server
from causerie.server.deflate import deflate_frame
from causerie.testing.framing import client_frame, take_frame, upgrade_request
from causerie.wire.framing import frame_text
from causerie.wire.profiles import SUBPROTOCOL

OFFER: Final = "permessage-deflate; client_max_window_bits"
"""What browsers offer."""

OPTIONS: Final = ("--compression", "on")

ROOM: Final = "bench"
READ: Final = 256 * 1024
DEADLINE: Final = 60.0
"""Seconds."""
DOCUMENTS: Final = ("*.md", "protocol/*.md", "docs/*.md", "examples/*/*.md")
ROOT: Final = Path(__file__).parents[1]
IDLE: Final = 0.5
"""Seconds without a byte after which nothing more comes."""
PAGES: Final = 1000
PAGE_ENTRIES: Final = 100
REPEATED: Final = 200


@dataclass(frozen=True)
class Load:
    """How many are there, how long is what they say, and how much of it there is."""

    name: str
    members: int
    content: int
    """Characters of each message."""
    in_flight: int = 0
    """The next message is sent when one is acked; 0: a steady rate instead."""
    rate: float = 0.0
    """Messages a second."""


LOADS: Final = (
    *(Load(f"500 members, 64 in flight, {n}", 500, n, in_flight=64) for n in (100, 500, 2000)),
    *(Load(f"100 members, 1,000/s, {n}", 100, n, rate=1000.0) for n in (100, 500, 2000)),
    *(Load(f"2 members, 8 in flight, {n}", 2, n, in_flight=8) for n in (100, 500, 2000)),
)


def count(wanted: bytes, before: bytes, data: bytes) -> int:
    """How often something ends in `data`, begun in what was read before it perhaps."""
    reach = len(wanted) - 1
    return data.count(wanted) + (before[-reach:] + data[:reach]).count(wanted)


class Prose:
    """Text as people write it."""

    def __init__(self) -> None:
        files = sorted(path for pattern in DOCUMENTS for path in ROOT.glob(pattern))
        text = " ".join(path.read_text() for path in files)
        self._text = " ".join(re.sub(r"<[^>]*>|[|`*#]", " ", text).split())
        self._at = 0

    def cut(self, length: int) -> str:
        """So many characters of it; the next ones each time, and then again from the beginning."""
        if self._at + length > len(self._text):
            self._at = 0
        begin, self._at = self._at, self._at + length
        return self._text[begin : self._at].strip().ljust(length, ".")


class Member:
    """One connection."""

    def __init__(self, number: int, port: int, *, compression: bool) -> None:
        self.number = number
        self.sent = 0
        self.arrived = 0
        self.tail = b""
        self.compression = compression
        self._buffer = bytearray()
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        offer = OFFER if compression else None
        headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL, "Sec-WebSocket-Extensions": offer}
        self.socket.sendall(upgrade_request(headers=headers))
        self.socket.settimeout(DEADLINE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert (b"permessage-deflate" in head) == compression, head
        self.command(type="hello", username=f"member{number}")
        self.command(type="join", room=ROOM, id="join")
        self.reply("join")

    def command(self, **command: object) -> None:
        """Sends a command."""
        self.socket.sendall(client_frame(json.dumps(command).encode()))

    def say(self, content: str) -> None:
        """Says something in the room."""
        self.sent += 1
        id = f"{self.number}-{self.sent}"
        self.command(type="message", room=ROOM, id=id, content=content)

    def reply(self, id: str) -> bytes:
        """Waits for the reply to a command; answers its text."""
        wanted = f'"id":"{id}"'.encode()
        while True:
            while (frame := take_frame(self._buffer, compression=self.compression)) is None:
                data = self.socket.recv(READ)
                assert data, "the server has closed a connection"
                self.arrived += len(data)
                self._buffer += data
            if wanted in frame.payload:
                return frame.payload


class Crowd:
    """Reads from all members, and counts bytes and acks."""

    def __init__(self, members: list[Member]) -> None:
        self._members = {member.socket.fileno(): member for member in members}
        self._poll = select.epoll()
        for descriptor in self._members:
            self._poll.register(descriptor, select.EPOLLIN)
        self.bytes = 0

    def read(self, timeout: float) -> Iterator[Member]:
        """Reads what comes within the time; answers a member for each ack."""
        for descriptor, _ in self._poll.poll(timeout):
            member = self._members[descriptor]
            data = member.socket.recv(READ)
            assert data, "the server has closed a connection"
            self.bytes += len(data)
            # An ack is too short to be compressed.
            for _ in range(count(b'"type":"ack"', member.tail, data)):
                yield member
            member.tail = data[-16:]

    def settle(self) -> None:
        """Reads until nothing comes any more."""
        before = -1
        while before != self.bytes:
            before = self.bytes
            for _ in self.read(IDLE):
                pass


@dataclass(frozen=True)
class Cost:
    """What one side of a pair took."""

    bytes: float
    cpu: float
    """Microseconds."""


def fan_out(load: Load, prose: Prose, seconds: float, *, compression: bool) -> Cost:
    """Puts a server under a load; the cost is that of a delivery."""
    with own_server(options=OPTIONS) as server:
        members = [
            Member(n, server.address[1], compression=compression) for n in range(load.members)
        ]
        crowd = Crowd(members)
        crowd.settle()
        crowd.bytes = 0
        begun, cpu = time.monotonic(), server.use().cpu
        said = flat_out(load, prose, seconds, crowd, members)
        assert time.monotonic() - begun < DEADLINE
        crowd.settle()
        deliveries = said * load.members
        cost = Cost(crowd.bytes / deliveries, (server.use().cpu - cpu) / deliveries * 1e6)
        for member in members:
            member.socket.close()
        return cost


def flat_out(load: Load, prose: Prose, seconds: float, crowd: Crowd, members: list[Member]) -> int:
    """Says things for some seconds; answers how many."""
    begun = time.monotonic()
    said = 0

    def say(member: Member) -> None:
        nonlocal said
        member.say(prose.cut(load.content))
        said += 1

    for number in range(load.in_flight):
        say(members[number % len(members)])
    while (elapsed := time.monotonic() - begun) < seconds:
        if load.in_flight:
            for member in crowd.read(1.0):
                say(member)
        elif said < elapsed * load.rate:
            say(members[said % len(members)])
        else:
            for _ in crowd.read(0.001):
                pass
    return said


def pages(
    content: int, prose: Prose, server: OwnServer, *, compression: bool
) -> tuple[Cost, bytes]:
    """Asks for the same page again and again; answers the cost of one, and a page."""
    member = Member(int(compression), server.address[1], compression=compression)
    if content:
        for _ in range(PAGE_ENTRIES):
            member.say(prose.cut(content))
            member.reply(f"{member.number}-{member.sent}")
    ask = {"type": "history", "room": ROOM, "limit": PAGE_ENTRIES}
    member.command(**ask, id="first")
    page = member.reply("first")
    cpu, member.arrived = server.use().cpu, 0
    for number in range(PAGES):
        member.command(**ask, id=f"h{number}")
        assert member.reply(f"h{number}").count(b'"prev":') == page.count(b'"prev":')
    cost = Cost(member.arrived / PAGES, (server.use().cpu - cpu) / PAGES * 1e6)
    member.socket.close()
    return cost, page


def show_pair(name: str, pairs: list[tuple[Cost, Cost]]) -> None:
    """Prints the medians of some pairs."""
    plain = Cost(*(median(getattr(one, of) for one, _ in pairs) for of in ("bytes", "cpu")))
    packed = Cost(*(median(getattr(one, of) for _, one in pairs) for of in ("bytes", "cpu")))
    more = median(after.cpu - before.cpu for before, after in pairs)
    print(
        f"{name:36} {plain.bytes:9,.0f} {packed.bytes:9,.0f} {packed.bytes / plain.bytes:6.0%}"
        f" {plain.cpu:10.2f} {packed.cpu:10.2f} {more:+10.2f}"
    )


def show_levels(name: str, text: bytes) -> None:
    """Prints what compressing one text takes."""
    for level in (1, 6):
        deflated, took = b"", float("inf")
        for _ in range(5):
            begun = time.process_time()
            for _ in range(REPEATED):
                deflating = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
                deflated = deflating.compress(text) + deflating.flush(zlib.Z_SYNC_FLUSH)
            took = min(took, (time.process_time() - begun) / REPEATED)
        show_one(f"{name}, level {level}", len(text), len(deflated), took)
    frame = frame_text(text)
    begun = time.process_time()
    for _ in range(REPEATED):
        deflate_frame(frame)
    took = (time.process_time() - begun) / REPEATED
    show_one(f"{name}, as the server does it", len(frame), len(deflate_frame(frame)), took)


def show_one(name: str, before: int, after: int, took: float) -> None:
    """Prints what one text took, in microseconds."""
    print(f"{name:36} {before:9,} {after:9,} {after / before:6.0%} {took * 1e6:10.1f}")


def entry(content: str) -> bytes:
    """An entry as v1 shows it."""
    shown = {
        "type": "message",
        "room": "lobby",
        "seq": 123_456,
        "prev": 123_455,
        "id": f"{random.Random(content).getrandbits(128):032x}",
        "username": "Alice",
        "content": content,
        "timestamp": 1_800_000_000_123,
    }
    return json.dumps(shown, separators=(",", ":")).encode()


def main() -> None:
    """Runs the loads and prints what they have shown."""
    parser = argparse.ArgumentParser(description="Measures compression of causerie serve.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", default="", help="loads whose name contains this")
    arguments = parser.parse_args()
    prose = Prose()
    print(
        f"{'':36} {'bytes':>9} {'deflated':>9} {'':6} {'CPU µs':>10} {'deflated':>10} {'more':>10}"
    )
    for load in LOADS:
        if arguments.only in load.name:
            pairs = [
                (
                    fan_out(load, prose, arguments.seconds, compression=False),
                    fan_out(load, prose, arguments.seconds, compression=True),
                )
                for _ in range(arguments.rounds)
            ]
            show_pair(load.name, pairs)
    for content in (50, 100, 500):
        name = f"history, 100 entries, {content}"
        if arguments.only in name:
            with own_server(options=OPTIONS) as server:
                plain, page = pages(content, prose, server, compression=False)
                pairs = [(plain, pages(content, prose, server, compression=True)[0])]
                for _ in range(arguments.rounds - 1):
                    again = pages(0, prose, server, compression=False)[0]
                    pairs.append((again, pages(0, prose, server, compression=True)[0]))
            show_pair(name, pairs)
            show_levels("  one page", page)
    for content in (50, 100, 200, 300, 500, 1000, 2000):
        name = f"one entry, {content}"
        if arguments.only in name:
            show_levels(f"  {name}", entry(prose.cut(content)))


if __name__ == "__main__":
    main()
