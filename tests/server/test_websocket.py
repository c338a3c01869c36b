import asyncio
import gc
import logging
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs
from tests.server.wire_peer import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Ear,
    NoTime,
    Peer,
    Server,
    Standstill,
    fill,
    masked,
    quiet,
    read_again,
    request,
    serving,
    stall,
    until,
)
from uvicorn.server import ServerState

from causerie.server.handshake import Handshake
from causerie.server.loop_share import LoopShare
from causerie.server.reader import Reader
from causerie.server.socket import Socket
from causerie.server.websocket import WebSocketSettings, websocket_protocol
from causerie.wire.framing import frame_text

pytestmark = pytest.mark.both_loops

BAD_UTF8 = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"


# The handshake.


@pytest.mark.parametrize("path", ["/", "/ws", "/chat", "/ws?from=here"])
async def test_a_websocket_opens_on_its_paths(path: str) -> None:
    async with serving() as server:
        peer = await server.connect()
        peer.send(request(path))
        answer = await peer.answer()
        assert answer.status == 101
        # RFC 6455, section 1.3, has this pair as its example.
        assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert "sec-websocket-protocol" not in answer.headers
        assert "sec-websocket-extensions" not in answer.headers
        peer.send(masked(TEXT, b"hello"))
        assert await peer.frame() == (TEXT, b"hello")


async def test_there_is_no_websocket_elsewhere() -> None:
    async with serving() as server:
        peer = await server.connect()
        peer.send(request("/elsewhere"))
        answer = await peer.answer()
        assert answer.status == 404
        assert b"/ws" in answer.body
        await peer.eof()
        assert not server.ears


async def test_a_page_from_elsewhere_may_not_open_a_socket_and_is_told_who_could_allow_it() -> None:
    async with serving() as server:
        peer = await server.connect()
        peer.send(request(Origin="https://evil.example"))
        answer = await peer.answer()
        assert answer.status == 403
        assert b"--allow-origin https://evil.example" in answer.body
        await peer.eof()


async def test_a_handshake_may_come_byte_by_byte() -> None:
    async with serving() as server:
        peer = await server.connect()
        for byte in request():
            peer.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert (await peer.answer()).status == 101
        peer.send(masked(TEXT, b"hello"))
        assert await peer.frame() == (TEXT, b"hello")


async def test_a_handshake_with_a_hundred_kilobytes_of_headers_is_refused() -> None:
    async with serving() as server:
        for headers in ({"X_Long": "x" * 100_000}, {f"X_{i}": "x" * 700 for i in range(140)}):
            peer = await server.connect()
            peer.send(request(**headers))
            assert (await peer.answer()).status in {400, 431}
            await peer.eof()
        assert not server.ears


async def test_messages_in_one_segment_with_the_handshake_are_not_lost() -> None:
    async with serving() as server:
        peer = await server.connect()
        peer.send(request() + masked(TEXT, b"one") + masked(TEXT, b"two"))
        assert (await peer.answer()).status == 101
        assert await peer.frame() == (TEXT, b"one")
        assert await peer.frame() == (TEXT, b"two")


async def test_a_connection_that_was_kept_alive_can_be_upgraded() -> None:
    async with serving() as server:
        peer = await server.connect()
        for _ in range(2):
            peer.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await peer.answer()).status == 200
        peer.send(request())
        assert (await peer.answer()).status == 101
        peer.send(masked(TEXT, b"hello"))
        assert await peer.frame() == (TEXT, b"hello")


async def test_an_upgrade_may_follow_a_request_in_one_segment() -> None:
    async with serving() as server:
        peer = await server.connect()
        peer.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + request())
        assert (await peer.answer()).status == 200
        assert (await peer.answer()).status == 101
        peer.send(masked(TEXT, b"hello"))
        assert await peer.frame() == (TEXT, b"hello")


