"""A WebSocket server on loopback that does what a test tells it, connection by connection."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import msgspec
from tests.client.frames import joined, welcome
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from causerie.wire.codec import encode


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.over = asyncio.Event()

    async def read(self, *types: str) -> dict[str, Any]:
        """Waits for the next frame, or the next of these types, and passes over others."""
        while True:
            frame: dict[str, Any] = json.loads(await self.connection.recv())
            if not types or frame["type"] in types:
                return frame

    async def send(self, *frames: msgspec.Struct) -> None:
        """Sends frames."""
        for frame in frames:
            await self.connection.send(encode(frame), text=True)

    async def greet(self, **fields: Any) -> dict[str, Any]:
        """Reads hello, and says welcome; answers the hello."""
        hello = await self.read("hello")
        await self.send(welcome(hello["id"], **fields))
        return hello

    async def admit(self, *, head: int = 0, **fields: Any) -> dict[str, Any]:
        """Reads a join, and answers it; answers the join."""
        join = await self.read("join")
        recovered = "complete" if "since" in join else None
        await self.send(joined(join["id"], join["room"], head, recovered=recovered, **fields))
        return join

    def cut(self) -> None:
        """Cuts the connection, without a close frame."""
        self.connection.transport.abort()
        self.over.set()

    async def close(self, code: int, reason: str = "") -> None:
        """Closes the connection."""
        await self.connection.close(code, reason)
        self.over.set()

    async def closed(self) -> int | None:
        """Waits until the client has closed; answers its code."""
        await self.connection.wait_closed()
        self.over.set()
        return self.connection.close_code


class ScriptedServer:
    """The server; `refuse` answers handshakes by HTTP statuses, one after the other."""

    def __init__(self) -> None:
        self.refuse: list[tuple[HTTPStatus, dict[str, str]]] = []
        self.url = ""
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._server: Server | None = None

    async def accept(self) -> Peer:
        """Waits for the next connection."""
        return await self._peers.get()

    async def meet(self, **fields: Any) -> Peer:
        """Waits for the next connection, and greets it."""
        peer = await self.accept()
        await peer.greet(**fields)
        return peer

    async def handle(self, connection: ServerConnection) -> None:
        """Hands a connection to the test, and keeps it until that is done with it."""
        peer = Peer(connection)
        await self._peers.put(peer)
        closed = asyncio.ensure_future(connection.wait_closed())
        over = asyncio.ensure_future(peer.over.wait())
        await asyncio.wait([closed, over], return_when=asyncio.FIRST_COMPLETED)
        for task in (closed, over):
            task.cancel()

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:  # noqa: ARG002
        """Answers a handshake by a status, if one is due."""
        if not self.refuse:
            return None
        status, headers = self.refuse.pop(0)
        return Response(status.value, status.phrase, Headers(headers), b"")


@asynccontextmanager
async def scripted_server(profile: str | None = "causerie.v1") -> AsyncIterator[ScriptedServer]:
    """Serves on a free port of 127.0.0.1."""
    server = ScriptedServer()
    subprotocols = [Subprotocol(profile)] if profile else None
    async with serve(
        server.handle,
        "127.0.0.1",
        0,
        subprotocols=subprotocols,
        process_request=server.answer,
        compression=None,
        ping_interval=None,
    ) as serving:
        [socket] = serving.sockets
        server.url = f"ws://127.0.0.1:{socket.getsockname()[1]}/ws"
        yield server
