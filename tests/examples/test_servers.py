"""Both servers of examples/first-chat keep what the plain profile promises, and outlive whoever
they serve.
"""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from socket import create_connection
from typing import Any

import pytest
from tests.examples.programs import HOST, LANGUAGES, ExampleServer, Language, command, environment
from tests.support.raw_client import Closed, RawClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from causerie.cli import main
from causerie.testing.framing import BINARY, CLOSE, PING, PONG, client_frame

pytestmark = [pytest.mark.real, pytest.mark.slow]

BEAT = "0.2"
"""Seconds between two pings, where a test is about them."""

PATIENCE = 20.0


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    chosen: Language = request.param
    return chosen


@pytest.fixture
def server(language: Language) -> Iterator[ExampleServer]:
    with ExampleServer(language) as server:
        yield server


def say(socket: ClientConnection, kind: str, **fields: object) -> None:
    socket.send(json.dumps({"type": kind, **fields}))


def next_frame(socket: ClientConnection) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(socket.recv(PATIENCE))
    return frame


def wait_for(socket: ClientConnection, content: str) -> None:
    """Reads until this is said."""
    while next_frame(socket)["content"] != content:
        pass


@contextmanager
def person(server: ExampleServer, name: str) -> Iterator[ClientConnection]:
    """Somebody in the lobby, whose library answers pings by itself."""
    with connect(server.ws, proxy=None, ping_interval=None, close_timeout=1) as socket:
        say(socket, "join", username=name)
        wait_for(socket, f"{name} has joined the chat")
        yield socket


def raw(server: ExampleServer, name: str, **more: Any) -> RawClient:
    """Somebody in the lobby who does nothing by itself, and answers no ping."""
    client = RawClient(server.port, v1=False, **more)
    client.send(type="join", username=name)
    client.expect("message", content=f"{name} has joined the chat")
    return client


def read_to_the_end(client: RawClient) -> int | None:
    """Reads until the server ends the connection, and returns with which code."""
    try:
        while True:
            client.next_frame()
    except Closed as closed:
        return closed.code


def test_the_basic_conversations_hold(
    server: ExampleServer, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["check", server.ws, "--plain", "--tag", "basic"])
    said = capsys.readouterr().out
    assert code == 0, said
    held = re.search(r"^held +(\d+)$", said, re.MULTILINE)
    assert held is not None, said
    assert int(held[1]) >= 10
    assert "skipped    0" in said


def test_one_who_answers_pings_stays_and_one_who_does_not_is_ended(language: Language) -> None:
    with (
        ExampleServer(language, HEARTBEAT_SECONDS=BEAT) as server,
        person(server, "Witness") as witness,
        raw(server, "Listener") as client,
    ):
        answered = 0
        while answered < 10:
            frame = client.next_frame()
            if frame.opcode == PING:
                client.send_bytes(client_frame(frame.payload, PONG))
                answered += 1
        client.send(type="message", content="still here, having said nothing all the time")
        client.expect("message", content="still here, having said nothing all the time")
        read_to_the_end(client)  # from here on, nothing is answered
        wait_for(witness, "Listener has left the chat")


def test_one_who_reads_nothing_any_more_is_ended_by_the_heartbeat(language: Language) -> None:
    with (
        ExampleServer(language, HEARTBEAT_SECONDS=BEAT) as server,
        person(server, "Witness") as witness,
        raw(server, "Sleeper"),
    ):
        wait_for(witness, "Sleeper has left the chat")


DEEP = "[" * 30_000 + "]" * 30_000

NONSENSE = [
    "",
    "hello?",
    "null",
    "[]",
    DEEP,
    f'{{"type":{DEEP}}}',
    "9" * 10_000,
    "{}",
    '{"type":7}',
    '{"type":{"toString":1,"valueOf":1}}',
    '{"type":"__proto__"}',
    '{"type":"constructor","__proto__":{"type":"join"}}',
    '{"type":"join"}',
    '{"type":"join","username":["a"]}',
    '{"type":"join","username":"\\ud800"}',
    '{"type":"join","username":"","room":""}',
    '{"type":"join","username":"a\\u001b[31m"}',
    '{"type":"join","username":"Eve","room":{}}',
    '{"type":"message","content":"\\ud800"}',
    '{"type":"message","content":1e999}',
    '{"type":"message","content":"x","room":"elsewhere","timestamp":"now"}',
    '{"type":"private","content":"x"}',
    '{"type":"private","to":{"toString":1},"content":"x"}',
    '{"type":"leave","room":"nowhere"}',
]


def test_frames_that_make_no_sense_are_answered_and_end_nobody(server: ExampleServer) -> None:
    with person(server, "Alice") as alice, person(server, "Mallory") as mallory:
        wait_for(alice, "Mallory has joined the chat")
        for frame in NONSENSE:
            mallory.send(frame)
            answer = next_frame(mallory)
            assert answer["username"] == "System", (frame, answer)
        say(mallory, "message", content="I tried")
        assert next_frame(alice)["content"] == "I tried"


