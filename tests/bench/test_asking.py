import socket
import threading
from collections.abc import Iterator

import pytest
from tests.bench.tiny_chat import TinyChat

from causerie.bench.asking import Asking
from causerie.bench.generator import LoadFailed
from causerie.bench.target import OwnServer, own_server
from causerie.testing.framing import client_frame

WELCOME = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"

PING_FRAME = b"\x89\x02hi"


def text(message: bytes) -> bytes:
    """A frame of a server with a short message."""
    return bytes((0x81, len(message))) + message


class Answering:
    """A server for one connection, which answers what it is told to, whatever comes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.received = b""
        self._thread = threading.Thread(target=self._serve)
        self.answers: list[bytes] = []

    def start(self, *answers: bytes) -> None:
        self.answers = [*answers]
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            for answer in self.answers:
                self.received += connection.recv(4096)
                connection.sendall(answer)
            connection.settimeout(10)
            self.received += connection.recv(4096) if self.answers[-1] == PING_FRAME else b""

    def close(self) -> None:
        if self._thread.ident is not None:
            self._thread.join(10)
        self._listener.close()


@pytest.fixture
def answering() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.close()


def test_the_answer_is_waited_for_whatever_comes_before_it(answering: Answering) -> None:
    answering.start(
        WELCOME, PING_FRAME + text(b'{"type":"presence"}') + text(b'{"type":"pong","time":1}')
    )
    with Asking(answering.address) as asking:
        assert asking.ask(b'{"type":"ping"}', "pong") == b'{"type":"pong","time":1}'


def test_a_ping_is_answered(answering: Answering) -> None:
    answering.start(WELCOME, PING_FRAME)
    with Asking(answering.address) as asking, pytest.raises(LoadFailed):
        asking.ask(b'{"type":"ping"}', "pong")
    answering.close()
    assert answering.received.endswith(client_frame(b"hi", 0xA))


def test_an_error_ends_the_load_and_is_told(answering: Answering) -> None:
    answering.start(WELCOME, text(b'{"type":"error","message":"No such room."}'))
    with Asking(answering.address) as asking, pytest.raises(LoadFailed, match="No such room"):
        asking.ask(b"{}", "history")


def test_a_server_that_refuses_is_told_of(answering: Answering) -> None:
    answering.start(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    with pytest.raises(LoadFailed, match="503"):
        Asking(answering.address)


def test_a_server_that_closes_is_told_of(answering: Answering) -> None:
    answering.start(b"HTTP/1.1 101 ")
    with pytest.raises(LoadFailed, match="closed"):
        Asking(answering.address)


def test_a_server_that_is_not_there_is_told_of(answering: Answering) -> None:
    answering._listener.close()
    with pytest.raises(LoadFailed, match="cannot be reached"):
        Asking(answering.address)


@pytest.mark.slow
@pytest.mark.real
def test_a_real_server_answers(server: OwnServer) -> None:
    with Asking(server.address) as asking:
        hello = b'{"type":"hello","id":"1","username":"asking"}'
        assert b'"welcome"' in asking.ask(hello, "welcome")


@pytest.mark.real
@pytest.mark.slow
def test_of_who_has_left_nothing_is_kept() -> None:
    with own_server(options=["--watch-loop"]) as server:
        before = server.census()
        with Asking(server.address) as asking:
            asking.ask(b'{"type":"hello","id":"h","username":"passer-by"}', "welcome")
            assert server.census() != before
            asking.leave()
            census = server.census()
        assert census is not None
        assert census[:3] == (0, 0, 0)


def test_a_server_that_does_not_let_one_leave_is_told_of(chat: TinyChat) -> None:
    # Whoever listens and does not accept ends nothing either.
    asking = Asking(chat.address, within=0.2)
    chat.answer = lambda *_: None
    asking._socket.shutdown(socket.SHUT_RDWR)
    with asking, pytest.raises(LoadFailed, match="does not end a connection"):
        asking.leave()