async def test_what_the_handshake_left_behind_is_dropped_at_once() -> None:
    def kept(kind: type) -> int:
        return sum(type(thing) is kind for thing in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        async with serving() as server:
            peers = [(await server.open())[0] for _ in range(3)]
            assert kept(Handshake) == 0
            for peer in peers:
                peer.send(masked(TEXT, b"hello")[:3])
            await until(lambda: all(ear.heard_times for ear in server.ears))
            assert kept(Reader) == 3
            for peer in peers:
                peer.reset()
            await until(lambda: not server.connections)
            assert kept(Reader) == 0
    finally:
        gc.enable()


@asynccontextmanager
async def bare(**settings: Any) -> AsyncIterator[tuple[Server, set[Any]]]:
    """Serves by the WebSocket protocol alone, which then also reads the handshake from TCP."""
    state = ServerState()
    server = Server(0, uvicorn.Server(uvicorn.Config("", log_config=None)))

    def accept(socket: Socket, *, subprotocol: str | None, compression: bool, address: str) -> Ear:
        assert not compression
        server.ears.append(Ear(socket, subprotocol, address))
        return server.ears[-1]

    protocol = websocket_protocol(accept, WebSocketSettings(**settings), share=LoopShare())
    tcp = await asyncio.get_running_loop().create_server(
        lambda: protocol(server.uvicorn.config, state, {}), "127.0.0.1", 0
    )
    server.port = tcp.sockets[0].getsockname()[1]
    try:
        yield server, state.connections
    finally:
        for peer in server.peers:
            peer.writer.transport.abort()
        tcp.close()
        await until(lambda: not state.connections)


async def test_what_was_said_before_the_end_counts_though_there_was_no_time_for_it() -> None:
    async with serving(share=NoTime()) as server:
        peer, ear = await server.open()
        peer.send(masked(TEXT, b"a line") + masked(CLOSE, (1000).to_bytes(2)))
        peer.writer.write_eof()
        await until(lambda: ear.is_closed)
        assert ear.told == [b"a line"]


class Busy(Ear):
    """A receiver that has no more read once it is told something."""

    def receive(self, text: bytes) -> None:
        self.told.append(text)
        self.socket.pause_reading()


@pytest.mark.parametrize("make", [quiet, Busy])
async def test_what_came_before_a_cut_counts_though_it_was_not_its_turn_yet(
    make: Callable[..., Ear],
) -> None:
    lines = [character * 3_000 for character in (b"a", b"b", b"c", b"d")]
    share = Standstill()
    async with serving(make, share=share) as server:
        peer, ear = await server.open()
        share.begin()
        peer.send(b"".join(masked(TEXT, line) for line in lines) + masked(CLOSE))
        await until(lambda: ear.heard_times)
        ear.socket.abort()
        await until(lambda: ear.is_closed)
        assert (ear.told, ear.code) == (lines, 1005)
        await until(lambda: not server.connections)


async def test_the_protocol_needs_no_other_to_read_a_handshake_that_comes_in_pieces() -> None:
    async with bare() as (server, _):
        peer = await server.connect()
        head = request()
        peer.send(head[:20])
        await asyncio.sleep(0)
        peer.send(head[20:] + masked(TEXT, b"one") + masked(TEXT, b"two")[:3])
        assert (await peer.answer()).status == 101
        assert await peer.frame() == (TEXT, b"one")
        peer.send(masked(TEXT, b"two")[3:])
        assert await peer.frame() == (TEXT, b"two")


@pytest.mark.parametrize("start", [b"", request()[:50]])
async def test_a_handshake_that_does_not_come_in_time_is_cut(start: bytes) -> None:
    async with bare(close_timeout=0.1) as (server, connections):
        peer = await server.connect()
        peer.send(start)
        await until(lambda: connections)
        await until(lambda: not connections)


async def test_a_handshake_that_came_in_time_is_not_cut() -> None:
    async with bare(close_timeout=0.1) as (server, connections):
        peer, ear = await server.open()
        silent = await server.connect()
        await until(lambda: len(connections) == 2)
        await until(lambda: len(connections) == 1)
        await silent.eof()
        peer.send(masked(TEXT, b"hello"))
        assert await peer.frame() == (TEXT, b"hello")
        assert not ear.is_closed


async def test_a_handshake_with_a_body_is_answered_with_the_reason() -> None:
    async with serving() as server:
        peer = await server.connect()
        with capture_logs() as logs:
            peer.send(request(Content_Length="3") + b"abc")
            answer = await peer.answer()
        assert answer.status == 400
        assert b"with a body" in answer.body
        assert [(log["event"], log["status"]) for log in logs] == [("refused", 400)]
        await peer.eof()
        assert not server.ears


async def test_what_is_no_http_is_told_so() -> None:
    async with bare() as (server, _):
        peer = await server.connect()
        peer.send(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await peer.answer()).status == 400
        await peer.eof()


async def test_one_connection_more_than_allowed_is_told_to_come_back_later() -> None:
    async with serving(max_connections=1) as server:
        first, ear = await server.open()
        second = await server.connect()
        second.send(request())
        assert (await second.answer()).status == 101
        assert await second.closed() == 1013
        assert server.ears == [ear]
        first.send(masked(CLOSE))
        await until(lambda: ear.is_closed)
        await server.open()


# Messages.


@pytest.mark.parametrize("size", [0, 1, 125, 126, 4096, 65_535, 65_536])
async def test_a_message_of_any_allowed_size_is_told_whole(size: int) -> None:
    async with serving() as server:
        peer, ear = await server.open()
        text = b"x" * size
        peer.send(masked(TEXT, text))
        assert await peer.frame() == (TEXT, text)
        assert ear.told == [text]


@pytest.mark.parametrize(
    "frames",
    [
        [masked(TEXT, b"x" * 65_537)],
        [masked(TEXT, b"x" * 65_536, fin=False), masked(CONT, b"x")],
        [masked(TEXT, b"x" * 30_000, fin=False)] + [masked(CONT, b"x" * 30_000, fin=False)] * 2,
    ],
)
async def test_a_message_over_the_limit_closes_with_1009(frames: list[bytes]) -> None:
    async with serving() as server:
        peer, ear = await server.open()
        for frame in frames:
            peer.send(frame)
        assert await peer.closed() == 1009
        assert ear.told == []
        assert ear.code is None


async def test_who_sends_far_too_much_still_learns_why_it_was_closed() -> None:
    async with serving() as server:
        peer, _ = await server.open()
        peer.send(masked(TEXT, b"x" * 3_000_000))
        assert await peer.closed() == 1009


async def test_fragments_make_one_message_and_a_ping_between_them_is_answered_before() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        euro = "€".encode()
        peer.send(masked(TEXT, b"1 " + euro[:1], fin=False))
        peer.send(masked(PING, b"are you there?"))
        peer.send(masked(CONT, euro[1:2], fin=False))
        peer.send(masked(CONT, fin=False))
        peer.send(masked(CONT, euro[2:]))
        assert await peer.frame() == (PONG, b"are you there?")
        assert await peer.frame() == (TEXT, "1 €".encode())
        assert ear.told == ["1 €".encode()]


async def test_the_fragments_of_two_clients_do_not_mix() -> None:
    async with serving() as server:
        one, _ = await server.open()
        other, other_ear = await server.open()
        one.send(masked(TEXT, b"o", fin=False))
        other.send(masked(TEXT, b"whole"))
        assert await other.frame() == (TEXT, b"whole")
        other.send(masked(TEXT, b"other")[:4])
        await until(lambda: other_ear.heard_times == 2)
        one.send(masked(CONT, b"ne"))
        assert await one.frame() == (TEXT, b"one")
        other.send(masked(TEXT, b"other")[4:])
        assert await other.frame() == (TEXT, b"other")


async def test_answers_keep_their_place_among_pongs() -> None:
    async with serving() as server:
        peer, _ = await server.open()
        peer.send(
            masked(PING, b"1") + masked(TEXT, b"2") + masked(PING, b"3") + masked(PING, b"4")
            + masked(TEXT, b"5") + masked(PONG, b"unasked") + masked(CLOSE, b"\x03\xe8")
        )  # fmt: skip
        got = [await peer.frame() for _ in range(5)]
        assert got == [(PONG, b"1"), (TEXT, b"2"), (PONG, b"3"), (PONG, b"4"), (TEXT, b"5")]
        assert await peer.closed() == 1000


@pytest.mark.parametrize("fin", [True, False])
async def test_a_binary_message_closes_with_1003_at_its_first_frame(fin: bool) -> None:
    async with serving() as server:
        peer, ear = await server.open()
        peer.send(masked(BINARY, b"\0", fin=fin))
        assert await peer.closed() == 1003
        assert ear.told == []


async def test_binary_messages_are_told_to_whoever_wants_them() -> None:
    def echo(socket: Socket, message: bytes) -> None:
        socket.write(frame_text(message.hex().encode()))

    async with serving(binary=echo) as server:
        peer, _ = await server.open()
        peer.send(masked(BINARY, b"\xff", fin=False) + masked(CONT, b"\x00"))
        assert await peer.frame() == (TEXT, b"ff00")


@pytest.mark.parametrize(
    "frames",
    [
        masked(TEXT, BAD_UTF8),
        # At once: the message is not over.
        masked(TEXT, BAD_UTF8[:12], fin=False) + masked(CONT, BAD_UTF8[12:13], fin=False),
        # A character that never ends.
        masked(TEXT, b"\xe2\x82", fin=False) + masked(CONT),
        masked(CLOSE, b"\x03\xe8" + BAD_UTF8),
    ],
)
async def test_what_is_not_utf8_closes_with_1007(frames: bytes) -> None:
    async with serving() as server:
        peer, ear = await server.open()
        peer.send(frames)
        assert await peer.closed() == 1007
        assert ear.told == []


@pytest.mark.parametrize(
    "frames",
    [
        masked(TEXT, b"x", rsv=4),
        masked(TEXT, b"x", rsv=1),
        b"\x81\x01x",
        masked(0x3),
        masked(0xB),
        masked(PING, fin=False),
        masked(PING, b"x" * 126),
        masked(CONT, b"x"),
        masked(TEXT, b"x", fin=False) + masked(TEXT, b"y"),
        masked(CLOSE, b"\x03"),
        masked(CLOSE, b"\x03\xe7"),
        masked(CLOSE, b"\x03\xed"),
        masked(CLOSE, b"\xff\xff"),
    ],
)
async def test_what_breaks_the_protocol_closes_with_1002_after_what_came_before(
    frames: bytes,
) -> None:
    async with serving() as server:
        peer, ear = await server.open()
        peer.send(masked(TEXT, b"before") + frames + masked(TEXT, b"after"))
        assert await peer.frame() == (TEXT, b"before")
        assert await peer.closed() == 1002
        assert ear.told == [b"before"]
        assert ear.code is None
        assert ear.is_closed


# Being slow.


async def test_the_receiver_is_paused_by_the_first_byte_that_waits_and_resumed_by_none() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        stall(peer)
        frame = frame_text(b"x" * 32_000)
        frames = fill(ear, frame)
        assert ear.events == ["paused"]
        assert 0 < ear.socket.unsent() <= len(frame)
        read_again(peer)
        for _ in range(frames):
            assert await peer.frame() == (TEXT, b"x" * 32_000)
        await until(lambda: ear.events == ["paused", "resumed"])
        assert ear.socket.unsent() == 0


async def test_a_client_that_does_not_read_is_not_read_either() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        stall(peer)
        frames = fill(ear, frame_text(b"x" * 32_000))
        peer.send(masked(TEXT, b"hello"))
        other, _ = await server.open()
        for _ in range(3):
            other.send(masked(TEXT, b"one turn and another"))
            await other.frame()
        assert ear.told == []
        read_again(peer)
        for _ in range(frames):
            await peer.frame()
        assert await peer.frame() == (TEXT, b"hello")


class Loud(Ear):
    """Answers with more than can be sent."""

    def receive(self, text: bytes) -> None:
        self.told.append(text)
        fill(self, frame_text(b"x" * 32_000))


async def test_of_the_pings_that_came_while_answers_waited_the_last_is_answered() -> None:
    async with serving(Loud) as server:
        peer, ear = await server.open()
        stall(peer)
        peer.send(
            masked(PING, b"1") + masked(TEXT, b"fill") + masked(PING, b"2") + masked(PING, b"3")
        )
        await until(lambda: ear.told)
        read_again(peer)
        assert await peer.frame() == (PONG, b"1")
        pongs: list[bytes] = []
        while not pongs:
            opcode, payload = await peer.frame()
            if opcode == PONG:
                pongs.append(payload)
        assert pongs == [b"3"]
        await until(lambda: ear.events == ["paused", "resumed"])


async def read_up_to_close(peer: Peer) -> list[int]:
    """The opcodes of all frames up to the close frame, which is the last."""
    opcodes = [0]
    while opcodes[-1] != CLOSE:
        opcodes.append((await peer.frame())[0])
    return opcodes[1:]


async def test_no_pong_follows_a_close_frame() -> None:
    async with serving(Loud) as server:
        peer, ear = await server.open()
        stall(peer)
        peer.send(masked(TEXT, b"fill") + masked(PING, b"unanswered"))
        await until(lambda: ear.told)
        ear.socket.close(1001)
        read_again(peer)
        assert PONG not in await read_up_to_close(peer)
        peer.send(masked(CLOSE))
        await peer.eof()


async def test_a_fault_while_answers_wait_ends_when_the_peer_has_read_them() -> None:
    async with serving(Loud, close_timeout=60.0) as server:
        peer, ear = await server.open()
        stall(peer)
        peer.send(masked(TEXT, b"fill") + masked(0x3))
        await until(lambda: ear.is_closed)
        read_again(peer)
        await read_up_to_close(peer)
        await peer.eof()
        peer.writer.close()
        await until(lambda: not server.connections)


async def test_the_end_of_a_connection_that_was_not_read_is_noticed() -> None:
    class Reluctant(Ear):
        def receive(self, text: bytes) -> None:
            self.told.append(text)
            self.socket.pause_reading()

    async with serving(Reluctant, close_timeout=60.0) as server:
        peer, _ = await server.open()
        peer.send(masked(TEXT, b"wait") + masked(0x3))
        assert await peer.closed() == 1002
        peer.writer.close()
        await until(lambda: not server.connections)


async def test_who_does_not_go_after_a_fault_is_cut() -> None:
    async with serving(close_timeout=0.1) as server:
        peer, _ = await server.open()
        peer.send(masked(0x3))
        assert await peer.closed() == 1002
        await until(lambda: not server.connections)


@pytest.mark.slow
async def test_the_pings_of_a_client_that_does_not_read_are_not_answered_into_memory() -> None:
    count = 200_000
    async with serving() as server:
        peer, ear = await server.open()
        stall(peer)
        first = masked(PING, bytes(4))
        mask = int.from_bytes(first[-4:])
        peer.send(b"".join(first[:-4] + (i ^ mask).to_bytes(4) for i in range(count)))
        await until(ear.socket.unsent)
        other, _ = await server.open()
        for _ in range(100):
            other.send(masked(TEXT, b"one turn and another"))
            await other.frame()
        assert ear.socket.unsent() < 64 * 1024
        read_again(peer)
        newest = -1
        while newest < count - 1:
            opcode, payload = await peer.frame()
            assert opcode == PONG
            assert int.from_bytes(payload) > newest
            newest = int.from_bytes(payload)


# The end.


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\x03\xe8", 1000), (b"\x03\xe9bye", 1001), (b"\x0f\xa0", 4000), (b"", 1005)],
)
async def test_a_close_frame_is_answered_by_the_same_and_told(payload: bytes, code: int) -> None:
    async with serving() as server:
        peer, ear = await server.open()
        peer.send(masked(CLOSE, payload))
        assert await peer.frame() == (CLOSE, payload)
        await peer.eof()
        assert ear.code == code
        assert ear.events == ["closed"]


