"""Holding HTTP connections for ever, by asking and not reading."""

import asyncio
import socket

from tests.server.wire_peer import Peer, Server, serving, until
from uvicorn.protocols.http.h11_impl import H11Protocol

GET = b"GET /asyncapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
MANY = 400
"""So many answers that no system takes them all for a peer that reads nothing."""


async def unread(server: Server) -> socket.socket:
    """A peer that has asked for more than it reads, so that the server has to wait."""
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.sendall(GET * MANY)
    held = server.uvicorn.server_state.connections
    await until(lambda: any(isinstance(one, H11Protocol) and one.flow.write_paused for one in held))
    return sock


async def test_who_asks_and_does_not_read_the_answers_is_cut() -> None:
    async with serving(request_timeout=0.2) as server:
        sock = await unread(server)
        await until(lambda: not server.connections, "it is held for as long as it likes")
        sock.close()


async def test_who_reads_again_in_time_is_answered_to_the_end() -> None:
    async with serving(request_timeout=0.5) as server:
        peer = Peer(*await asyncio.open_connection(sock=await unread(server)))
        server.peers.append(peer)
        for _ in range(MANY):
            assert (await peer.answer()).status == 200
        # Whoever sends nothing is cut, and by then this one would have been as well.
        await (await server.connect()).eof()
        peer.send(GET)
        assert (await peer.answer()).status == 200
