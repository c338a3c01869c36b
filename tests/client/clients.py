"""Clients of a scripted server, for Alice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.client.scripted_server import Peer, ScriptedServer

from causerie.client.client import Client
from causerie.client.machine import Machine, Settings
from causerie.client.sending import ClientEvent
from causerie.language import Words
from causerie.wire.replies import (
    Ack,
)

KEY = "k" * 22


@asynccontextmanager
async def client_of(
    server: ScriptedServer, *, queue: int = 1000, **settings: Any
) -> AsyncIterator[Client]:
    """A client that comes back at once after a cut."""
    ids = iter(range(1_000_000))
    machine = Machine(
        "Alice",
        key=KEY,
        new_id=lambda: f"i{next(ids)}",
        chance=lambda: 0.0,
        settings=Settings(**settings),
    )
    client = Client(server.url, machine, words=Words("en"), queue=queue)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def met(server: ScriptedServer, **options: Any) -> AsyncIterator[tuple[Client, Peer]]:
    """A connected client, and the server's end of its connection."""
    async with client_of(server, **options) as client:
        peer = await server.meet()
        await client.wait_connected()
        yield client, peer


async def in_lobby(client: Client, peer: Peer, head: int = 0) -> None:
    joining = asyncio.create_task(client.join("lobby"))
    await peer.admit(head=head)
    await joining


async def next_event(client: Client, *kinds: type) -> ClientEvent:
    """The next event of one of these kinds."""
    async for event in client:
        if isinstance(event, kinds):
            return event
    raise AssertionError("there are no more events")


async def ack(peer: Peer, *, seq: int = 1, kind: str = "message") -> dict[str, Any]:
    frame = await peer.read(kind)
    await peer.send(Ack(id=frame["id"], room="lobby", seq=seq, timestamp=5))
    return frame