async def test_a_close_frame_in_the_middle_of_a_message_is_a_close_frame() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        peer.send(masked(TEXT, b"unfinis", fin=False) + masked(CLOSE, b"\x03\xe8"))
        assert await peer.closed() == 1000
        assert ear.code == 1000


async def test_closing_ends_with_the_peer_s_answer_and_tells_nothing_that_comes_before() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        ear.socket.close(1001, "the server is stopping")
        ear.socket.close(1000)
        ear.socket.write(frame_text(b"too late"))
        ear.socket.ping()
        assert await peer.frame() == (CLOSE, b"\x03\xe9the server is stopping")
        peer.send(masked(TEXT, b"too late") + masked(PING) + masked(CLOSE, b"\x03\xe9"))
        await peer.eof()
        assert ear.told == []
        assert ear.code == 1001
        assert ear.events == ["closed"]


async def test_a_fault_while_closing_ends_it_too() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        ear.socket.close(1001)
        assert await peer.frame() == (CLOSE, b"\x03\xe9")
        peer.send(masked(0x3))
        await peer.eof()
        assert ear.code is None


async def test_a_reason_is_cut_between_two_characters() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        ear.socket.close(1008, "é" * 100)
        assert await peer.frame() == (CLOSE, b"\x03\xf0" + "é".encode() * 61)


