"""The driver of real WebSockets does to a server what a conversation tells it to."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from causerie.testing.playing import Closed, Unreachable
from causerie.testing.websocket_driver import WebSocketDriver

Handler = Callable[[ServerConnection], Awaitable[None]]

V1 = Subprotocol("causerie.v1")


@asynccontextmanager
async def driver_to(
    handler: Handler, *, speaks: Subprotocol = V1, ping: float | None = None
) -> AsyncIterator[WebSocketDriver]:
    """A driver to a server whose connections are each given to `handler`."""

    def select(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return speaks if speaks in offered else None

    async with serve(
        handler,
        "127.0.0.1",
        0,
        select_subprotocol=select,
        ping_interval=ping,
        ping_timeout=ping,
        close_timeout=ping,
    ) as server:
        port = server.sockets[0].getsockname()[1]
        yield WebSocketDriver(f"ws://127.0.0.1:{port}/ws")


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(f"{connection.subprotocol}: {message!r}")


async def test_the_profile_is_the_subprotocol() -> None:
    async with driver_to(echo) as driver:
        for profile, answer in (("v1", b"causerie.v1: 'hi'"), ("plain", b"None: 'hi'")):
            link = await driver.connect("v1" if profile == "v1" else "plain")
            await link.send("hi")
            assert await link.receive(5000) == answer
            await link.close(1000)


async def test_a_binary_message_is_one() -> None:
    async with driver_to(echo) as driver:
        assert driver.abilities == {"socket"}
        link = await driver.connect("plain")
        await link.send_binary(b"hi")
        assert await link.receive(5000) == b"None: b'hi'"
        await link.close(1000)


async def test_what_does_not_come_in_time_is_none() -> None:
    async with driver_to(echo) as driver:
        link = await driver.connect("plain")
        began = driver.elapsed()
        assert await link.receive(20) is None
        assert driver.elapsed() - began >= 20
        await link.close(1000)


async def test_the_end_is_told_with_its_code_after_what_came_before() -> None:
    async def goodbye(connection: ServerConnection) -> None:
        await connection.send("bye")
        await connection.close(4008, "flooding")

    async with driver_to(goodbye) as driver:
        link = await driver.connect("plain")
        assert await link.receive(5000) == b"bye"
        assert await link.receive(5000) == Closed(4008, "flooding")
        assert await link.receive(0) == Closed(4008, "flooding")
        await link.send("too late")
        await link.send_binary(b"too late")
        await link.close(1000)
        await link.cut()


async def test_a_client_closes_with_the_code_that_it_is_told_or_with_none() -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def note(connection: ServerConnection) -> None:
        await connection.wait_closed()
        codes.put_nowait(connection.close_code)

    async with driver_to(note) as driver:
        await (await driver.connect("v1")).close(1001)
        assert await codes.get() == 1001
        await (await driver.connect("v1")).cut()
        assert await codes.get() == 1006


@pytest.mark.slow
async def test_a_silent_client_answers_no_ping_until_it_looks_for_the_end() -> None:
    ended = asyncio.Event()

    async def note(connection: ServerConnection) -> None:
        await connection.wait_closed()
        ended.set()

    async with driver_to(note, ping=0.2) as driver:
        link = await driver.connect("v1")
        await link.fall_silent()
        async with asyncio.timeout(10):
            await ended.wait()
        assert isinstance(await link.receive(5000), Closed)


async def test_a_server_that_is_not_there_or_speaks_another_profile_cannot_be_reached() -> None:
    async with driver_to(echo, speaks=Subprotocol("other")) as driver:
        with pytest.raises(Unreachable) as refused:
            await driver.connect("v1")
        assert refused.value.is_refused
        await (await driver.connect("plain")).close(1000)
    with pytest.raises(Unreachable) as gone:
        await driver.connect("plain")
    assert not gone.value.is_refused
    assert str(gone.value)


async def test_its_clocks_are_the_real_ones_and_waiting_takes_time() -> None:
    driver = WebSocketDriver("ws://localhost/ws")
    assert abs(driver.now() - time.time() * 1e6) < 1e6
    began = driver.elapsed()
    await driver.wait(20)
    assert 20 <= driver.elapsed() - began < 5000


async def test_the_server_is_not_its_to_move() -> None:
    with pytest.raises(AssertionError):
        await WebSocketDriver("ws://localhost/ws").control("stops")
