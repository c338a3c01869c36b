"""A connection that is told of its own frames: what was on the wire, in its order, and no more."""

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.server.wire_peer import (
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Ear,
    Peer,
    Server,
    deflated,
    fill,
    masked,
    read_again,
    serving,
    stall,
    until,
)

from causerie.server.tracing import MOST_FRAMES, TracedReader
from causerie.testing.framing import client_frame
from causerie.wire.codec import decode_server_frame
from causerie.wire.framing import frame_text
from causerie.wire.replies import Traced, TracedFrame

Told = tuple[str, int, str]
"""Who sent a frame, its opcode, and what it carries (in hexadecimal)."""


class Watched(Ear):
    """A receiver that echoes nothing, and has itself traced, or no more, at a word."""

    def receive(self, text: bytes) -> None:
        self.told.append(text)
        if text in {b"trace", b"no trace"}:
            self.socket.trace(on=text == b"trace")


async def open_traced(server: Server, **headers: str) -> tuple[Peer, Ear]:
    """Opens a WebSocket that is traced by its first message."""
    peer, ear = await server.open(**headers)
    peer.send(masked(TEXT, b"trace"))
    await until(lambda: ear.told)
    return peer, ear


async def traced(peer: Peer) -> Traced:
    """Reads a message that has to tell of frames."""
    opcode, payload = await peer.frame()
    assert opcode == TEXT, (opcode, payload)
    told = decode_server_frame(payload)
    assert isinstance(told, Traced)
    return told


async def frames(peer: Peer, count: int) -> list[TracedFrame]:
    """Reads until so many frames have been told, and nothing but what tells of them."""
    told: list[TracedFrame] = []
    while len(told) < count:
        told += (await traced(peer)).frames
    assert len(told) == count
    return told


def short(told: list[TracedFrame]) -> list[Told]:
    return [(frame.sender, frame.opcode, frame.payload or "") for frame in told]


async def test_a_compressed_message_is_told_as_what_it_was_on_the_wire() -> None:
    async with serving(Watched, compression=True) as server:
        peer, ear = await open_traced(server, Sec_WebSocket_Extensions="permessage-deflate")
        peer.send(deflated(b"far " * 200) + masked(TEXT, b"as it is"))
        told = await frames(peer, 2)
        assert [(frame.rsv1, frame.message) for frame in told] == [(True, 2), (False, 3)]
        assert told[0].size == len(deflated(b"far " * 200))
        assert told[0].length < 100
        assert ear.told[1] == b"far " * 200


async def quiet(peer: Peer) -> None:
    """Checks that nothing comes but the answer to a ping."""
    peer.send(masked(PING, b"quiet?"))
    assert await peer.frame() == (PONG, b"quiet?")


async def test_the_mask_that_is_told_is_the_mask_that_was_sent() -> None:
    async with serving(Watched) as server:
        peer, _ = await open_traced(server)
        for number in range(20):
            mask = os.urandom(4)
            payload = b"x" * (number * 9_973 % 20_000)
            sent = client_frame(payload, TEXT, mask=mask)
            before = time.time_ns() // 1_000_000
            peer.send(sent)
            (frame,) = await frames(peer, 1)
            assert before <= frame.time <= time.time_ns() // 1_000_000
            assert frame == TracedFrame(
                sender="client",
                time=frame.time,
                fin=True,
                opcode=TEXT,
                length=len(payload),
                size=len(sent),
                masking_key=mask.hex(),
                message=number + 2,
            )


async def test_frames_of_one_read_are_told_together_in_the_order_of_the_wire() -> None:
    async with serving(Watched) as server:
        peer, _ = await open_traced(server)
        peer.send(
            masked(PING, b"1")
            + masked(TEXT, b"in ", fin=False)
            + masked(PING, b"2")
            + masked(CONT, b"two")
        )
        assert [await peer.frame() for _ in range(2)] == [(PONG, b"1"), (PONG, b"2")]
        told = (await traced(peer)).frames
        assert short(told) == [
            ("client", PING, "31"),
            ("client", TEXT, ""),
            ("client", PING, "32"),
            ("client", CONT, ""),
            ("server", PONG, "31"),
            ("server", PONG, "32"),
        ]
        assert [(frame.fin, frame.message) for frame in told[1:4:2]] == [(False, 2), (True, 2)]