async def test_a_peer_that_does_not_answer_a_close_frame_is_cut() -> None:
    async with serving(close_timeout=0.1) as server:
        peer, ear = await server.open()
        ear.socket.close(1001)
        assert await peer.frame() == (CLOSE, b"\x03\xe9")
        await until(lambda: ear.is_closed)
        assert ear.code is None
        await until(lambda: not server.connections)


async def test_a_peer_that_neither_reads_nor_answers_is_cut() -> None:
    async with serving(close_timeout=0.1) as server:
        peer, ear = await server.open()
        stall(peer)
        fill(ear, frame_text(b"x" * 32_000))
        ear.socket.close(1001)
        await until(lambda: ear.is_closed)
        await until(lambda: not server.connections)


async def test_a_stalled_peer_s_own_close_frame_is_read_while_closing() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        stall(peer)
        fill(ear, frame_text(b"x" * 32_000))
        ear.socket.close(1001)
        peer.send(masked(CLOSE, b"\x03\xe9"))
        await until(lambda: ear.is_closed)
        assert ear.code == 1001


async def test_messages_left_for_a_later_turn_are_dropped_by_closing_and_the_close_is_not() -> None:
    class Full(Ear):
        def receive(self, text: bytes) -> None:
            self.told.append(text)
            if len(self.told) == 10:
                self.socket.close(1008)

    async with serving(Full) as server:
        peer, ear = await server.open()
        peer.send(b"".join([masked(TEXT, b"x")] * 20_000) + masked(CLOSE, b"\x03\xe8"))
        assert await peer.closed() == 1008
        assert len(ear.told) == 10
        assert ear.code == 1000