BROKEN: list[tuple[str, bytes, int | None]] = [
    ("too long", client_frame(b"x" * 65_537), 1009),
    ("binary", client_frame(b"{}", BINARY), 1003),
    ("not UTF-8", client_frame(b"\xff\xfe"), 1007),
    ("no mask", b"\x81\x02{}", 1002),
    ("reserved bits", client_frame(b"{}", reserved=7), 1002),
    ("unknown opcode", client_frame(b"", 0x3), 1002),
    ("a continuation of nothing", client_frame(b"{}", 0x0), 1002),
]


@pytest.mark.parametrize(("data", "code"), [pytest.param(*row[1:], id=row[0]) for row in BROKEN])
def test_what_breaks_websocket_closes_that_connection_alone(
    server: ExampleServer, data: bytes, code: int | None
) -> None:
    with person(server, "Alice") as alice, raw(server, "Mallory") as mallory:
        mallory.send_bytes(data)
        assert read_to_the_end(mallory) == code
        mallory.close()
        wait_for(alice, "Mallory has left the chat")


def test_who_knocks_with_anything_but_a_websocket_harms_nobody(server: ExampleServer) -> None:
    for knock in (b"", b"\x16\x03\x01\0\0", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"hello\r\n\r\n"):
        with create_connection((HOST, server.port), PATIENCE) as stranger:
            stranger.sendall(knock)
            if knock.endswith(b"\r\n\r\n"):
                assert b"101" not in stranger.recv(1000)
    with person(server, "Alice"):
        assert server.process.errors == ""


def cut(client: RawClient) -> None:
    client.close()


def goodbye(client: RawClient) -> None:
    client.send_bytes(client_frame((1000).to_bytes(2), CLOSE))


@pytest.mark.parametrize("leave", [cut, goodbye])
def test_those_who_leave_while_all_are_told_something_harm_nobody(
    server: ExampleServer, leave: Callable[[RawClient], None]
) -> None:
    lines = 300
    with person(server, "Alice") as alice, person(server, "Bob") as bob, ExitStack() as stack:
        leavers = [stack.enter_context(raw(server, f"Leaver{n}")) for n in range(10)]
        wait_for(alice, "Leaver9 has joined the chat")
        wait_for(bob, "Leaver9 has joined the chat")
        for n in range(lines):
            say(alice, "message", content=f"line {n}")
            if n % 30 == 0:
                leave(leavers[n // 30])
        for reader in (alice, bob):
            said: list[str] = []
            while len(said) < lines:
                frame = next_frame(reader)
                if frame["username"] != "System":
                    said.append(frame["content"])
            assert said == [f"line {n}" for n in range(lines)]


def test_one_who_does_not_read_costs_the_others_nothing_and_is_ended(
    server: ExampleServer,
) -> None:
    with (
        person(server, "Alice") as alice,
        raw(server, "Sleeper", receive_buffer=4096),
    ):
        said = 0
        is_ended = False
        # What is said fills the system's buffers first, a few MB, then the server's megabyte.
        while not is_ended:
            assert said < 10_000
            say(alice, "message", content="x" * 4000)
            said += 1
            while True:
                frame = next_frame(alice)
                is_ended = is_ended or frame["content"] == "Sleeper has left the chat"
                if frame["username"] == "Alice":
                    break


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_gracefully_whoever_is_connected(
    server: ExampleServer, number: signal.Signals
) -> None:
    with person(server, "Alice") as alice, raw(server, "Sleeper"):
        server.process.signal(number)
        with pytest.raises(ConnectionClosed) as closed:
            wait_for(alice, "what nobody says")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert closed.value.rcvd.reason == "The server is stopping."
        assert server.process.wait(within=8) == 0
        assert server.process.errors == ""


def test_a_port_that_is_taken_is_told_in_a_sentence(server: ExampleServer) -> None:
    ended = subprocess.run(
        command(server.language, "server"),
        env=environment({"HOST": HOST, "PORT": str(server.port)}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Cannot listen on {HOST}:{server.port}: ")
    assert len(ended.stderr.splitlines()) == 1


# Of the loopback's addresses those that "localhost" does not mean, or not everywhere.
@pytest.mark.parametrize(("host", "address"), [("0.0.0.0", "127.0.0.2"), ("::", "[::1]")])
def test_it_listens_on_all_networks_where_it_is_told_to(
    language: Language, host: str, address: str
) -> None:
    with (
        ExampleServer(language, HOST=host) as server,
        connect(f"ws://{address}:{server.port}", proxy=None) as socket,
    ):
        assert next_frame(socket)["content"] == "Welcome! Please identify yourself."


def test_without_settings_it_listens_on_the_loopback_alone(language: Language) -> None:
    with (
        ExampleServer(language, HOST="localhost") as server,
        pytest.raises(ConnectionRefusedError),
        connect(f"ws://127.0.0.2:{server.port}", proxy=None),
    ):
        pass


def test_names_that_differ_in_case_alone_are_one(server: ExampleServer) -> None:
    with person(server, "Zoé") as first, person(server, "Bob") as second:
        say(second, "join", username="ZOE\u0301")
        assert next_frame(second)["content"] == "The username ZOE\u0301 is taken."
        say(second, "private", to="zoé", content="psst")
        wait_for(first, "Bob has joined the chat")
        assert next_frame(first)["content"] == "psst"