async def test_the_servers_ping_is_told_after_it_and_the_pong_when_it_has_come() -> None:
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        ear.socket.ping()
        assert await peer.frame() == (PING, b"")
        assert short((await traced(peer)).frames) == [("server", PING, "")]
        peer.send(masked(PONG))
        assert short((await traced(peer)).frames) == [("client", PONG, "")]


async def test_everybody_is_told_of_their_own_connection_only() -> None:
    async with serving(Watched) as server:
        alice, _ = await open_traced(server)
        bob, bobs = await server.open()
        carol, _ = await open_traced(server)
        for number in range(50):
            bob.send(masked(TEXT, b"%d" % number))
        await until(lambda: len(bobs.told) == 50)
        await quiet(bob)
        for peer, word in ((carol, b"carol"), (alice, b"al")):
            peer.send(masked(TEXT, word))
            (frame,) = (await traced(peer)).frames
            assert (frame.length, frame.message) == (len(word), 2)
        await quiet(bob)


async def test_nothing_is_told_any_more_once_it_is_off_and_again_once_it_is_on() -> None:
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        peer.send(masked(TEXT, b"no trace"))
        (last,) = (await traced(peer)).frames
        assert last.length == len(b"no trace")
        await quiet(peer)
        ear.socket.ping()
        assert await peer.frame() == (PING, b"")
        peer.send(masked(PONG) + masked(TEXT, b"trace"))
        await until(lambda: len(ear.told) == 3)
        peer.send(masked(TEXT, b"seen"))
        (frame,) = (await traced(peer)).frames
        assert (frame.length, frame.message) == (4, 4)


async def test_to_ask_twice_is_to_ask_once() -> None:
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        for word, count in ((b"trace", 1), (b"no trace", 1), (b"no trace", 0)):
            peer.send(masked(TEXT, word))
            assert len(await frames(peer, count)) == count
        await quiet(peer)
        assert len(ear.told) == 4


async def test_one_who_asks_in_the_middle_of_a_read_is_told_from_the_next_message_on() -> None:
    async with serving(Watched) as server:
        peer, ear = await server.open()
        half = masked(TEXT, b"cut in two")
        peer.send(masked(TEXT, b"trace") + masked(TEXT, b"in the same read") + half[:7])
        await until(lambda: len(ear.told) == 2)
        peer.send(half[7:])
        await until(lambda: len(ear.told) == 3)
        peer.send(masked(TEXT, b"whole"))
        (frame,) = (await traced(peer)).frames
        assert (frame.length, frame.message) == (5, 4)


async def test_one_for_whom_it_is_asked_between_two_reads_is_told_of_the_next() -> None:
    async with serving(Watched) as server:
        peer, ear = await server.open()
        ear.socket.trace(on=True)
        peer.send(masked(TEXT, b"whole"))
        (frame,) = (await traced(peer)).frames
        assert (frame.length, frame.message) == (5, 1)


async def test_a_read_of_many_slices_is_told_as_far_as_it_goes_at_a_time() -> None:
    count = 3_000
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        peer.send(masked(TEXT, b"xx") * count)
        await until(lambda: len(ear.told) == count + 1)
        seen = missed = 0
        last = 1
        while seen + missed < count:
            told = await traced(peer)
            assert len(told.frames) <= MOST_FRAMES
            for frame in told.frames:
                assert frame.message is not None
                assert frame.message > last
                last = frame.message
            seen += len(told.frames)
            missed += told.missed
        assert seen + missed == count


# Being slow.


async def test_who_does_not_read_is_told_nothing_and_later_how_much_it_was() -> None:
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        stall(peer)
        waiting = fill(ear, frame_text(b"x" * 32_000))
        unsent = ear.socket.unsent()
        ear.socket.ping()
        ear.socket.ping()
        other, _ = await server.open()
        await quiet(other)
        assert ear.socket.unsent() == unsent + 4, "two pings, and nothing that tells of them"
        read_again(peer)
        for _ in range(waiting):
            await peer.frame()
        assert [await peer.frame() for _ in range(2)] == [(PING, b"")] * 2
        await until(lambda: ear.events == ["paused", "resumed"])
        peer.send(masked(TEXT, b"back"))
        told = await traced(peer)
        assert (len(told.frames), told.missed) == (1, 2)


