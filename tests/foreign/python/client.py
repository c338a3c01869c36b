"""A test fixture: a line client as a chat tutorial for Python has it, on purpose no better than
those found in the wild. It shows every frame in the same way, whatever its type, and reads
timestamps as seconds: one in milliseconds lies beyond the year 9999, and ends it with a traceback.
The server has to suit it. Its library is `websockets` 13.

    python client.py URL USERNAME
"""

import asyncio
import json
import os
import sys
import threading
import time
from datetime import datetime

import websockets

url, username = sys.argv[1:]


async def main() -> None:
    loop = asyncio.get_running_loop()
    websocket = await websockets.connect(url)

    async def send(kind: str, content: str) -> None:
        frame = {"type": kind, "username": username, "content": content, "timestamp": time.time()}
        await websocket.send(json.dumps(frame))

    def read_input() -> None:
        for line in sys.stdin:
            asyncio.run_coroutine_threadsafe(send("message", line.rstrip("\n")), loop).result()
        asyncio.run_coroutine_threadsafe(websocket.close(), loop).result()

    await send("join", "")
    threading.Thread(target=read_input, daemon=True).start()
    while True:
        try:
            message = json.loads(await websocket.recv())
        except websockets.ConnectionClosed:
            break
        clock = datetime.fromtimestamp(message["timestamp"]).strftime("%H:%M:%S")  # noqa: DTZ006
        print(f"[{clock}] {message['username']}: {message['content']}", flush=True)
    print("Disconnected", flush=True)
    os._exit(0)  # the thread still waits for a line


asyncio.run(main())
