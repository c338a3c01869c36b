"""Measures what another reader of WebSocket frames would save: picows, which is compiled.

    python -m bench.reading [--rounds N] [--messages N]        (it needs picows)

Two servers answer each text with a few bytes, and do nothing else. One goes this project's way from
the bytes of a read to a text; the other is picows, whose reading, unmasking and sending are C. Both
run on uvloop, with one text in flight on each of a few hundred connections. Prints the CPU of the
server's process for a text, user and system, and what is left of it when that of a third server is
taken away, which answers whatever comes unread.
"""

import argparse
import asyncio
import multiprocessing
import socket
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, Final, cast

import uvloop

from causerie.server.reader import whole_text
from causerie.testing.framing import client_frame, upgrade_request
from causerie.wire.framing import frame_text

HOST: Final = "127.0.0.1"
CONNECTIONS: Final = 300
TEXT: Final = b"x" * 100
ANSWER: Final = b"ok"
UPGRADED: Final = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
DEADLINE: Final = 20.0
"""Seconds for an answer."""
MAX_MESSAGE: Final = 65_536

Start = Callable[[], Awaitable[int]]
"""Starts a server; gives its port."""


class _Nothing(asyncio.Protocol):
    """Answers whatever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A transport of uvloop is none of the standard library's by its type.
        self.write = cast("asyncio.Transport", transport).write

    def data_received(self, data: bytes) -> None:
        self.write(FRAMED if data[:1] != b"G" else UPGRADED)


class _Ours(_Nothing):
    """Answers each text."""

    def data_received(self, data: bytes) -> None:
        if whole_text(data, max_message=MAX_MESSAGE) is not None:
            self.write(FRAMED)
        else:
            self.write(UPGRADED)


FRAMED: Final = frame_text(ANSWER)


def _listen(protocol: type[_Nothing]) -> Start:
    async def start() -> int:
        server = await asyncio.get_running_loop().create_server(protocol, HOST, 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    return start


async def _picows() -> int:
    import picows  # type: ignore[import-not-found, unused-ignore]

    class Listener(picows.WSListener):  # type: ignore[misc, unused-ignore]
        """Answers each text."""

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if frame.get_payload_as_bytes():
                transport.send(picows.WSMsgType.TEXT, ANSWER)

    server = await picows.ws_create_server(lambda _request: Listener(), HOST, 0)
    port: int = server.sockets[0].getsockname()[1]
    return port


SERVERS: Final[dict[str, Start]] = {
    "nothing": _listen(_Nothing),
    "this project's": _listen(_Ours),
    "picows": _picows,
}


def serve(name: str, pipe: Connection) -> None:
    """Runs a server; tells its port, and then, whenever it is asked, its CPU time in seconds."""

    async def run() -> None:
        pipe.send(await SERVERS[name]())
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def tell() -> None:
            if pipe.recv():
                pipe.send(time.process_time())
            else:
                ended.set_result(None)

        loop.add_reader(pipe.fileno(), tell)
        await ended

    uvloop.run(run())


def cost(name: str, messages: int) -> float:
    """Sends so many texts to a server; gives its microseconds of CPU for each."""
    mine, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(name, its))
    process.start()
    sockets = [socket.create_connection((HOST, port)) for port in [mine.recv()] * CONNECTIONS]
    try:
        for each in sockets:
            each.settimeout(DEADLINE)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.sendall(upgrade_request())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += each.recv(1)
        _exchange(sockets, 10)
        mine.send(True)
        before = mine.recv()
        rounds = messages // CONNECTIONS
        _exchange(sockets, rounds)
        mine.send(True)
        return float(mine.recv() - before) / (rounds * CONNECTIONS) * 1e6
    finally:
        for each in sockets:
            each.close()
        mine.send(False)
        process.join()


def _exchange(sockets: list[socket.socket], rounds: int) -> None:
    frame = client_frame(TEXT)
    for _ in range(rounds):
        for each in sockets:
            each.send(frame)
        for each in sockets:
            answer = each.recv(64)
            assert answer == FRAMED, answer


def main() -> None:
    """Runs the servers in turn, and prints what they have shown."""
    parser = argparse.ArgumentParser(description="Measures what reading a text costs a server.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=60_000)
    arguments = parser.parse_args()
    costs: dict[str, list[float]] = {name: [] for name in SERVERS}
    for _ in range(arguments.rounds):
        for name, its in costs.items():
            its.append(cost(name, arguments.messages))
    nothing = median(costs["nothing"])
    print(f"{'':16} {'CPU µs a text':>14} {'of it reading':>14}")
    for name, its in costs.items():
        print(f"{name:16} {median(its):14.2f} {median(its) - nothing:14.2f}")


if __name__ == "__main__":
    main()
