"""A WebSocket on which messages may be compressed: what is agreed on, and told to whom."""

from tests.server.wire_peer import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    deflated,
    masked,
    quiet,
    serving,
    until,
)

from causerie.server.deflate import frame_deflated
from causerie.server.websocket import WebSocketProtocol
from causerie.testing.framing import inflate

OFFER = "permessage-deflate; client_max_window_bits"


async def test_the_receiver_is_told_whether_compression_was_agreed_on() -> None:
    async with serving(quiet, compression=True) as server:
        agreed = (await server.open(Sec_WebSocket_Extensions=OFFER))[1]
        unasked = (await server.open())[1]
        assert (agreed.compression, unasked.compression) == (True, False)
    async with serving(quiet) as server:
        assert not (await server.open(Sec_WebSocket_Extensions=OFFER))[1].compression


async def test_both_sides_may_compress_or_not_and_control_frames_are_never_compressed() -> None:
    long = b"so it goes on and on, " * 50
    async with serving(quiet, compression=True) as server:
        peer, ear = await server.open(Sec_WebSocket_Extensions=OFFER)
        peer.send(deflated(long) + masked(TEXT, b"as it is") + masked(PING, b"p" * 125))
        assert await peer.frame() == (PONG, b"p" * 125)
        assert ear.told == [long, b"as it is"]
        ear.socket.write(frame_deflated(long))
        head = await peer.reader.readexactly(2)
        assert head[0] == 0xC1
        assert head[1] < 126
        assert inflate(await peer.reader.readexactly(head[1])) == long
        ear.socket.ping()
        assert await peer.frame() == (PING, b"")
        ear.socket.close(1001, "enough")
        assert await peer.frame() == (CLOSE, b"\x03\xe9enough")


async def test_what_inflates_to_more_than_a_message_may_be_is_closed_with_1009() -> None:
    async with serving(compression=True) as server:
        peer, ear = await server.open(Sec_WebSocket_Extensions=OFFER)
        peer.send(deflated(b" " * (64 * 1024 + 1)))
        assert await peer.closed() == 1009
        assert ear.told == []


async def test_who_did_not_agree_may_not_compress_though_others_may() -> None:
    async with serving(quiet, compression=True) as server:
        agreed, ear = await server.open(Sec_WebSocket_Extensions=OFFER)
        agreed.send(deflated(b"agreed"))
        await until(lambda: ear.told)
        # The reader that is handed on had inflated for somebody else.
        other, deaf = await server.open()
        other.send(deflated(b"not agreed"))
        assert await other.closed() == 1002
        assert deaf.told == []


async def test_at_rest_a_connection_keeps_nothing_that_inflates() -> None:
    async with serving(quiet, compression=True) as server:
        peer, ear = await server.open(Sec_WebSocket_Extensions=OFFER)
        peer.send(deflated(b"so long, " * 100))
        await until(lambda: ear.told)
        assert isinstance(ear.socket, WebSocketProtocol)
        assert ear.socket._reader is None