async def test_what_is_said_to_who_closes_has_no_more_time_than_anything_else() -> None:
    share = Standstill()
    async with serving(quiet, share=share) as server:
        peer, ear = await server.open()
        peer.send(masked(TEXT, b"1"))
        await until(lambda: ear.told)
        ear.socket.close(1008)
        share.begin()
        peer.send(masked(TEXT, b"x" * 3_000) * 2 + masked(CLOSE))
        assert await peer.frame() == (CLOSE, (1008).to_bytes(2))
        await until(lambda: share.waiting)
        assert not ear.is_closed
        share.end()
        await until(lambda: ear.is_closed)
        assert (ear.told, ear.code) == ([b"1"], 1005)


async def test_the_peer_s_close_frame_is_found_behind_messages_that_were_not_told() -> None:
    async with serving(quiet) as server:
        peer, ear = await server.open()
        other, other_ear = await server.open()
        peer.send(b"".join([masked(TEXT, b"x")] * 20_000) + masked(CLOSE, b"\x03\xe8"))
        await until(lambda: ear.told)
        ear.socket.pause_reading()
        told = len(ear.told)
        assert told < 20_000
        other.send(masked(TEXT, b"a turn"))
        await until(lambda: other_ear.told)
        ear.socket.close(1008)
        assert await peer.closed() == 1008
        assert len(ear.told) == told
        assert ear.code == 1000


