"""The chat of bench/rivals in Python, with aiohttp: a send_str() for each member."""

import argparse
import asyncio
import json
import signal
import time

import uvloop
from aiohttp import WSMsgType, web

rooms: dict[str, set[web.WebSocketResponse]] = {}
"""Who is in a room, by its name."""
usernames: dict[web.WebSocketResponse, str] = {}


async def tell(room: str, username: str, content: str) -> None:
    """Sends a message to all in a room."""
    message = {
        "type": "message",
        "username": username,
        "content": content,
        "timestamp": time.time_ns() // 1_000_000,
        "room": room,
    }
    text = json.dumps(message, separators=(",", ":"))
    # A copy: while one member's buffer is waited for, others come and go.
    for member in list(rooms.get(room, ())):
        try:
            await member.send_str(text)
        except ConnectionError:
            continue  # it is about to leave


async def leave(socket: web.WebSocketResponse, room: str) -> None:
    """Takes somebody out of a room, and tells those who stay."""
    members = rooms.get(room, set())
    if socket not in members:
        return
    members.remove(socket)
    if not members:
        del rooms[room]
    await tell(room, "System", f"{usernames[socket]} has left the chat")


async def obey(socket: web.WebSocketResponse, text: str) -> None:
    """Carries out a command; what is none is ignored."""
    try:
        command = json.loads(text)
    except (ValueError, RecursionError):
        return
    room = command.get("room", "lobby") if isinstance(command, dict) else None
    if not isinstance(room, str):
        return
    is_in = socket in rooms.get(room, ())
    match command:
        case {"type": "join", "username": str(username)} if not is_in:
            usernames[socket] = username
            rooms.setdefault(room, set()).add(socket)
            await tell(room, "System", f"{username} has joined the chat")
        case {"type": "message", "content": str(content)} if is_in:
            await tell(room, usernames[socket], content)
        case {"type": "leave"}:
            await leave(socket, room)
        case _:
            pass


async def chat(request: web.Request) -> web.WebSocketResponse:
    """Serves one connection until it ends."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    try:
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await obey(socket, message.data)
    finally:
        for room in list(rooms):
            await leave(socket, room)
        usernames.pop(socket, None)
    return socket


async def main(port: int) -> None:
    """Serves until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    app = web.Application()
    app.router.add_get("/", chat)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    [(_, port)] = runner.addresses
    print(f"listening on {port}", flush=True)
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    uvloop.run(main(parser.parse_args().port))
