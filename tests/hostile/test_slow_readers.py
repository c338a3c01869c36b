"""Clients that do not read cost the server a bounded amount, and nobody else anything."""

import contextlib
import json
import re
import select
from pathlib import Path

import pytest
from tests.support.raw_client import PATIENCE, RawClient, resident_bytes
from tests.support.server_process import ServerProcess

from causerie.testing.framing import PING, PONG, client_frame

STALLED = 1_000
MESSAGES = 800
PER_READER = 64 * 1024

_CHAIN = re.compile(rb'"seq":(\d+),"prev":(\d+),')


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_thousand_who_stop_reading_cost_little_and_miss_nothing(tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path, "--rate-limit", "0", measured=False) as server,
        contextlib.ExitStack() as clients,
    ):
        speaker = clients.enter_context(RawClient(server.port))
        speaker.hello("Speaker")
        speaker.join("crowd")
        stalled: list[RawClient] = []
        for number in range(STALLED):
            client = clients.enter_context(RawClient(server.port, receive_buffer=4096))
            client.hello(f"Stalled{number}")
            client.join("crowd")
            stalled.append(client)
        before = resident_bytes(server.pid)
        # More than the system holds for a reader.
        content = "x" * 300
        acked = 0
        for number in range(MESSAGES):
            speaker.send(type="message", room="crowd", id=f"m{number}", content=content)
            if number % 64 == 63:
                while acked < number - 64:
                    acked += speaker.next()["type"] == "ack"
        while acked < MESSAGES:
            acked += speaker.next()["type"] == "ack"
        grown = resident_bytes(server.pid) - before
        assert grown < STALLED * PER_READER, f"{grown / STALLED:,.0f} bytes for each"
        for client in stalled:
            assert chain(client) == MESSAGES


def is_ready(client: RawClient, event: int, within: float) -> bool:
    """Waits so many seconds for a socket; not by `select`, which knows 1,024 files only."""
    poll = select.poll()
    poll.register(client.socket, event)
    return bool(poll.poll(within * 1000))


def chain(client: RawClient) -> int:
    """Reads until the last entry has come; answers how many came, each after its predecessor."""
    last, seen, tail = 0, 0, b""
    while last < MESSAGES:
        assert is_ready(client, select.POLLIN, PATIENCE), f"nothing came after {last}"
        data = client.socket.recv(1 << 18)
        assert data, f"the server hung up after {last}"
        text, end = tail + data, 0
        for found in _CHAIN.finditer(text):
            seq, prev = int(found[1]), int(found[2])
            assert prev == last, f"{seq} came after {last}, and is said to follow {prev}"
            last, seen, end = seq, seen + 1, found.end()
        # What is cut in two is whole with the next read.
        tail = text[max(end, len(text) - 64) :]
    return seen


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(120)
@pytest.mark.parametrize("is_traced", [False, True])
def test_a_million_pings_without_reading_cost_no_memory(tmp_path: Path, is_traced: bool) -> None:
    ping = client_frame(b"p" * 125, PING)
    block = ping * 1_000
    with (
        ServerProcess(tmp_path, measured=False) as server,
        RawClient(server.port) as bystander,
        RawClient(server.port, receive_buffer=4096) as flooder,
    ):
        bystander.hello("Bystander")
        bystander.join("quiet")
        flooder.hello("Flooder")
        if is_traced:
            flooder.send(type="trace", on=True)
            flooder.expect("tracing", on=True)
        before = resident_bytes(server.pid)
        flooder.socket.setblocking(False)
        sent = 0
        pending = b""
        heard = 0
        while sent < 1_000_000:
            if not is_ready(flooder, select.POLLOUT, 1.0):
                # The server has stopped reading, as it should: TCP holds the rest back.
                break
            pending = pending or block
            taken = flooder.socket.send(pending)
            pending = pending[taken:]
            sent += 0 if pending else 1_000
            if sent and sent % 100_000 == 0 and not pending:
                heard += 1
                bystander.say("quiet", "still here", f"b{heard}")
        bystander.say("quiet", "the end", "end")
        grown = resident_bytes(server.pid) - before
        assert grown < 4_000_000, f"the server grew by {grown} bytes"
        # It is alive when it reads again: pongs come, and a command is answered.
        flooder.socket.settimeout(PATIENCE)
        assert flooder.next_frame().opcode == PONG
        if is_traced:
            told = flooder.expect("traced")
            assert {frame["opcode"] for frame in told["frames"]} <= {PING, PONG}
            while not told.get("missed"):
                told = flooder.expect("traced")


def test_the_chain_reader_notices_a_hole() -> None:
    entries = [{"type": "message", "seq": seq, "prev": seq - 1, "id": "x"} for seq in (1, 2, 4)]
    texts = [json.dumps(entry, separators=(",", ":")).encode() for entry in entries]
    found = [(int(one[1]), int(one[2])) for text in texts for one in _CHAIN.finditer(text)]
    assert found == [(1, 0), (2, 1), (4, 3)]
