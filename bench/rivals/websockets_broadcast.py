"""The chat of bench/rivals in Python, with the library `websockets` and its broadcast()."""

import argparse
import asyncio
import json
import signal
import time

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

rooms: dict[str, set[ServerConnection]] = {}
"""Who is in a room, by its name."""
usernames: dict[ServerConnection, str] = {}


def tell(room: str, username: str, content: str) -> None:
    """Sends a message to all in a room."""
    message = {
        "type": "message",
        "username": username,
        "content": content,
        "timestamp": time.time_ns() // 1_000_000,
        "room": room,
    }
    broadcast(rooms.get(room, ()), json.dumps(message, separators=(",", ":")))


def leave(connection: ServerConnection, room: str) -> None:
    """Takes somebody out of a room, and tells those who stay."""
    members = rooms.get(room, set())
    if connection not in members:
        return
    members.remove(connection)
    if not members:
        del rooms[room]
    tell(room, "System", f"{usernames[connection]} has left the chat")


def obey(connection: ServerConnection, text: str | bytes) -> None:
    """Carries out a command; what is none is ignored."""
    try:
        command = json.loads(text)
    except (ValueError, RecursionError):
        return
    room = command.get("room", "lobby") if isinstance(command, dict) else None
    if not isinstance(room, str):
        return
    is_in = connection in rooms.get(room, ())
    match command:
        case {"type": "join", "username": str(username)} if not is_in:
            usernames[connection] = username
            rooms.setdefault(room, set()).add(connection)
            tell(room, "System", f"{username} has joined the chat")
        case {"type": "message", "content": str(content)} if is_in:
            tell(room, usernames[connection], content)
        case {"type": "leave"}:
            leave(connection, room)
        case _:
            pass


async def chat(connection: ServerConnection) -> None:
    """Serves one connection until it ends."""
    try:
        async for text in connection:
            obey(connection, text)
    finally:
        for room in list(rooms):
            leave(connection, room)
        usernames.pop(connection, None)


async def main(port: int) -> None:
    """Serves until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with serve(chat, "127.0.0.1", port, compression=None) as server:
        [listener] = server.sockets
        print(f"listening on {listener.getsockname()[1]}", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    uvloop.run(main(parser.parse_args().port))
