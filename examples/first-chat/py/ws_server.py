"""The smallest honest chat server. `main`, at the end, is where it begins.

python ws_server.py                          listens on ws://localhost:8080
HOST=0.0.0.0 PORT=9000 python ws_server.py   listens on all networks, on another port
"""

import asyncio
import logging
import os
import signal
import sys
import uuid

from checks import Refused, check_content, check_name, fold, parse
from people import ANONYMOUS, Client, announce, clients, find, members, send, tell
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

HOST = os.environ.get("HOST", "localhost")
PORT = int(os.environ.get("PORT", "8080"))
HEARTBEAT_SECONDS = float(os.environ.get("HEARTBEAT_SECONDS", "20"))
LONGEST_FRAME = 64 * 1024  # bytes: nobody types more, and nobody shall fill our memory
MOST_ROOMS = 100  # that one person is in


async def chat(socket: ServerConnection) -> None:
    """Serves one connection, from its beginning to its end. Many of these run side by side."""
    client = Client(socket)
    clients.add(client)
    try:
        tell(client, "Welcome! Please identify yourself.")
        async for text in socket:
            if isinstance(text, str):
                receive(client, text)
            else:
                await socket.close(1003, "This chat is made of text.")
    except ConnectionClosed:
        pass  # cut off, or closed for breaking the rules of WebSocket
    finally:  # however a connection ends, it ends here
        clients.discard(client)
        for room in client.rooms:
            announce(room, f"{client.name} has left the chat")


def receive(client: Client, text: str) -> None:
    """Does what a frame asks for, or says why not. Whatever it is, the server goes on."""
    try:
        frame = parse(text)
        room = check_name("room", frame.get("room", "lobby"), 64)
        match frame.get("type"):
            case "join":
                join(client, room, check_name("username", frame.get("username"), 32))
            case "message":
                say(client, room, check_content(frame.get("content")))
            case "private":
                to = check_name("to", frame.get("to"), 32)
                whisper(client, to, check_content(frame.get("content")))
            case "leave":
                leave(client, room)
            case other:
                raise Refused(f"There is no type {check_name('type', other, 32)}.")
    except Refused as refused:
        tell(client, str(refused))


def join(client: Client, room: str, name: str) -> None:
    """Lets somebody into a room, under a name; with another name than before, it is a rename."""
    old_name, holder = client.name, find(name)
    if fold(name) in {"system", "anonymous"} or holder not in {None, client}:
        raise Refused(f"The username {name} is taken.")
    if len(client.rooms) >= MOST_ROOMS:
        raise Refused("Leave a room before you join another.")
    client.name = name
    if name != old_name:
        for known in client.rooms:
            announce(known, f"{old_name} is now known as {name}")
    if room not in client.rooms:
        client.rooms.add(room)
        announce(room, f"{name} has joined the chat")


def say(client: Client, room: str, content: str) -> None:
    """Says something to a room."""
    if not client.rooms:  # who speaks without having joined is Anonymous, and hears the answers
        client.rooms.add(room)
    if room not in client.rooms:
        raise Refused(f"Join the room {room} before you speak in it.")
    # The author gets it like everybody else: to see it come back is to know that it arrived.
    message = {"type": "message", "id": str(uuid.uuid4()), "username": client.name}
    send({**message, "content": content, "room": room}, members(room))


def whisper(client: Client, to: str, content: str) -> None:
    """Says something to one person."""
    reader = find(to)
    if reader is None:
        raise Refused(f"Nobody called {to} is here.")
    if reader is client:
        raise Refused("A private message needs somebody else to read it.")
    private = {"type": "private", "id": str(uuid.uuid4()), "username": client.name}
    names = {"from": client.name, "to": reader.name}
    send({**private, **names, "content": content}, [client, reader])


def leave(client: Client, room: str) -> None:
    """Lets somebody out of a room."""
    if room not in client.rooms:
        raise Refused(f"You are not in the room {room}.")
    client.rooms.discard(room)
    announce(room, f"{client.name} has left the chat")
    if not client.rooms:
        client.name = ANONYMOUS  # and the name is free


async def main() -> None:
    """Listens until it is told to stop, by Ctrl+C or as containers are stopped (SIGTERM)."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    # A WebSocket begins as an HTTP request. `serve` answers it, and calls `chat` with the open
    # connection. It also has the heartbeat. Somebody whose cable was pulled says no goodbye:
    # nothing comes any more, that is all. So it sends a ping at every interval, which the other
    # side's library answers by itself; and whoever does not within the timeout is cut off.
    async with serve(
        chat,
        HOST,
        PORT,
        ping_interval=HEARTBEAT_SECONDS,
        ping_timeout=HEARTBEAT_SECONDS,
        close_timeout=2,  # who does not answer our goodbye so soon is not waited for
        max_size=LONGEST_FRAME,
    ) as server:
        print(f"Listening on ws://{HOST}:{PORT}", flush=True)
        await stopped.wait()
        # From here on it lets nobody in. 1001 tells all that they may come back later.
        server.close(code=1001, reason="The server is stopping.")


if __name__ == "__main__":
    # What strangers do wrong in a handshake is no news, and no reason for a traceback.
    logging.getLogger("websockets.server").addFilter(lambda log: "handshake" not in log.msg)
    try:
        asyncio.run(main())
    except OSError as error:
        sys.exit(f"Cannot listen on {HOST}:{PORT}: {error.strerror}")
