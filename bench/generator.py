"""A server process to measure, and a generator of load that is lighter than it.

The generator only counts bytes, and reads the content of a few members' messages.
"""

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
from pathlib import Path

from causerie.testing.framing import client_frame, upgrade_request
from causerie.wire.profiles import SUBPROTOCOL

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
READ = 256 * 1024
TAIL = 32
ROOM = "bench"
DEADLINE = 60.0

_ENTRY = b'"prev":'
_ACK = b'"type":"ack"'
_SENT_AT = re.compile(rb'"content":"(\d+) ')


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


def count(wanted: bytes, before: bytes, data: bytes) -> int:
    """How often something ends in `data`, begun in what was read before it perhaps."""
    reach = len(wanted) - 1
    return data.count(wanted) + (before[-reach:] + data[:reach]).count(wanted)


class Member:
    """One connection of the generator."""

    def __init__(self, number: int, port: int, receive_buffer: int | None = None) -> None:
        self.number = number
        self.sent = 0
        self.tail = b""
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(upgrade_request(headers={"Sec-WebSocket-Protocol": SUBPROTOCOL}))
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
        self.socket.sendall(client_frame(json.dumps(command).encode()))

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
        self.by_member = dict.fromkeys(self.members, 0)
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
            entries = count(_ENTRY, member.tail, data)
            self.deliveries += entries
            self.by_member[descriptor] += entries
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
