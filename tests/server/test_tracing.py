"""What a client is told of its own frames: in order, numbered, bounded, and of nobody else's."""

import json
import logging
from typing import Any

import pytest
from tests.server.wire_peer import CLOSE, CONT, MASK, PING, PONG, TEXT, masked

from causerie.server.reader import Message, Ping, Reader
from causerie.server.scanner import FrameScanner, ScannedFrame
from causerie.server.tracing import MOST_FRAMES, Trace, TracedReader
from causerie.testing.framing import RSV1, deflate, take_frame
from causerie.wire.codec import decode_server_frame
from causerie.wire.replies import Traced, TracedFrame

LOGGER = logging.getLogger(__name__)
KEY = MASK.hex()


def told(trace: Trace) -> Traced:
    """What a trace tells, as it is read."""
    frame = take_frame(bytearray(trace.take()))
    assert frame is not None
    traced = decode_server_frame(frame.payload)
    assert isinstance(traced, Traced)
    return traced


def scanned(*frames: bytes) -> list[ScannedFrame]:
    return FrameScanner().feed(b"".join(frames))


# What there is to tell.


def test_frames_of_both_sides_are_told_in_the_order_in_which_they_were_noted() -> None:
    trace = Trace()
    trace.sent(b"\x89\x00", 1)
    trace.received(scanned(masked(PONG), masked(PING, b"?!")), 2, 0)
    trace.sent(b"\x8a\x02?!", 3)
    assert told(trace).frames == [
        TracedFrame(sender="server", time=1, fin=True, opcode=PING, length=0, size=2),
        TracedFrame(
            sender="client", time=2, fin=True, opcode=PONG, length=0, size=6, masking_key=KEY
        ),
        TracedFrame(
            sender="client",
            time=2,
            fin=True,
            opcode=PING,
            length=2,
            size=8,
            masking_key=KEY,
            payload=b"?!".hex(),
        ),
        TracedFrame(
            sender="server", time=3, fin=True, opcode=PONG, length=2, size=4, payload=b"?!".hex()
        ),
    ]


def test_of_a_compressed_message_the_length_on_the_wire_is_told_and_that_it_is_compressed() -> None:
    trace = Trace()
    payload = deflate(b"so long, " * 50)
    first = masked(TEXT, payload[:9], fin=False, rsv=RSV1)
    trace.received(scanned(first, masked(CONT, payload[9:])), 1, 0)
    frames = told(trace).frames
    assert [(frame.rsv1, frame.fin, frame.length) for frame in frames] == [
        (True, False, 9),
        (False, True, len(payload) - 9),
    ]


def test_each_data_frame_names_its_message_and_control_frames_name_none() -> None:
    trace = Trace()
    frames = scanned(
        masked(TEXT),
        masked(TEXT, fin=False),
        masked(PING),
        masked(CONT, fin=False),
        masked(CONT),
        masked(TEXT),
    )
    trace.received(frames, 1, 40)
    assert [frame.message for frame in told(trace).frames] == [41, 42, None, 42, 42, 43]


def test_what_a_message_says_is_not_told() -> None:
    trace = Trace()
    trace.received(scanned(masked(TEXT, b"a secret")), 1, 0)
    text = trace.take()
    assert b"secret" not in text
    assert b"a secret".hex().encode() not in text


def test_there_is_nothing_to_tell_until_there_is_and_it_is_told_once() -> None:
    trace = Trace()
    assert (trace.is_empty, trace.take()) == (True, b"")
    trace.sent(b"\x89\x00", 1)
    assert (trace.is_empty, len(told(trace).frames)) == (False, 1)
    assert (trace.is_empty, trace.take()) == (True, b"")


def test_more_than_is_told_at_a_time_is_counted() -> None:
    trace = Trace()
    trace.received(scanned(*[masked(PING)] * (MOST_FRAMES + 3)), 1, 0)
    trace.sent(b"\x8a\x00" * 4, 2)
    first = told(trace)
    assert (len(first.frames), first.missed) == (MOST_FRAMES, 7)
    trace.sent(b"\x89\x00", 3)
    assert told(trace).missed == 0


def test_what_is_skipped_is_counted_and_not_kept() -> None:
    trace = Trace()
    for _ in range(10):
        trace.sent(b"\x89\x00" * 7, 1)
        trace.skip()
    assert trace.is_empty
    assert trace.take() == b""
    trace.sent(b"\x8a\x00", 2)
    traced = told(trace)
    assert (len(traced.frames), traced.missed) == (1, 70)


def test_the_longest_that_is_told_at_a_time_stays_below_a_run_of_entries() -> None:
    trace = Trace()
    trace.received(scanned(*[masked(PING, b"x" * 125)] * MOST_FRAMES), 2_000_000_000_000, 0)
    assert 20_000 < len(trace.take()) < 32 * 1024


# The reader.


@pytest.fixture
def scans() -> list[list[ScannedFrame]]:
    return []


def reader(scans: list[list[ScannedFrame]], *before: bytes) -> TracedReader:
    inner = Reader(max_message=1000, binary=False, logger=LOGGER)
    for data in before:
        list(inner.feed(data))
    return TracedReader(inner, scans.append)


def test_frames_are_scanned_before_the_reader_says_what_they_amount_to(
    scans: list[list[ScannedFrame]],
) -> None:
    traced = reader(scans)
    reading = traced.feed(masked(TEXT, b"1") + masked(PING, b"2"))
    assert [frame.opcode for frame in scans[0]] == [TEXT, PING]
    assert list(reading) == [Message(b"1", is_binary=False), Ping(b"\x8a\x012")]
    assert traced.cost == 2


def test_one_that_stands_in_the_middle_begins_between_two_messages(
    scans: list[list[ScannedFrame]],
) -> None:
    frame = masked(TEXT, b"in two")
    traced = reader(scans, frame[:5])
    assert list(traced.feed(frame[5:])) == [Message(b"in two", is_binary=False)]
    assert scans == []
    assert list(traced.feed(masked(TEXT, b"frag", fin=False))) == []
    assert list(traced.feed(masked(CONT, b"ments"))) == [Message(b"fragments", is_binary=False)]
    assert [frame.length for frames in scans for frame in frames] == [4, 5]


def test_it_is_never_at_rest_so_that_nobody_else_is_given_it(
    scans: list[list[ScannedFrame]],
) -> None:
    traced = reader(scans)
    list(traced.feed(masked(TEXT, b"whole")))
    assert traced.reader.at_rest
    assert not traced.at_rest


def test_what_else_a_reader_does_it_passes_on(scans: list[list[ScannedFrame]]) -> None:
    traced = reader(scans)
    traced.ignore_messages()
    assert list(traced.feed(masked(TEXT, b"1"))) == []
    traced.drop()
    with pytest.raises(StopIteration):
        next(traced.reader.parser)


def test_nothing_of_it_is_more_than_json_says(scans: list[list[ScannedFrame]]) -> None:
    trace = Trace()
    trace.received(scanned(masked(CLOSE, b"\x03\xe8</script>\n\xff\x00")), 1, 0)
    frame = take_frame(bytearray(trace.take()))
    assert frame is not None
    text: dict[str, Any] = json.loads(frame.payload)
    assert text == {
        "type": "traced",
        "frames": [
            {
                "sender": "client",
                "time": 1,
                "fin": True,
                "opcode": 8,
                "length": 14,
                "size": 20,
                "maskingKey": KEY,
                "payload": b"\x03\xe8</script>\n\xff\x00".hex(),
            }
        ],
    }
