import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from tests.bench.tiny_chat import TinyChat, frame, text

from causerie.bench import generator as module
from causerie.bench.dialects import DIALECTS, V1
from causerie.bench.generator import Generator, LoadFailed, Member, ServerFailed, reset
from causerie.bench.marks import CALL, MARK, content
from causerie.bench.target import OwnServer
from causerie.testing.framing import client_frame

Make = Callable[..., tuple[Generator, list[Member]]]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a generator and members that are in their room. The first `scanned` are read whole, and
    how late its messages are is told of the first of these.
    """
    made: list[Generator] = []

    def make(
        address: tuple[str, int], total: int, scanned: int = 1, dialect: str = "v1"
    ) -> tuple[Generator, list[Member]]:
        generator = Generator(address, DIALECTS[dialect], 100)
        made.append(generator)
        members = [
            Member(
                number,
                f"g{number}",
                "generator",
                is_scanned=number < scanned,
                is_sampled=number == 0,
            )
            for number in range(total)
        ]
        for member in members:
            generator.connect(member, time.monotonic_ns())
        generator.wait_until(lambda: len(generator.joins) == total, "nobody came in")
        return generator, members

    yield make
    for generator in made:
        generator.close()


def bring_one(address: tuple[str, int]) -> None:
    """Connects to a server and waits to be let in."""
    generator = Generator(address, DIALECTS["v1"], 100)
    try:
        generator.connect(Member(0, "m0", "r", is_scanned=True), time.monotonic_ns())
        generator.wait_until(lambda: bool(generator.joins), "nobody came in")
    finally:
        generator.close()


def test_all_come_in_and_each_delivery_is_counted(chat: TinyChat, make: Make) -> None:
    generator, members = make(chat.address, 5, scanned=2)
    assert sorted(member.number for member in generator.entered) == [0, 1, 2, 3, 4]
    assert len(generator.entered_at) == 5
    answered: list[Member] = []
    for number in range(3):
        generator.say(members[number % 2], time.monotonic_ns())
    while len(answered) < 3:
        answered += generator.read(1.0)
    generator.settle(3 * 5)
    assert [member.entries for member in members] == [3] * 5
    assert sorted(member.number for member in answered) == [0, 0, 1]
    # Of each message by the one that is sampled.
    assert len(generator.latencies) == 3
    assert 0 < min(generator.latencies) <= max(generator.latencies) < 10e9


@pytest.mark.real
def test_the_same_is_counted_on_a_real_server(server: OwnServer, make: Make) -> None:
    generator, members = make(server.address, 8, scanned=2)
    for number in range(100):
        generator.say(members[number % 2], time.monotonic_ns())
    generator.settle(800)
    assert [member.entries for member in members] == [100] * 8
    assert len(generator.latencies) == 100


def test_counting_can_begin_anew(chat: TinyChat, make: Make) -> None:
    generator, members = make(chat.address, 2)
    generator.say(members[0], 1)
    generator.settle(2)
    reset(members)
    assert generator.deliveries == 0
    generator.say(members[0], 1)
    generator.settle(2)
    assert [member.entries for member in members] == [1, 1]


def test_what_comes_with_the_last_answer_to_coming_in_is_not_lost(
    chat: TinyChat, make: Make
) -> None:
    def answer(connection: socket.socket, command: dict[str, Any]) -> None:
        if command["type"] == "join":
            entry = text(type="message", content=content(1, 2).decode())
            chat.members.append(connection)
            connection.sendall(text(type="joined") + entry + entry[:20])

    chat.answer = answer
    generator, (member,) = make(chat.address, 1)
    assert member.entries == 1
    chat.members[0].sendall(text(type="message", content=content(1, 2).decode())[20:])
    generator.settle(2)


def test_a_mark_that_comes_in_two_parts_is_counted_once(chat: TinyChat, make: Make) -> None:
    generator, members = make(chat.address, 2)
    entry = text(type="message", content=content(1, 2, 300).decode())
    for cut in range(len(entry) - 40, len(entry)):
        reset(members)
        for connection in chat.members:
            connection.sendall(entry[:cut])
        generator.read(1.0)
        for connection in chat.members:
            connection.sendall(entry[cut:])
        generator.settle(2)
        assert [member.entries for member in members] == [1, 1]


def test_calls_are_counted_while_they_are_meant_and_messages_else(
    chat: TinyChat, make: Make
) -> None:
    generator, members = make(chat.address, 2)
    generator.mark = CALL
    generator.say(members[0], 0)
    generator.settle(2)
    assert not generator.latencies
    late = text(type="message", content=content(1, 2, 100, CALL).decode())
    generator.mark = MARK
    reset(members)
    for connection in chat.members:
        connection.sendall(late)
    generator.say(members[0], 0)
    generator.settle(2)
    assert [member.entries for member in members] == [1, 1]


@pytest.mark.parametrize("scanned", [0, 1])
def test_pings_are_answered_alone_and_among_messages(
    chat: TinyChat, make: Make, scanned: int
) -> None:
    generator, _ = make(chat.address, 1, scanned)
    chat.ping(b"one")
    chat.members[0].sendall(
        text(type="message", content=content(1, 2).decode()) + frame(b"two", 9) + text(type="x")
    )
    generator.wait_until(lambda: generator.pongs == 2, "no ping came")
    chat.wait_until(lambda: chat.pongs == [b"one", b"two"])


def test_a_frame_of_any_size_is_read_whole(chat: TinyChat, make: Make) -> None:
    generator, _ = make(chat.address, 1)
    large = b'{"x":"' + b"x" * 70_000 + b'"}'
    chat.members[0].sendall(b"\x81\x7f" + len(large).to_bytes(8) + large)
    chat.members[0].sendall(text(type="message", content=content(1, 2).decode()))
    generator.settle(1)


def test_it_is_quiet_when_nothing_has_come_for_so_long(chat: TinyChat, make: Make) -> None:
    generator, (member,) = make(chat.address, 1)
    for _ in range(3):
        generator.say(member, 1)
    begun = time.monotonic()
    generator.read_until_quiet(0.1)
    assert time.monotonic() - begun >= 0.1
    assert generator.deliveries == 3


def test_it_does_not_wait_for_ever_to_be_quiet(
    chat: TinyChat, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, _ = make(chat.address, 1)
    # Something comes every 10 ms, always.
    times = count(step=0.01)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(times)))
    monkeypatch.setattr(generator, "read", lambda _seconds: [])
    generator.read_until_quiet(1.0)
    assert 3.0 <= next(times) < 3.1


def test_it_can_be_waited_for_beside_other_things(chat: TinyChat, make: Make) -> None:
    generator, (member,) = make(chat.address, 1)
    assert select.select([generator], [], [], 0) == ([], [], [])
    generator.say(member, 1)
    assert select.select([generator], [], [], 10) == ([generator], [], [])


def test_a_member_that_was_cut_can_come_back(chat: TinyChat, make: Make) -> None:
    generator, (member,) = make(chat.address, 1)
    generator.disconnect(member)
    assert not generator.members
    generator.connect(member, time.monotonic_ns(), receive_buffer=4096)
    generator.wait_until(lambda: len(generator.joins) == 2, "nobody came in")
    assert generator.members == {member.descriptor: member}


def test_what_has_to_be_answered_first_is_waited_for() -> None:
    class Ceremonious(V1):
        def hail(self) -> bytes:
            return client_frame(b'{"type":"hail"}')

        def is_hailed(self, received: bytes) -> bool:
            return received.endswith(b'{"type":"hailed"}')

    def answer(connection: socket.socket, command: dict[str, Any]) -> None:
        if command["type"] == "hail":
            # Nothing else may come in between, however long that takes.
            connection.sendall(frame(b'{"type":"hailed"}')[:5])
            connection.sendall(frame(b'{"type":"hailed"}')[5:])
        else:
            chat.answer_rightly(connection, command)

    with TinyChat() as chat:
        chat.answer = answer
        generator = Generator(chat.address, Ceremonious(), 100)
        generator.connect(Member(0, "m0", "r", is_scanned=True), time.monotonic_ns())
        generator.wait_until(lambda: bool(generator.joins), "nobody came in")
        generator.close()
    assert [command["type"] for command in chat.commands] == ["hail", "hello", "join"]


def test_a_server_that_falls_behind_is_told_of(chat: TinyChat, make: Make) -> None:
    generator, (member,) = make(chat.address, 1)
    generator.say(member, 1)
    with pytest.raises(ServerFailed, match=r"not keep this pace: 0.2 s .*, 25% of the messages"):
        generator.settle(4, within=0.2)


def test_where_nobody_listens_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = closed.getsockname()
    with pytest.raises(LoadFailed, match=r"nobody answers on 127\.0\.0\.1:\d+ \(Connection ref"):
        bring_one(address)


def test_a_refused_upgrade_is_said() -> None:
    with (
        TinyChat(b"HTTP/1.1 503 Service Unavailable\r\n\r\n") as chat,
        pytest.raises(ServerFailed, match=r"refused a connection \(HTTP/1.1 503 Service Unavail"),
    ):
        bring_one(chat.address)


def test_a_refused_hello_is_said(chat: TinyChat) -> None:
    chat.answer = lambda connection, _: connection.sendall(
        text(type="error", code="name_taken", message="That name is taken.")
    )
    with pytest.raises(LoadFailed, match=r"let m0 in: That name is taken \(name_taken\)$"):
        bring_one(chat.address)


def test_a_refused_message_is_said(chat: TinyChat, make: Make) -> None:
    generator, members = make(chat.address, 1)
    chat.answer = lambda connection, _: connection.sendall(
        text(type="error", id="1", code="rate_limited", message="Too many.", retryAfter=10)
    )
    generator.say(members[0], 0)
    with pytest.raises(LoadFailed, match=r"refuses what g0 says: Too many \(rate_limited\); "):
        generator.settle(1)


@pytest.mark.parametrize("scanned", [0, 1])
def test_a_server_that_dies_is_said(chat: TinyChat, make: Make, scanned: int) -> None:
    generator, _ = make(chat.address, 1, scanned)
    chat.die()
    with pytest.raises(ServerFailed, match=r"closed the connection of g0"):
        generator.wait_until(lambda: False, "it went on")


def test_a_server_that_dies_while_one_comes_in_is_said(chat: TinyChat) -> None:
    chat.answer = lambda connection, _: connection.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ServerFailed, match="closed the connection of m0"):
        bring_one(chat.address)


@pytest.mark.parametrize("scanned", [0, 1])
def test_a_connection_that_is_reset_is_said(chat: TinyChat, make: Make, scanned: int) -> None:
    generator, members = make(chat.address, 1, scanned)
    chat.members[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def fail(_connection: socket.socket, _command: dict[str, Any]) -> None:
        raise OSError

    chat.answer = fail
    generator.say(members[0], 0)
    with pytest.raises(ServerFailed, match=r"connection of g0 \(Connection reset by peer\)$"):
        generator.wait_until(lambda: False, "it went on")


def test_to_speak_to_a_server_that_has_gone_is_said(chat: TinyChat, make: Make) -> None:
    generator, members = make(chat.address, 1)
    members[0].socket.shutdown(socket.SHUT_WR)
    with pytest.raises(ServerFailed, match=r"closed the connection of g0 \(Broken pipe\)"):
        generator.say(members[0], 0)


def test_to_speak_to_a_server_that_does_not_read_is_said(chat: TinyChat, make: Make) -> None:
    generator, members = make(chat.address, 1)
    goes_on = threading.Event()

    def wait(_connection: socket.socket, _command: dict[str, Any]) -> None:
        goes_on.wait()

    def speak() -> None:
        for _ in range(1_000_000):  # far more than the system holds
            generator.say(members[0], 0)

    chat.answer = wait
    with pytest.raises(ServerFailed, match="does not read what is said to it: say less"):
        speak()
    goes_on.set()


def test_a_server_that_never_answers_is_said(
    chat: TinyChat, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.3)
    monkeypatch.setattr(module, "LOOKED", 0.1)
    generator, members = make(chat.address, 2)
    chat.answer = lambda *_: None
    generator.say(members[0], 0)
    with pytest.raises(ServerFailed, match=r"^messages never came within 0\.3 s$"):
        generator.settle(2)


def test_that_this_machine_has_no_more_to_connect_with_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(LoadFailed, match=r"connection 1 cannot be begun here \(Network is unreac"):
        bring_one(("255.255.255.255", 1))

    def no_more() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", no_more)
    with pytest.raises(LoadFailed, match=r"connection 1 cannot be begun here \(Too many open"):
        bring_one(("127.0.0.1", 1))