async def test_aborting_cuts_without_a_close_frame() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        ear.socket.abort()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await peer.frame()
        await until(lambda: ear.is_closed)
        assert ear.code is None


async def test_a_reset_is_the_end_without_a_close_frame() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        peer.send(masked(TEXT, b"unfinis", fin=False))
        await until(lambda: ear.heard_times)
        peer.reset()
        await until(lambda: ear.is_closed)
        assert ear.code is None
        await until(lambda: not server.connections)


async def test_half_a_connection_is_none() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        peer.send(masked(TEXT, b"last words"))
        peer.writer.write_eof()
        assert await peer.frame() == (TEXT, b"last words")
        await peer.eof()
        await until(lambda: ear.is_closed)
        assert ear.code is None


async def test_after_the_end_calls_do_nothing() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        peer.send(masked(CLOSE))
        await until(lambda: not server.connections)
        socket = ear.socket
        socket.write(frame_text(b"too late"))
        socket.ping()
        socket.pause_reading()
        socket.resume_reading()
        socket.close(1000)
        socket.abort()
        assert socket.unsent() == 0
        assert ear.events == ["closed"]


async def test_a_fault_of_the_receiver_ends_its_connection_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Faulty(Ear):
        def receive(self, text: bytes) -> None:
            if text == b"fail":
                raise RuntimeError("a bug")
            super().receive(text)

    async with serving(Faulty) as server:
        well, _ = await server.open()
        peer, ear = await server.open()
        peer.send(masked(TEXT, b"fail"))
        with capture_logs() as logs:
            assert await peer.closed() == 1011
        assert ear.events == ["closed"]
        assert ear.code is None
        assert [log["event"] for log in logs] == ["a connection failed", "disconnected"]
        well.send(masked(TEXT, b"hello"))
        assert await well.frame() == (TEXT, b"hello")
    assert not caplog.records


