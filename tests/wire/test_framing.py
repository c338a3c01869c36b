"""Frames of text, read back by the parser that our own client uses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from causerie.wire.framing import frame_text, text_of


def received(data: bytes) -> list[Frame]:
    """Returns the frames that a client reads, of a server that sent these bytes."""
    client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN, max_size=None)
    client.receive_data(data)
    events = client.events_received()
    assert client.parser_exc is None
    return [event for event in events if isinstance(event, Frame)]


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, "8100"),
        (1, "8101"),
        (125, "817d"),
        (126, "817e007e"),
        (127, "817e007f"),
        (65_535, "817effff"),
        (65_536, "817f0000000000010000"),
        (65_537, "817f0000000000010001"),
        (1_000_000, "817f00000000000f4240"),
    ],
)
def test_the_head_has_the_shortest_form_that_holds_the_size(size: int, head: str) -> None:
    payload = b"x" * size
    frame = frame_text(payload)
    assert frame == bytes.fromhex(head) + payload
    assert received(frame) == [Frame(Opcode.TEXT, payload)]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_of_a_compressed_text_the_first_reserved_bit_alone_is_different(size: int) -> None:
    plain, compressed = frame_text(b"x" * size), frame_text(b"x" * size, compressed=True)
    assert compressed == b"\xc1" + plain[1:]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_the_text_of_a_frame_is_what_it_was_made_of(size: int) -> None:
    assert text_of(frame_text(b"x" * size)) == b"x" * size


@given(st.lists(st.text().map(str.encode)))
def test_frames_that_are_joined_are_read_one_by_one(payloads: list[bytes]) -> None:
    joined = b"".join(map(frame_text, payloads))
    assert received(joined) == [Frame(Opcode.TEXT, payload) for payload in payloads]
