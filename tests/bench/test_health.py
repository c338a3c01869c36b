import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.tiny_chat import TinyChat

from causerie.bench.health import Census, Health, ask
from causerie.bench.target import OwnServer, own_server

counts = st.builds(Census, *[st.integers(0, 9)] * 4)


@contextmanager
def answering(body: bytes) -> Iterator[tuple[str, int]]:
    """A server that answers one request, whatever it is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                head = b"HTTP/1.1 503 Busy\r\nContent-Length: %d\r\n\r\n" % len(body)
                connection.sendall(head + body)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()
        thread.join()


def test_what_a_server_tells_of_itself_is_read_whatever_its_state() -> None:
    census = {"connections": 4, "sessions": 3, "rooms": 2, "tasks": 1}
    told = json.dumps({"status": "stopping", "loopHeldMs": 1.5, **census}).encode()
    with answering(told) as address:
        health = ask(address)
    assert health.loop_held_ms == 1.5
    assert health.census == Census(4, 3, 2, 1)


@pytest.mark.parametrize("body", [b"", b"<!doctype html>", b"[]", b'{"tasks":"many"}'])
def test_another_server_has_nothing_to_tell(body: bytes) -> None:
    with answering(body) as address:
        assert ask(address) == Health()


def test_a_server_that_has_gone_has_nothing_to_tell(chat: TinyChat) -> None:
    chat.die()
    assert ask(chat.address) == Health()


def test_half_a_census_is_none() -> None:
    assert Health(connections=1, sessions=1, rooms=1).census is None


@pytest.mark.real
@pytest.mark.slow
def test_a_server_tells_only_where_it_is_watched(server: OwnServer) -> None:
    assert server.census() is None
    assert server.take_held() is None
    with own_server(options=["--watch-loop"]) as watched:
        assert watched.census() == Census(0, 0, 0, watched.census().tasks)  # type: ignore[union-attr]
        held = watched.take_held()
        assert held is not None
        assert 0 <= held < 10_000


def test_no_more_than_before_is_nothing() -> None:
    assert Census(2, 0, 3, 4).beyond(Census(1, 5, 3, 1)) == (1, 0, 0, 3)


@given(counts, counts)
def test_what_is_left_is_told_by_its_kind(now: Census, before: Census) -> None:
    left = now.beyond(before)
    for kind, count in left._asdict().items():
        assert (f"{kind}: {count}" in str(left)) == (count > 0)
