"""A small TCP load balancer: round robin over the nodes, the next one if a node refuses.

Like any of its kind it knows nothing of what it carries, remembers nobody, and finds out that a
node is away only by trying. What a node sends can be listened to on the way.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol, Self

CONNECT_WITHIN: Final = 1.0
"""Seconds that a node has to take a connection before the next one is tried."""


class Ear(Protocol):
    """Listens to one connection."""

    def heard(self, data: bytes) -> None:
        """A node has sent something."""

    def ended(self) -> None:
        """The connection is no more; each side tells of it, the first that finds out first."""


class Line:
    """One connection through the balancer."""

    def __init__(self, node: int, client: "_End", server: "_End") -> None:
        self.node = node
        self._ends = (client, server)

    def cut(self) -> None:
        """Ends it without a goodbye, on both sides."""
        for end in self._ends:
            end.abort()


class _End(asyncio.Protocol):
    """One side of a line: what it receives, the other sends."""

    def __init__(self, open_ends: "set[_End]") -> None:
        """It is among the `open_ends` for as long as it is connected."""
        self._open_ends = open_ends
        self.gone = asyncio.Event()
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.ear: Callable[[bytes], None] | None = None
        self.ended: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._open_ends.add(self)
        if self.other is None:  # nobody to send it to, yet
            transport.pause_reading()

    def join(self, other: "_End") -> None:
        """From here on what comes goes to the other end, which is connected."""
        self.other = other
        assert self.transport is not None, "it is connected"
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        assert self.other is not None, "nothing is read before"
        if self.ear is not None:
            self.ear(data)
        if self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write_eof()
        return True  # the other direction may have something to say yet

    def pause_writing(self) -> None:
        self._let_other_read(may=False)

    def resume_writing(self) -> None:
        self._let_other_read(may=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._open_ends.discard(self)
        self.gone.set()
        if self.other is not None and self.other.transport is not None:
            if exc is None:
                self.other.transport.close()
            else:
                self.other.transport.abort()
        if self.ended is not None:
            self.ended()

    def abort(self) -> None:
        """Drops the connection, if there is one."""
        if self.transport is not None:
            self.transport.abort()

    def _let_other_read(self, *, may: bool) -> None:
        if self.other is not None and self.other.transport is not None:
            if may:
                self.other.transport.resume_reading()
            else:
                self.other.transport.pause_reading()


class Balancer:
    """Listens on the loopback; an asynchronous context manager that ends every connection."""

    def __init__(
        self, nodes: Sequence[tuple[str, int]], listen: Callable[[Line], Ear] | None = None
    ) -> None:
        """Does not listen yet. `nodes` are addresses; `listen` makes an ear for each connection."""
        self._nodes = nodes
        self._next = 0
        self._listen = listen
        self._open_ends: set[_End] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None, "it was entered"
        self._server.close()
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        ends = list(self._open_ends)
        for end in ends:
            end.abort()
        for end in ends:
            await end.gone.wait()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where clients connect."""
        assert self._server is not None, "it was entered"
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _accept(self) -> _End:
        return _Client(self._open_ends, self._begin)

    def _begin(self, client: _End) -> None:
        task = asyncio.create_task(self._open(client))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, client: _End) -> None:
        """Finds a node that takes the connection; without one it is dropped."""
        loop = asyncio.get_running_loop()
        try:
            for _ in self._nodes:
                number = self._next
                self._next = (number + 1) % len(self._nodes)
                with suppress(OSError, TimeoutError):  # it refuses, or is not to be reached
                    async with asyncio.timeout(CONNECT_WITHIN):
                        _, server = await loop.create_connection(
                            lambda: _End(self._open_ends), *self._nodes[number]
                        )
                    self._join(number, client, server)
                    return
            client.abort()
        except asyncio.CancelledError:
            client.abort()
            raise

    def _join(self, node: int, client: _End, server: _End) -> None:
        if client.transport is None or server.transport is None:  # one has gone meanwhile
            client.abort()
            server.abort()
            return
        line = Line(node, client, server)
        if self._listen is not None:
            ear = self._listen(line)
            server.ear = ear.heard
            client.ended = server.ended = ear.ended
        client.join(server)
        server.join(client)


class _Client(_End):
    """The end that a client has opened."""

    def __init__(self, open_ends: set[_End], begin: Callable[[_End], None]) -> None:
        super().__init__(open_ends)
        self._begin = begin

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._begin(self)
