import asyncio
import socket
from collections.abc import Iterator

import pytest

from causerie.client import dialing
from causerie.client.dialing import AddressInfo, interleaved, open_socket, race


def address(host: str, port: int, family: int = socket.AF_INET) -> AddressInfo:
    return (family, socket.SOCK_STREAM, 0, "", (host, port))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A listener whose queue is full: whoever connects waits."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(0)
        with socket.create_connection(one.getsockname()):
            yield one


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


def at(one: socket.socket) -> AddressInfo:
    return address(*one.getsockname())


async def test_a_host_is_connected_by_name(listener: socket.socket) -> None:
    with await open_socket("localhost", listener.getsockname()[1]) as one:
        assert one.getpeername() == listener.getsockname()
        assert one.gettimeout() == 0.0


async def test_where_one_address_refuses_the_next_is_tried_at_once(
    listener: socket.socket, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing, "NEXT_ADDRESS_AFTER", 3600.0)
    with await race([address("127.0.0.1", closed_port), at(listener)]) as one:
        assert one.getpeername() == listener.getsockname()


async def test_where_one_address_does_not_answer_the_next_is_tried_beside_it(
    listener: socket.socket, deaf: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing, "NEXT_ADDRESS_AFTER", 0.01)
    with await race([at(deaf), at(listener)]) as one:
        assert one.getpeername() == listener.getsockname()


async def test_where_none_answers_the_first_reason_is_told(closed_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        await race([address("127.0.0.1", closed_port), address("127.0.0.1", 1)])


async def test_of_two_that_answer_at_once_one_is_kept_and_the_other_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[socket.socket] = []
    answered = asyncio.Event()

    async def connect(_: AddressInfo) -> socket.socket:
        made.append(socket.socket())
        if len(made) == 2:
            answered.set()
        await answered.wait()
        return made[-1] if len(made) == 1 else made.pop()

    monkeypatch.setattr(dialing, "_connect", connect)
    monkeypatch.setattr(dialing, "NEXT_ADDRESS_AFTER", 0.0)
    with await race([address("10.0.0.1", 1), address("10.0.0.2", 1)]) as one:
        assert one.fileno() != -1
    assert all(other.fileno() == -1 for other in made)


async def test_what_answers_after_the_race_is_closed(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = socket.socket()
    connect = dialing._connect

    async def connect_or_be_late(info: AddressInfo) -> socket.socket:
        if info != at(listener):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return late
        return await connect(info)

    monkeypatch.setattr(dialing, "_connect", connect_or_be_late)
    monkeypatch.setattr(dialing, "NEXT_ADDRESS_AFTER", 0.0)
    with await race([address("10.0.0.1", 1), at(listener)]):
        assert late.fileno() == -1


async def test_who_is_cancelled_leaves_nothing_open(deaf: socket.socket) -> None:
    racing = asyncio.create_task(race([at(deaf)]))
    await asyncio.wait([racing], timeout=0.01)
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing


def test_the_families_take_turns() -> None:
    six = [address(f"::{i}", 1, socket.AF_INET6) for i in range(3)]
    four = [address(f"10.0.0.{i}", 1) for i in range(2)]
    assert interleaved([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
    assert interleaved([*four, *six[:1]]) == [four[0], six[0], four[1]]
