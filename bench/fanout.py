"""Measures fan-out: one room, many members, everything stored and synced to the disk.

    python bench/fanout.py [--rounds N] [--only NAME] [--json]

Starts `causerie serve` on a free port of the loopback with a new data folder, opens the members'
connections, and sends, either at a steady rate or with a fixed number of messages in flight (the
next is sent when one is acked). Prints for each load:

- deliveries a second: messages that reached members, all members together;
- CPU per delivery: the user and system time of the server's process (all its threads, from the
  operating system's accounting) divided by the deliveries, in microseconds;
- latency from the intended time of sending to the arrival at a member, sampled, in milliseconds;
- memory: the resident size of the server, and what a joined idle connection adds to it.

The generator only counts bytes and reads the content of a few members' messages. If it was busy for
more than 90 % of the time, its numbers are a lower bound of what the server can do, and it says so.
Absolute numbers depend on the machine; compare runs made side by side.
"""

import argparse
import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
READ = 256 * 1024
TAIL = 32
ROOM = "bench"
DEADLINE = 60.0

_ENTRY = b'"prev":'
_ACK = b'"type":"ack"'
_SENT_AT = re.compile(rb'"content":"(\d+) ')
_MASK = b"\0\0\0\0"
"""A mask of zeros is legal, and leaves the payload as it is (RFC 6455, section 5.3)."""


@dataclass(frozen=True)
class Load:
    """One load: who is there and how much is said."""

    name: str
    members: int
    senders: int
    in_flight: int
    """Of all senders together; 0: a steady rate instead."""
    rate: float
    """Messages a second; 0: as fast as the acks allow."""
    seconds: float


LOADS = (
    Load("100 members, 100 messages/s", 100, 10, 0, 100.0, 5.0),
    Load("500 members, 64 in flight", 500, 64, 64, 0.0, 5.0),
    Load("1,000 members, 50 senders", 1000, 50, 50, 0.0, 5.0),
)


@dataclass(frozen=True)
class Result:
    """What one load has shown."""

    name: str
    deliveries_per_second: float
    cpu_us_per_delivery: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    rss_kb_per_connection: float
    generator_busy: float