async def test_the_pong_that_waited_for_a_slow_reader_is_told() -> None:
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        stall(peer)
        # The ping is in the same read as what has the receiver write more than goes out.
        blocked = asyncio.Event()

        def write(text: bytes) -> None:
            if text == b"fill":
                fill(ear, frame_text(b"x" * 32_000))
                blocked.set()

        ear.receive = write  # type: ignore[method-assign]
        peer.send(masked(TEXT, b"fill") + masked(PING, b"late"))
        async with asyncio.timeout(5):
            await blocked.wait()
        read_again(peer)
        while (frame := await peer.frame()).opcode == TEXT:
            pass
        assert frame == (PONG, b"late")
        told = await traced(peer)
        assert (short(told.frames), told.missed) == ([("server", PONG, b"late".hex())], 2)


# The end.

CLOSES: list[tuple[Callable[[Peer, Ear], Any], int, list[Told]]] = [
    (lambda _, ear: ear.socket.close(4008, "no"), 4008, [("server", CLOSE, "0fa86e6f")]),
    (
        lambda peer, _: peer.send(masked(CLOSE, b"\x03\xe8bye")),
        1000,
        [("client", CLOSE, "03e8" + b"bye".hex()), ("server", CLOSE, "03e8" + b"bye".hex())],
    ),
    (lambda peer, _: peer.send(masked(CLOSE)), 0, [("client", CLOSE, ""), ("server", CLOSE, "")]),
]


@pytest.mark.parametrize(("end", "code", "closes"), CLOSES)
async def test_close_frames_are_told_before_the_last_goes_out_and_nothing_after_it(
    end: Callable[[Peer, Ear], None], code: int, closes: list[Told]
) -> None:
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        end(peer, ear)
        assert short((await traced(peer)).frames) == closes
        opcode, payload = await peer.frame()
        assert (opcode, int.from_bytes(payload[:2])) == (CLOSE, code)
        peer.send(masked(TEXT, b"after the end") + masked(PING) + masked(CLOSE, b"\x03\xe8"))
        await peer.eof()
        await until(lambda: ear.is_closed)


async def test_what_breaks_the_protocol_is_told_with_the_close_frame_that_answers_it() -> None:
    async with serving(Watched) as server:
        peer, _ = await open_traced(server)
        peer.send(masked(TEXT, b"\xff"))
        told = (await traced(peer)).frames
        assert [(frame.sender, frame.opcode) for frame in told] == [
            ("client", TEXT),
            ("server", CLOSE),
        ]
        assert await peer.closed() == 1007


async def test_what_waits_to_be_told_is_told_before_the_close_frame() -> None:
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        ear.socket.ping()
        ear.socket.close(1001)
        assert await peer.frame() == (PING, b"")
        told = (await traced(peer)).frames
        assert [frame.opcode for frame in told] == [PING, CLOSE]
        peer.send(masked(CLOSE))
        assert await peer.closed() == 1001


async def test_to_ask_after_the_end_does_nothing() -> None:
    async with serving(Watched) as server:
        peer, ear = await server.open()
        ear.socket.close(1001)
        ear.socket.trace(on=True)
        assert traced_readers() == 0
        peer.send(masked(CLOSE))
        assert await peer.closed() == 1001


# Who is not traced.


async def test_one_who_is_traced_no_more_is_read_like_everybody_else() -> None:
    gc.collect()
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        assert traced_readers() == 1
        for _ in range(3):
            peer.send(masked(TEXT, b"no trace") + masked(TEXT, b"trace"))
            await traced(peer)
        await until(lambda: len(ear.told) == 7)
        assert traced_readers() == 1
        peer.send(masked(TEXT, b"no trace"))
        await traced(peer)
        assert traced_readers() == 0


def traced_readers() -> int:
    return sum(type(thing) is TracedReader for thing in gc.get_objects())


@pytest.mark.parametrize("lose", [Peer.reset, lambda peer: peer.send(masked(CLOSE))])
async def test_the_reader_of_one_that_was_traced_is_nobody_elses(
    lose: Callable[[Peer], Awaitable[None] | None],
) -> None:
    async with serving(Watched) as server:
        peer, ear = await open_traced(server)
        peer.send(masked(TEXT, b"hello"))
        await traced(peer)
        lose(peer)
        await until(lambda: ear.is_closed)
        other, others = await server.open()
        other.send(masked(TEXT, b"hello"))
        await until(lambda: others.told)
        await quiet(other)
