"""A balancer of the tests is one as others are: round robin, the next one if one refuses."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.chaos.balancer import Balancer, Line

DEADLINE = 20.0


class Node:
    """A server that says its name, and then what it is told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended = asyncio.Event()
        self.server: asyncio.Server

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        address: tuple[str, int] = self.server.sockets[0].getsockname()
        return address

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        writer.write(self.name.encode() + b"\n")
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
            writer.write(b"bye\n")
        writer.close()
        self.ended.set()


@asynccontextmanager
async def nodes(*names: str) -> AsyncIterator[list[Node]]:
    """Servers on free ports."""
    made = [Node(name) for name in names]
    for node in made:
        node.server = await asyncio.start_server(node.serve, "127.0.0.1", 0)
    try:
        yield made
    finally:
        for node in made:
            node.server.close()


async def dial(balancer: Balancer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Opens a connection."""
    place = urlsplit(balancer.url)
    return await asyncio.open_connection(place.hostname, place.port)


async def greeting(balancer: Balancer) -> str:
    """Which node one gets."""
    reader, writer = await dial(balancer)
    async with asyncio.timeout(DEADLINE):
        name = await reader.readline()
    writer.transport.abort()
    return name.decode().strip()


def refusing() -> tuple[str, int]:
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address: tuple[str, int] = probe.getsockname()
        return address


async def test_connections_go_round_and_past_a_node_that_refuses() -> None:
    async with nodes("one", "two") as (one, two):
        addresses = [one.address, refusing(), two.address]
        async with Balancer(addresses) as balancer:
            assert [await greeting(balancer) for _ in range(4)] == ["one", "two", "one", "two"]


async def test_a_client_for_whom_there_is_no_node_is_dropped() -> None:
    async with Balancer([refusing()]) as balancer:
        reader, writer = await dial(balancer)
        async with asyncio.timeout(DEADLINE):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()


async def test_all_goes_both_ways_and_either_may_end_its_own_first() -> None:
    said = bytes(range(256)) * 40_000
    async with nodes("one") as (one,), Balancer([one.address]) as balancer:
        reader, writer = await dial(balancer)
        async with asyncio.timeout(DEADLINE):
            writer.write(said)
            writer.write_eof()
            assert await reader.read() == b"one\n" + said + b"bye\n"
        writer.close()


async def test_a_line_that_is_cut_ends_on_both_sides_and_its_ear_is_told() -> None:
    heard, ended, lines = bytearray(), asyncio.Event(), list[Line]()

    class Ear:
        def __init__(self, line: Line) -> None:
            lines.append(line)

        def heard(self, data: bytes) -> None:
            heard.extend(data)

        def ended(self) -> None:
            ended.set()

    async with nodes("one") as (one,), Balancer([one.address], Ear) as balancer:
        reader, writer = await dial(balancer)
        async with asyncio.timeout(DEADLINE):
            assert await reader.readline() == b"one\n"
            lines[0].cut()
            with suppress(ConnectionError):
                assert await reader.read() == b""
            await ended.wait()
            await one.ended.wait()
        writer.close()
    assert heard == b"one\n"
    assert lines[0].node == 0


async def test_with_the_balancer_every_connection_ends() -> None:
    async with nodes("one") as (one,):
        async with Balancer([one.address]) as balancer:
            reader, writer = await dial(balancer)
            assert await reader.readline() == b"one\n"
        async with asyncio.timeout(DEADLINE):
            with suppress(ConnectionError):
                assert await reader.read() == b""
            await one.ended.wait()
        writer.close()
