import resource
from collections.abc import Iterator

import pytest
from tests.bench.tiny_chat import TinyChat, text

from causerie.bench import allowance
from causerie.bench.allowance import (
    SPARE,
    allow_many_files,
    most_files,
    require_connections,
    require_size,
)
from causerie.bench.generator import LoadFailed
from causerie.bench.target import OwnServer, Target


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield limits
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that allows a thousand connections a process."""
    monkeypatch.setattr(allowance, "most_files", lambda: 1_000 + SPARE)


HERE = Target("a server", ("127.0.0.1", 8080), None)
THERE = Target("a server", ("192.0.2.1", 8080), None)


def test_as_many_files_are_allowed_as_may_be(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    allow_many_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limits[1], limits[1])
    assert most_files() == limits[1]


def test_what_is_allowed_is_allowed(few: None) -> None:
    require_connections(1_000, 1, HERE)
    require_connections(2_000, 2, HERE)


def test_more_than_a_generator_may_have_are_refused(few: None) -> None:
    with pytest.raises(LoadFailed, match=r"2,001 .*ulimit.* 1,000 for each of --processes 2$"):
        require_connections(2_001, 2, HERE)


@pytest.mark.real
def test_more_than_a_server_of_our_own_may_have_are_refused(few: None, server: OwnServer) -> None:
    require_connections(1_000, 2, server)
    with pytest.raises(LoadFailed, match=r"1,000 for a server that is started from here$"):
        require_connections(1_001, 2, server)


def test_more_than_one_address_can_open_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "most_files", lambda: 10**9)
    require_connections(1_000_000, 1, HERE)
    require_connections(28_000, 1, THERE)
    with pytest.raises(LoadFailed, match=r"28,001 connections are more than the 28,000"):
        require_connections(28_001, 1, THERE)


@pytest.mark.real
@pytest.mark.slow
def test_messages_are_no_longer_than_the_server_takes(server: OwnServer) -> None:
    require_size(4_000, server)
    with pytest.raises(LoadFailed, match=r"--size 4,001 is more than the 4,000 bytes"):
        require_size(4_001, server)


def test_a_server_that_does_not_tell_its_limits_is_believed_to_take_any(chat: TinyChat) -> None:
    there = Target("a server", chat.address, None)
    require_size(10**9, there)
    assert [command["type"] for command in chat.commands] == ["hello"]
    chat.answer = lambda connection, _: connection.sendall(text(type="error", message="What?"))
    require_size(10**9, there)
    chat.answer = lambda connection, _: connection.sendall(text(greeting="good evening"))
    require_size(10**9, there)
    chat.die()
    require_size(10**9, there)
