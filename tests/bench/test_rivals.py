"""Each chat of bench/rivals is the one that its README describes."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.rivals.stacks import DidNotStart, Rival, rivals, running
from websockets.sync.client import ClientConnection, connect

pytestmark = [pytest.mark.real, pytest.mark.slow]

PATIENCE = 20.0
RIVALS = rivals()


@pytest.fixture(params=RIVALS, ids=[rival.name for rival in RIVALS])
def rival(request: pytest.FixtureRequest, tmp_path: Path) -> Rival:
    """One that is installed; of the one in C, what its source is now."""
    chosen: Rival = request.param
    if chosen.name == "C":
        return compiled(chosen, tmp_path / "epoll")
    if chosen.missing:
        pytest.skip(chosen.missing)
    return chosen


def compiled(rival: Rival, program: Path) -> Rival:
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("the rival in C needs Linux and a C compiler, cc")
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    subprocess.run(
        [compiler, *flags, "-o", str(program), "bench/rivals/epoll.c"], check=True, timeout=PATIENCE
    )
    return replace(rival, command=(str(program),), missing="")


@pytest.fixture
def port(rival: Rival) -> Iterator[int]:
    with running(rival) as (process, port):
        yield port
        assert process.poll() is None, "it has not outlived its clients"


class Talker:
    """Somebody who speaks a rival's dialect. Reads what comes one by one."""

    def __init__(self, socket: ClientConnection, dialect: str) -> None:
        self._socket = socket
        self._is_plain = dialect == "plain"
        if not self._is_plain:
            # Engine.IO opens; then Socket.IO's connect packet is answered by another.
            assert self._receive().startswith("0{")
            socket.send("40")
            assert self._receive().startswith("40{")

    def send(self, kind: str, **fields: object) -> None:
        command = {"type": kind, **fields}
        self.send_text(json.dumps(command if self._is_plain else [kind, command]))

    def send_text(self, text: str) -> None:
        self._socket.send(text if self._is_plain else f"42{text}")

    def next(self) -> dict[str, Any]:
        """The next message."""
        if self._is_plain:
            message: dict[str, Any] = json.loads(self._receive())
            return message
        packet = self._receive()
        assert packet.startswith("42"), packet
        event, message = json.loads(packet[2:])
        assert event == message["type"]
        return message

    def hears(self, username: str, content: str, room: str = "lobby") -> None:
        """The next message is this one, said now."""
        message = self.next()
        timestamp = message.pop("timestamp")
        assert message == {
            "type": "message",
            "username": username,
            "content": content,
            "room": room,
        }
        assert isinstance(timestamp, int)
        assert abs(time.time() - timestamp / 1000) < PATIENCE

    def joins(self, username: str, room: str = "lobby") -> None:
        """Joins, and is told so."""
        self.send("join", username=username, room=room)
        self.hears("System", f"{username} has joined the chat", room)

    def _receive(self) -> str:
        text = self._socket.recv(PATIENCE)
        assert isinstance(text, str)
        return text


@contextmanager
def talker(rival: Rival, port: int) -> Iterator[Talker]:
    path = "/" if rival.dialect == "plain" else "/socket.io/?EIO=4&transport=websocket"
    with connect(f"ws://127.0.0.1:{port}{path}", proxy=None) as socket:
        # Asked for by this client, as by every browser; none of those that are measured does it.
        assert "Sec-WebSocket-Extensions" not in socket.response.headers  # type: ignore[union-attr]
        yield Talker(socket, rival.dialect)


def test_what_is_said_comes_to_all_in_the_room_its_author_included(rival: Rival, port: int) -> None:
    with talker(rival, port) as alice, talker(rival, port) as bob:
        alice.send("join", username="Alice")
        alice.hears("System", "Alice has joined the chat")
        bob.joins("Bob")
        alice.hears("System", "Bob has joined the chat")
        contents = [
            "hi",
            'a "quote", a \\ and a\nline',
            "“héhé” 👋🏽",
            "",
            "x" * 4000,
            "x" * 60_000,
        ]
        for content in contents:
            alice.send("message", content=content)
            for person in (alice, bob):
                person.hears("Alice", content)


def test_rooms_are_separate_and_nobody_speaks_where_they_are_not(rival: Rival, port: int) -> None:
    with talker(rival, port) as alice, talker(rival, port) as bob:
        alice.joins("Alice", "tea")
        bob.joins("Bob", "coffee")
        bob.send("message", content="I am not in there", room="tea")
        bob.send("message", content="nor in the lobby")
        bob.send("message", content="coffee!", room="coffee")
        bob.hears("Bob", "coffee!", "coffee")
        alice.send("message", content="tea!", room="tea")
        alice.hears("Alice", "tea!", "tea")
        bob.joins("Bob", "tea")
        alice.hears("System", "Bob has joined the chat", "tea")
        bob.send("message", content="both", room="tea")
        for person in (alice, bob):
            person.hears("Bob", "both", "tea")


def test_a_room_is_told_of_those_who_leave_it_and_of_those_who_close(
    rival: Rival, port: int
) -> None:
    with talker(rival, port) as alice:
        alice.joins("Alice")
        with talker(rival, port) as bob:
            bob.joins("Bob")
            alice.hears("System", "Bob has joined the chat")
            bob.send("leave")
            alice.hears("System", "Bob has left the chat")
            alice.send("message", content="alone")
            alice.hears("Alice", "alone")
            bob.joins("Bobby")
            alice.hears("System", "Bobby has joined the chat")
        alice.hears("System", "Bobby has left the chat")


NONSENSE = [
    "",
    "hello?",
    "null",
    "7",
    "{}",
    '{"type":"message","content":"cut',
    '{"type":"message","content":"more"}}',
    "[" * 30_000,
    '{"type":7}',
    '{"type":"join"}',
    '{"type":"join","username":7}',
    '{"type":"join","username":"Eve","room":{}}',
    '{"type":"message"}',
    '{"type":"message","content":["hi"]}',
    '{"type":"message","content":"hi","room":["lobby"]}',
    '{"type":"leave","room":"elsewhere"}',
]

# Whoever sends no event at all is ended by the library.
NONSENSE_IN_EVENTS = [
    '["join"]',
    '["join",null]',
    '["join",7]',
    '["join",{"username":7}]',
    '["join",{"username":"Eve","room":{}}]',
    '["message"]',
    '["message",null]',
    '["message",{"content":["hi"]}]',
    '["message",{"content":"hi","room":["lobby"]}]',
    '["leave",{"room":"elsewhere"}]',
    '["leave",{"room":{}}]',
    '["unknown",{}]',
]


def test_what_is_no_command_is_ignored(rival: Rival, port: int) -> None:
    with talker(rival, port) as alice:
        alice.joins("Alice")
        for text in NONSENSE if rival.dialect == "plain" else NONSENSE_IN_EVENTS:
            alice.send_text(text)
        alice.send("message", content="still here")
        alice.hears("Alice", "still here")


def test_one_that_does_not_listen_is_reported_with_what_it_wrote() -> None:
    broken = Rival("broken", (sys.executable, "-c", "print('no port here')"), "", "")
    with pytest.raises(DidNotStart, match="no port here"), running(broken):
        pass


def test_one_that_is_not_there_is_reported() -> None:
    absent = Rival("absent", ("bench/rivals/absent",), "", "")
    with pytest.raises(DidNotStart, match="absent could not be started"), running(absent):
        pass


def test_each_is_either_of_known_versions_or_says_what_it_lacks() -> None:
    for rival in RIVALS:
        assert bool(rival.version) != bool(rival.missing), rival