async def test_a_receiver_that_cannot_be_made_ends_its_connection_alone() -> None:
    def make(*_: Any) -> Ear:
        raise RuntimeError("a bug")

    async with serving(make) as server:
        peer = await server.connect()
        peer.send(request())
        assert (await peer.answer()).status == 101
        assert await peer.closed() == 1011


async def test_an_acceptor_may_write_and_close_at_once() -> None:
    def make(socket: Socket, *arguments: Any) -> Ear:
        socket.write(frame_text(b"welcome"))
        socket.close(1001, "and goodbye")
        return Ear(socket, *arguments)

    async with serving(make) as server:
        peer, ear = await server.open()
        assert await peer.frame() == (TEXT, b"welcome")
        assert await peer.frame() == (CLOSE, b"\x03\xe9and goodbye")
        peer.send(masked(CLOSE, b"\x03\xe9"))
        await until(lambda: ear.is_closed)
        assert ear.code == 1001


async def test_an_acceptor_that_writes_more_than_can_be_sent_is_paused() -> None:
    def make(socket: Socket, *arguments: Any) -> Ear:
        while not socket.unsent():
            socket.write(frame_text(b"x" * 32_000))
        return Ear(socket, *arguments)

    async with serving(make) as server:
        peer, ear = await server.open()
        assert ear.events[0] == "paused"
        assert await peer.frame() == (TEXT, b"x" * 32_000)
        async with asyncio.timeout(10):
            while "resumed" not in ear.events:
                await peer.reader.read(2**16)


async def test_what_came_with_the_handshake_waits_until_the_acceptor_s_words_are_sent() -> None:
    class Reserved(Ear):
        def receive(self, text: bytes) -> None:
            assert "resumed" in self.events
            self.told.append(text)

    def make(socket: Socket, *arguments: Any) -> Ear:
        while not socket.unsent():
            socket.write(frame_text(b"x" * 32_000))
        return Reserved(socket, *arguments)

    async with serving(make) as server:
        peer = await server.connect()
        peer.send(request() + masked(TEXT, b"early") + masked(CLOSE, b"\x03\xe8"))
        assert (await peer.answer()).status == 101
        await read_up_to_close(peer)
        assert server.ears[0].told == [b"early"]
        assert server.ears[0].code == 1000


