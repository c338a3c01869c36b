"""Holding HTTP connections for ever, by asking and not reading."""

import socket
from contextlib import closing

from tests.server.wire_peer import serving, until

GET = b"GET /asyncapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
MANY = 400
"""So many answers that no system takes them all for a peer that reads nothing."""


async def test_who_asks_and_does_not_read_the_answers_is_cut() -> None:
    async with serving(request_timeout=0.2) as server:
        with closing(socket.create_connection(("127.0.0.1", server.port))) as peer:
            peer.sendall(GET * MANY)
            await until(lambda: server.connections)
            await until(lambda: not server.connections, "it is held for as long as it likes")


async def test_who_reads_again_in_time_is_answered_to_the_end() -> None:
    async with serving(request_timeout=0.4) as server:
        # A peer's stream takes 8 MB by itself, and the rest when it is read.
        peer = await server.connect()
        peer.send(GET * MANY)
        for _ in range(MANY):
            assert (await peer.answer()).status == 200
        # Whoever sends nothing is cut, and by then this one would have been as well.
        silent = await server.connect()
        await silent.eof()
        peer.send(GET)
        assert (await peer.answer()).status == 200
