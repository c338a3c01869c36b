"""A chat client for a terminal: what you type is said, what others say is shown.

python ws_client.py Alice                        talks to ws://localhost:8080
python ws_client.py Alice ws://192.168.1.7:8080  talks to a server elsewhere
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Never

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException

ATTEMPTS = 5  # to come back; then the client gives up
RETRY_SECONDS = float(os.environ.get("RETRY_SECONDS", "1"))
SILENCE_SECONDS = float(os.environ.get("SILENCE_SECONDS", "60"))
FINAL = {1000, 1002, 1003, 1007, 1008, 1009}  # with these a server says: do not come back


@dataclass
class Person:
    """Who sits at this terminal, and what they have typed that is not yet said."""

    name: str
    lines: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    is_leaving: bool = False


async def stay_connected(person: Person, url: str) -> None:
    """Talks to the server until the person leaves; comes back when the connection is lost."""
    attempt = 0  # how many we have made since we were last connected
    while True:
        try:
            # The library answers the server's pings, and sends pings of its own. When no answer
            # comes, the server or the way to it is dead. Nobody else would tell us.
            half = SILENCE_SECONDS / 2
            async with connect(url, ping_interval=half, ping_timeout=half) as socket:
                attempt = 0
                await talk(person, socket)
        except ConnectionClosed as closed:
            if person.is_leaving:
                return
            # 1001 (the server stops) and 1006 (cut off) mean: come back.
            code, why = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
            why = why or "the connection was cut"
            if code in FINAL or code >= 4500:
                sys.exit(f"The server has ended this ({code}): {why}")
        except InvalidURI:
            sys.exit("Usage: python ws_client.py NAME [ws://HOST:PORT]")
        except (OSError, WebSocketException) as error:
            why = str(error) or "no answer"
        if attempt == ATTEMPTS:
            sys.exit(f"Gave up after {ATTEMPTS} attempts: is there a server on {url}?")
        # Each wait is twice as long as the one before, and never the same for two clients: all
        # those who lost the same server should not come back at the same moment.
        seconds = RETRY_SECONDS * 2**attempt * random.uniform(0.5, 1)
        attempt += 1
        note(f"Not connected ({why}): attempt {attempt} of {ATTEMPTS} in {seconds:.1f} s")
        await asyncio.sleep(seconds)


async def talk(person: Person, socket: ClientConnection) -> Never:
    """Shows what comes, and at the same time says what is typed. Ends by `ConnectionClosed`."""
    speaking = asyncio.create_task(speak(person, socket))
    try:
        while True:
            text = await socket.recv()
            try:
                show(text)
            except (ValueError, KeyError, TypeError):
                note("(The server sent something that is no frame.)")
    finally:
        speaking.cancel()


async def speak(person: Person, socket: ClientConnection) -> None:
    """Joins, and does what the typed lines ask for."""
    with contextlib.suppress(ConnectionClosed):  # `talk` hears of that, too
        await send(socket, type="join", username=person.name, content="")
        while (line := await person.lines.get()) != "/quit":
            word, _, rest = line.partition(" ")
            if word == "/msg":
                to, _, content = rest.partition(" ")
                await send(socket, type="private", to=to, content=content)
            elif word == "/name":
                person.name = rest
                await send(socket, type="join", username=rest, content="")
            elif line.strip():
                await send(socket, type="message", username=person.name, content=line)
        person.is_leaving = True
        await socket.close(1000)  # a goodbye: nobody has to find out by our silence


async def send(socket: ClientConnection, **frame: str) -> None:
    """Sends a frame."""
    await socket.send(json.dumps({**frame, "timestamp": time.time_ns() // 1_000_000}))


def show(text: str | bytes) -> None:
    """Shows a frame as a line. A type that we do not know is for somebody newer."""
    frame = json.loads(text)
    if frame["type"] not in {"message", "private"}:
        return
    names = frame["username"]
    if frame["type"] == "private":
        names += f" to {frame['to']}, in private"
    clock = datetime.fromtimestamp(frame["timestamp"] / 1000, UTC).astimezone()
    line = f"[{clock:%H:%M:%S}] {names}: {frame['content']}"
    # A control character could repaint the terminal: what others write gets to our screen without.
    print(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", line), flush=True)


def note(text: str) -> None:
    """Tells of the connection; not on the standard output, which is for what people say."""
    print(text, file=sys.stderr, flush=True)


async def main(name: str, url: str = "ws://localhost:8080") -> None:
    """Reads the keyboard in a thread of its own, since it waits, and the chat must not."""
    person, loop = Person(name), asyncio.get_running_loop()

    def read_keyboard() -> None:
        with (
            open(0, encoding="utf-8", errors="replace", closefd=False) as keyboard,
            contextlib.suppress(RuntimeError),  # the chat has ended meanwhile
        ):
            for line in itertools.chain(keyboard, ["/quit"]):  # at the end: Ctrl+D
                loop.call_soon_threadsafe(person.lines.put_nowait, line.rstrip("\r\n"))

    threading.Thread(target=read_keyboard, daemon=True).start()
    note("/msg NAME TEXT says it to one, /name NAME is a new name, /quit ends.")
    await stay_connected(person, url)


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit("Usage: python ws_client.py NAME [ws://HOST:PORT]")
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C
        asyncio.run(main(*sys.argv[1:]))
