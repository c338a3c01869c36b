"""The chat of bench/rivals in Python, with FastAPI on uvicorn: a send_text() for each member."""

import argparse
import json
import socket
import time

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()

rooms: dict[str, set[WebSocket]] = {}
"""Who is in a room, by its name."""
usernames: dict[WebSocket, str] = {}


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
            await member.send_text(text)
        except (WebSocketDisconnect, RuntimeError):
            continue  # it is about to leave


async def leave(websocket: WebSocket, room: str) -> None:
    """Takes somebody out of a room, and tells those who stay."""
    members = rooms.get(room, set())
    if websocket not in members:
        return
    members.remove(websocket)
    if not members:
        del rooms[room]
    await tell(room, "System", f"{usernames[websocket]} has left the chat")


async def obey(websocket: WebSocket, text: str) -> None:
    """Carries out a command; what is none is ignored."""
    try:
        command = json.loads(text)
    except (ValueError, RecursionError):
        return
    room = command.get("room", "lobby") if isinstance(command, dict) else None
    if not isinstance(room, str):
        return
    is_in = websocket in rooms.get(room, ())
    match command:
        case {"type": "join", "username": str(username)} if not is_in:
            usernames[websocket] = username
            rooms.setdefault(room, set()).add(websocket)
            await tell(room, "System", f"{username} has joined the chat")
        case {"type": "message", "content": str(content)} if is_in:
            await tell(room, usernames[websocket], content)
        case {"type": "leave"}:
            await leave(websocket, room)
        case _:
            pass


@app.websocket("/")
async def chat(websocket: WebSocket) -> None:
    """Serves one connection until it ends."""
    await websocket.accept()
    try:
        while True:
            await obey(websocket, await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        for room in list(rooms):
            await leave(websocket, room)
        usernames.pop(websocket, None)


class Server(uvicorn.Server):
    """uvicorn, which says its port in our words."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        [listener] = self.servers[0].sockets
        print(f"listening on {listener.getsockname()[1]}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    config = uvicorn.Config(
        app,
        port=parser.parse_args().port,
        ws_per_message_deflate=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    Server(config).run()