async def test_when_the_server_stops_every_connection_is_told() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        for connection in list(server.uvicorn.server_state.connections):
            connection.shutdown()
        assert await peer.frame() == (CLOSE, b"\x03\xe9")
        peer.send(masked(CLOSE, b"\x03\xe9"))
        await until(lambda: ear.is_closed)


# What it costs.


async def test_a_ping_is_answered_and_every_read_is_heard_once() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        ear.socket.ping()
        assert await peer.frame() == (PING, b"")
        before = ear.heard_times
        peer.send(masked(PONG))
        await until(lambda: ear.heard_times == before + 1)
        peer.send(masked(TEXT, b"a") + masked(TEXT, b"b"))
        await until(lambda: len(ear.told) == 2)
        assert ear.heard_times == before + 2


async def test_a_connection_has_one_line_when_it_opens_and_one_when_it_ends_without_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        async with serving() as server:
            peer, _ = await server.open(X_Forwarded_For="198.51.100.7")
            peer.send(masked(TEXT, b"a secret"))
            await peer.frame()
            peer.send(masked(CLOSE, b"\x03\xe8a secret"))
            await peer.closed()
            await until(lambda: not server.connections)
    opened, closed = logs
    number = opened["connection"]
    assert opened == {
        "event": "connected",
        "log_level": "info",
        "connection": number,
        "address": "198.51.100.7",
        "profile": "plain",
        "compression": False,
    }
    assert closed.pop("seconds") >= 0
    assert closed == {
        "event": "disconnected",
        "log_level": "info",
        "connection": number,
        "address": "198.51.100.7",
        "received": 1000,
        "sent": None,
        "why": "the peer closed",
        "messages_in": 1,
        "bytes_in": 14 + 16,
        "bytes_out": 10,
    }
    assert "secret" not in caplog.text


async def test_the_line_of_an_end_says_which_side_has_closed() -> None:
    with capture_logs() as logs:
        async with serving() as server:
            peer, ear = await server.open()
            ear.socket.close(1001)
            assert (await peer.frame())[0] == CLOSE
            peer.send(masked(CLOSE, b"\x03\xe9"))
            await until(lambda: not server.connections)
    assert (logs[-1]["why"], logs[-1]["sent"]) == ("this server closed", 1001)


@pytest.mark.slow
async def test_two_hundred_connections_have_no_task_and_no_timer() -> None:
    # uvloop does not tell its timers.
    timers: list[object] = getattr(asyncio.get_running_loop(), "_scheduled", [])
    async with serving(request_timeout=30.0, close_timeout=30.0) as server:
        # The sweep of requests and that of closes arm their timers for the first of each.
        _, ear = await server.open()
        ear.socket.close(1001)
        peers = [await server.connect() for _ in range(200)]
        await until(lambda: server.connections == 201)
        tasks, timers_before = asyncio.all_tasks(), list(timers)
        for peer in peers:
            peer.send(request() + masked(TEXT, b"hello"))
        await until(lambda: len(server.ears) == 201 and all(ear.told for ear in server.ears[1:]))
        for ear in server.ears:
            ear.socket.close(1001)
        assert asyncio.all_tasks() == tasks
        # `until` has had one, which was cancelled.
        assert len(timers) <= len(timers_before) + 1


OURS = ("handshake", "intake", "reader", "websocket")


@pytest.mark.slow
async def test_an_idle_connection_keeps_less_than_a_kilobyte_here() -> None:
    async with serving(quiet) as server:
        await server.open()
        gc.collect()
        tracemalloc.start()
        try:
            for _ in range(200):
                peer, _ = await server.open()
                peer.send(masked(TEXT, b"hello"))
            await until(lambda: all(ear.told for ear in server.ears[1:]))
            # Without the tests' own: what was allocated in this file or by the library that reads.
            snapshot = tracemalloc.take_snapshot().filter_traces(
                [
                    *(tracemalloc.Filter(True, f"*/server/{name}.py") for name in OURS),
                    tracemalloc.Filter(True, "*/websockets/*.py"),
                ]
            )
        finally:
            tracemalloc.stop()
        assert sum(stat.size for stat in snapshot.statistics("filename")) < 200 * 1000