class Server:
    """A server process of our own."""

    def __init__(self, folder: str) -> None:
        command = [sys.executable, "-m", "causerie.cli", "serve"]
        options = ["--host", "127.0.0.1", "--port", "0", "--data", folder, "--rate-limit", "0"]
        self.process = subprocess.Popen(
            command + options, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None, "it was asked for"
        for line in self.process.stdout:
            if found := re.search(r"http://\S+:(\d+)", line):
                self.port = int(found[1])
                return
        raise SystemExit("causerie serve did not start; try it by hand")

    def cpu(self) -> float:
        """Seconds of processor time so far, user and system, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def rss(self) -> int:
        """Bytes resident."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE

    def stop(self) -> None:
        """Ends it as an operator would."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """A server on a free port with a new data folder."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            yield server
        finally:
            server.stop()


def frame(payload: bytes) -> bytes:
    """A text frame as a client sends it."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, 0x80 | size)) + _MASK + payload
    return bytes((0x81, 0x80 | 126)) + size.to_bytes(2) + _MASK + payload


def count(wanted: bytes, before: bytes, data: bytes) -> int:
    """How often something ends in `data`, begun in what was read before it perhaps."""
    reach = len(wanted) - 1
    return data.count(wanted) + (before[-reach:] + data[:reach]).count(wanted)


class Member:
    """One connection of the generator."""

    def __init__(self, number: int, port: int) -> None:
        self.number = number
        self.sent = 0
        self.tail = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: causerie.v1\r\n\r\n"
        )
        self.wait_for(b"\r\n\r\n")
        hello = {"type": "hello", "username": f"member{number}"}
        self.command(hello)
        self.command({"type": "join", "room": ROOM})
        self.wait_for(b'"type":"joined"')
        self.socket.setblocking(False)

    def wait_for(self, wanted: bytes) -> None:
        """Reads until something has come."""
        self.socket.settimeout(DEADLINE)
        seen = b""
        while wanted not in seen:
            data = self.socket.recv(READ)
            if not data:
                raise SystemExit("the server has closed a connection")
            seen += data

    def command(self, command: Mapping[str, object]) -> None:
        """Sends a command."""
        self.socket.sendall(frame(json.dumps(command).encode()))

    def say(self, intended: int) -> None:
        """Sends a message that tells when it should have been sent, in nanoseconds."""
        self.sent += 1
        self.command(
            {
                "type": "message",
                "room": ROOM,
                "id": f"{self.number}-{self.sent}",
                "content": f"{intended} " + "x" * 40,
            }
        )


class Generator:
    """Reads from all members, sends, and counts."""

    def __init__(self, members: list[Member]) -> None:
        self.members = {member.socket.fileno(): member for member in members}
        self.sampled = {member.socket.fileno() for member in members[:: max(1, len(members) // 10)]}
        self.poll = select.epoll()
        for descriptor in self.members:
            self.poll.register(descriptor, select.EPOLLIN)
        self.deliveries = 0
        self.acks = 0
        self.latencies: list[int] = []

    def read(self, timeout: float) -> list[Member]:
        """Reads what has come within the time; answers a member for each ack."""
        acked: list[Member] = []
        for descriptor, _ in self.poll.poll(timeout):
            member = self.members[descriptor]
            data = member.socket.recv(READ)
            now = time.monotonic_ns()
            if not data:
                raise SystemExit("the server has closed a connection")
            self.deliveries += count(_ENTRY, member.tail, data)
            acks = count(_ACK, member.tail, data)
            if acks:
                self.acks += acks
                acked.extend([member] * acks)
            if descriptor in self.sampled:
                self.latencies.extend(now - int(sent) for sent in _SENT_AT.findall(data))
            member.tail = data[-TAIL:]
        return acked

    def settle(self, expected: int) -> None:
        """Reads until all deliveries have come."""
        until = time.monotonic() + DEADLINE
        while self.deliveries < expected:
            self.read(0.1)
            if time.monotonic() > until:
                raise SystemExit(f"{expected - self.deliveries} deliveries never came")


def run(load: Load) -> Result:
    """Puts a server under one load."""
    with running_server() as server:
        empty = server.rss()
        members = [Member(number, server.port) for number in range(load.members)]
        generator = Generator(members)
        while generator.read(0.6):
            pass
        per_connection = (server.rss() - empty) / load.members
        senders = members[: load.senders]
        if load.in_flight:
            elapsed, cpu, busy = flat_out(load, generator, senders, server)
        else:
            elapsed, cpu, busy = steadily(load, generator, senders, server)
        latencies = sorted(generator.latencies)
        return Result(
            name=load.name,
            deliveries_per_second=generator.deliveries / elapsed,
            cpu_us_per_delivery=cpu / generator.deliveries * 1e6,
            p50_ms=latencies[len(latencies) // 2] / 1e6,
            p99_ms=latencies[len(latencies) * 99 // 100] / 1e6,
            rss_mb=server.rss() / 1e6,
            rss_kb_per_connection=per_connection / 1024,
            generator_busy=busy,
        )


def flat_out(
    load: Load, generator: Generator, senders: list[Member], server: Server
) -> tuple[float, float, float]:
    """Keeps a fixed number of messages in flight."""
    begun, cpu, own = time.monotonic(), server.cpu(), time.process_time()
    sent = 0
    for number in range(load.in_flight):
        senders[number % len(senders)].say(time.monotonic_ns())
        sent += 1
    while time.monotonic() - begun < load.seconds:
        for member in generator.read(1.0):
            member.say(time.monotonic_ns())
            sent += 1
    generator.settle(sent * load.members)
    elapsed = time.monotonic() - begun
    return elapsed, server.cpu() - cpu, (time.process_time() - own) / elapsed


def steadily(
    load: Load, generator: Generator, senders: list[Member], server: Server
) -> tuple[float, float, float]:
    """Sends at a steady rate. The latency counts from when a message should have been sent, so that
    a server that stalls cannot hide it by holding up the generator (coordinated omission).
    """
    begun, cpu, own = time.monotonic(), server.cpu(), time.process_time()
    begun_ns = time.monotonic_ns()
    total = int(load.rate * load.seconds)
    for number in range(total):
        intended = begun_ns + int(number / load.rate * 1e9)
        while (wait := (intended - time.monotonic_ns()) / 1e9) > 0:
            generator.read(wait)
        senders[number % len(senders)].say(intended)
    generator.settle(total * load.members)
    elapsed = time.monotonic() - begun
    return elapsed, server.cpu() - cpu, (time.process_time() - own) / elapsed


def main() -> None:
    """Runs the loads and prints what they have shown."""
    parser = argparse.ArgumentParser(description="Measures fan-out of causerie serve.")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="loads whose name contains this")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results: list[Result] = []
    chosen = [load for load in LOADS if arguments.only in load.name]
    for number in range(arguments.rounds):
        for load in chosen:
            if sys.stderr.isatty():
                print(f"\r\033[Kround {number + 1}: {load.name} …", end="", file=sys.stderr)
            results.append(run(load))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return
    print(
        f"{'load':30} {'deliveries/s':>13} {'CPU µs each':>12} {'p50 ms':>8} {'p99 ms':>8}"
        f" {'RSS MB':>7} {'KB each':>8}"
    )
    for result in results:
        note = "  generator busy: a lower bound" if result.generator_busy > 0.9 else ""
        print(
            f"{result.name:30} {result.deliveries_per_second:13,.0f}"
            f" {result.cpu_us_per_delivery:12.2f} {result.p50_ms:8.1f} {result.p99_ms:8.1f}"
            f" {result.rss_mb:7.1f} {result.rss_kb_per_connection:8.1f}{note}"
        )


if __name__ == "__main__":
    main()
