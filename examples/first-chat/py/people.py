"""Who is connected, and how they are told something."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from checks import fold
from websockets.asyncio.server import ServerConnection, broadcast

ANONYMOUS = "Anonymous"  # the name of all who have not told theirs
MOST_UNREAD = 1024 * 1024  # bytes that we keep for somebody who reads too slowly


@dataclass(eq=False)
class Client:
    """One connection, and what we know of the person at its other end."""

    socket: ServerConnection
    name: str = ANONYMOUS
    rooms: set[str] = field(default_factory=set)


clients: set[Client] = set()


def find(name: str) -> Client | None:
    """Who has this name."""
    named = (client for client in clients if client.name != ANONYMOUS)
    return next((client for client in named if fold(client.name) == fold(name)), None)


def members(room: str) -> list[Client]:
    """Who is in this room."""
    return [client for client in clients if room in client.rooms]


def announce(room: str, content: str) -> None:
    """Tells a room something in the name of System."""
    frame = {"type": "message", "username": "System", "content": content, "room": room}
    send(frame, members(room))


def tell(client: Client, content: str) -> None:
    """Tells one person something in the name of System."""
    send({"type": "message", "username": "System", "content": content}, [client])


def send(frame: dict[str, Any], readers: Iterable[Client]) -> None:
    """Sends a frame to many. One who is just leaving, or does not read, harms none of the others.

    Nothing is awaited here, on purpose: with `await socket.send(...)` for each in turn, all would
    wait for the slowest, and those who leave meanwhile would change the set under our loop.
    """
    text = json.dumps({**frame, "timestamp": time.time_ns() // 1_000_000})  # milliseconds
    sockets = [client.socket for client in readers if not client.socket.transport.is_closing()]
    broadcast(sockets, text)  # it passes over those that are saying goodbye
    for socket in sockets:
        if socket.transport.get_write_buffer_size() > MOST_UNREAD:
            socket.transport.abort()
