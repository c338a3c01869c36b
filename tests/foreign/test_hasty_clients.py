"""Clients that get things wrong, or do not wait."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.foreign.clients import raw_client
from tests.support.line_process import PATIENCE
from tests.support.server_process import ServerProcess

from causerie.server.settings import HubSettings
from causerie.testing.memory_server import START, MemoryServer, MemorySocket

NOW_S = START / 1_000_000
NOW_MS = START / 1_000


def said(server: MemoryServer) -> list[tuple[str, str]]:
    """All that the lobby's log holds."""
    listener = server.connect(v1=False)
    listener.send('{"type":"join","username":"Listener","since":0}')
    server.run()
    frames = frames_of(listener)
    return [(frame["username"], frame["content"]) for frame in frames if "id" in frame]


def frames_of(client: MemorySocket) -> list[dict[str, Any]]:
    return [json.loads(text) for text in client.take()]


def hasty(
    server: MemoryServer, *frames: str, code: int | None = 1000, v1: bool = False
) -> MemorySocket:
    """A client whose frames and close frame come in one segment of TCP."""
    client = server.connect(v1=v1)
    for frame in frames:
        client.receiver.receive(frame.encode())
    client.hang_up(code)
    server.run()
    return client


@pytest.mark.parametrize("code", [1000, 1001, 1005])
def test_what_was_said_just_before_a_goodbye_is_kept(code: int) -> None:
    server = MemoryServer()
    hasty(
        server,
        '{"type":"join","username":"Alice"}',
        '{"type":"message","content":"one"}',
        '{"type":"message","content":"two"}',
        code=code,
    )
    assert not server.hub.connections
    assert said(server) == [("Alice", "one"), ("Alice", "two")]


@pytest.mark.parametrize("code", [1000, 1001, 1005])
def test_the_v1_profile_too_carries_out_what_came_before_a_close_frame(code: int) -> None:
    server = MemoryServer()
    hasty(
        server,
        '{"type":"hello","username":"Alice"}',
        '{"type":"join","room":"lobby"}',
        '{"type":"message","room":"lobby","content":"one"}',
        code=code,
        v1=True,
    )
    assert not server.hub.connections
    assert said(server) == [("Alice", "one")]


def test_a_single_line_of_somebody_unnamed_who_goes_at_once_is_kept() -> None:
    server = MemoryServer()
    hasty(server, '{"type":"message","content":"passing by"}')
    assert not server.hub.connections
    assert said(server) == [("Anonymous", "passing by")]


def test_a_private_word_just_before_a_goodbye_reaches_its_reader() -> None:
    server = MemoryServer()
    reader = server.connect(v1=False)
    reader.send('{"type":"join","username":"Bob"}')
    server.run()
    hasty(
        server,
        '{"type":"join","username":"Alice"}',
        '{"type":"private","to":"Bob","content":"psst"}',
    )
    shown = [(frame["type"], frame["content"]) for frame in frames_of(reader)]
    assert ("private", "psst") in shown
    assert len(server.hub.connections) == 1


def test_whoever_has_gone_hastily_frees_the_name() -> None:
    server = MemoryServer()
    hasty(server, '{"type":"join","username":"Alice"}', '{"type":"message","content":"one"}')
    other = server.connect(v1=False)
    other.send('{"type":"join","username":"Alice"}')
    server.run()
    assert [frame["content"] for frame in frames_of(other)][1:] == ["Alice has joined the chat"]


def test_somebody_slow_who_says_goodbye_is_not_waited_for() -> None:
    server = MemoryServer()
    client = server.connect(v1=False)
    client.send('{"type":"join","username":"Alice"}')
    server.run()
    client.window = 0
    client.receiver.receive(b'{"type":"message","content":"one"}')
    server.run()
    client.receiver.receive(b'{"type":"message","content":"two"}')
    client.hang_up(1000)
    server.run()
    assert not server.hub.connections
    assert said(server) == [("Alice", "one"), ("Alice", "two")]


def test_a_lost_link_loses_what_still_waited() -> None:
    server = MemoryServer()
    hasty(
        server,
        '{"type":"join","username":"Alice"}',
        '{"type":"message","content":"one"}',
        code=None,
    )
    assert not server.hub.connections
    assert said(server) == []


def test_a_flood_is_cut_short_by_a_goodbye_and_leaves_nothing_behind() -> None:
    server = MemoryServer(settings=HubSettings(strikes=3))
    hasty(server, '{"type":"join","username":"Alice"}', *["no JSON"] * 10)
    assert not server.hub.connections


def test_somebody_whom_the_server_has_closed_is_not_waited_for() -> None:
    server = MemoryServer()
    client = server.connect(v1=False)
    client.receiver.receive(b'{"type":"join","username":"Alice"}')
    client.receiver.receive(b'{"type":"message","content":"one"}')
    stopped = list[bool]()
    server.hub.stop(lambda: stopped.append(True))
    server.run()
    assert stopped == [True]
    assert client.close_code == 1001
    assert not server.hub.connections


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ('{"type":"nick","timestamp":%s}', "nick"),
        ('{"type":"message","content":7,"timestamp":%s}', "content"),
        ('{"type":"join","username":"System","timestamp":%s}', "the server's own"),
        ('{"type":"join","timestamp":%s}', "username"),
    ],
)
@pytest.mark.parametrize("now", [NOW_S, NOW_MS], ids=["seconds", "milliseconds"])
def test_an_error_is_told_in_the_unit_of_the_very_frame_that_is_refused(
    now: float, first: str, words: str
) -> None:
    server = MemoryServer()
    client = server.connect(v1=False)
    client.send(first % now)
    server.run()
    greeting, error = frames_of(client)
    assert greeting["content"] == "Welcome! Please identify yourself."
    assert greeting["timestamp"] == error["timestamp"] == now
    assert error["type"] == "message"
    assert error["username"] == "System"
    assert words in error["content"]


@pytest.mark.parametrize("text", ["no JSON", "[1]", "7", '{"timestamp":', "[" * 5000])
def test_of_what_is_no_frame_nothing_is_learnt(text: str) -> None:
    server = MemoryServer()
    client = server.connect(v1=False)
    client.send(text)
    server.run()
    greeting, error = frames_of(client)
    assert greeting["timestamp"] == 0
    assert error["timestamp"] == NOW_MS


@pytest.mark.real
@pytest.mark.slow
def test_a_whole_visit_in_one_segment_of_tcp_is_heard(tmp_path: Path) -> None:
    handshake = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    def masked(opcode: int, payload: bytes) -> bytes:
        """A frame of a client, whose mask changes nothing (RFC 6455, section 5.3)."""
        return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload

    with (
        ServerProcess(tmp_path, measured=False) as server,
        raw_client(server.ws) as reader,
    ):
        reader.send("join", username="Reader")
        reader.wait_for("Reader has joined the chat")
        for n in range(10):
            visit = (
                masked(1, b'{"type":"join","username":"Hasty"}')
                + masked(1, b'{"type":"message","content":"visit %d"}' % n)
                + masked(8, b"\x03\xe8")
            )
            with socket.create_connection(("localhost", server.port), PATIENCE) as link:
                link.sendall(handshake + visit)
                while link.recv(4096):
                    pass
            assert reader.wait_for(f"visit {n}")["username"] == "Hasty"
