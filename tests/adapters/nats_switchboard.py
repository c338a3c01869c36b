"""Nodes on a real NATS server, each over a relay of its own that can be cut."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from causerie.adapters.jetstream_link import Link
from causerie.adapters.nats_bus import NatsBus
from causerie.adapters.nats_server import HOST, NatsServer
from causerie.ports import Bus
from causerie.testing.contracts_bus import Switchboard

_Result = TypeVar("_Result")

DEADLINE = 20.0


class Relay:
    """The way from one node to the server, which can be cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, to = await asyncio.open_connection(HOST, self._to)
        for side in (writer, to):
            self._writers.add(side)
        for pair in ((reader, to), (theirs, writer)):
            task = asyncio.create_task(self._carry(*pair))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
        self._writers.discard(writer)


class NatsSwitchboard(Switchboard):
    """A NATS server, and the nodes on it, each over a relay of its own."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self._prefix = f"test-{secrets.token_hex(8)}"
        self._loop = asyncio.new_event_loop()
        self._nodes: dict[str, tuple[Relay, Link]] = {}

    def join(self) -> Bus:
        return self._run(self._join())

    async def _join(self) -> Bus:
        relay = Relay(self._server.port)
        await relay.listen()
        node = secrets.token_hex(8)
        link = Link([f"nats://{HOST}:{relay.port}"], name=node)
        await link.open(DEADLINE)
        self._nodes[node] = (relay, link)
        return NatsBus(link, prefix=self._prefix, node=node)

    def step(self, timeout: float) -> None:
        self._run(asyncio.sleep(min(timeout, 0.01)))

    def cut_off(self, bus: Bus) -> None:
        relay, link = self._nodes[bus.node]
        self._run(relay.cut())
        until = time.monotonic() + DEADLINE
        while link.is_up:
            assert time.monotonic() < until, "it has not noticed"
            self.step(0.01)

    def heal(self, bus: Bus) -> None:
        self._run(self._nodes[bus.node][0].listen())

    def dispose(self) -> None:
        self._run(self._dispose())
        self._loop.close()

    async def _dispose(self) -> None:
        for relay, link in self._nodes.values():
            await link.close()
            await relay.cut()

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return self._loop.run_until_complete(work)
